/** What is measured, how each laboratory codes and reports it, and how often it is left out. */
import type { Admission } from './admission.js';
import { LOINC } from './codes.js';

/** How one laboratory (or monitor) reports a measure. */
export interface Report {
  readonly system: typeof LOINC;
  readonly code: string;
  readonly display: string;
  /** UCUM code. */
  readonly unit: string;
  /** What people read; the UCUM code when absent. */
  readonly unitText?: string;
  /** From the unit of `Admission` to this one: multiply, then add. */
  readonly scale?: number;
  readonly offset?: number;
  readonly decimals: number;
}

/** Three laboratories: mass units, molar units with 10^9/L, and the older American habit. */
export type Laboratory = 'a' | 'b' | 'c';

/** A measure of the admission. */
export interface Measure {
  readonly name: MeasureName;
  readonly category: 'vital-signs' | 'laboratory';
  readonly reports: Readonly<Record<Laboratory, Report>>;
  /** Log-odds of being measured at admission, at a severity of 0 and for one spread of it: the sicker, the more. */
  readonly measured: { readonly base: number; readonly severity: number };
  /** The value that illness pulls away from and recovery returns to. */
  readonly healthy: number;
  /** Relative spread of a repeated measurement. */
  readonly noise: number;
  /** What a report can hold, in the unit of `Admission`. */
  readonly limits: readonly [low: number, high: number];
  /** From here down the report says `<`. */
  readonly detection?: number;
}

/** Names of the numeric values of an admission that are reported as Observations of their own. */
export type MeasureName = Extract<
  keyof Admission,
  | 'spo2Percent'
  | 'respiratoryRatePerMin'
  | 'heartRatePerMin'
  | 'temperatureCel'
  | 'glasgowComaScore'
  | 'oxygenLPerMin'
  | 'crpMgPerL'
  | 'ureaMmolPerL'
  | 'lymphocytesGPerL'
  | 'neutrophilsGPerL'
  | 'leukocytesGPerL'
  | 'plateletsGPerL'
  | 'creatinineUmolPerL'
  | 'ldhUPerL'
  | 'dDimerNgPerMl'
  | 'ferritinNgPerMl'
  | 'interleukin6PgPerMl'
  | 'procalcitoninNgPerMl'
>;

const loinc = (
  code: string,
  display: string,
  unit: string,
  decimals: number,
  more: Partial<Report> = {},
): Report => ({
  system: LOINC,
  code,
  display,
  unit,
  decimals,
  ...more,
});
const everywhere = (report: Report): Record<Laboratory, Report> => ({ a: report, b: report, c: report });

/** One mg/dL of urea nitrogen is 0.357 mmol/L of urea. */
const UREA_MMOL_PER_BUN_MG = 0.357;
/** One mg/dL of creatinine is 88.42 umol/L. */
const CREATININE_UMOL_PER_MG = 88.42;
/** Fibrinogen equivalent units are about twice D-dimer units. */
const FEU_PER_DDU = 2;

const ALWAYS = { base: 4, severity: 0.3 };
const ROUTINE = { base: 2.4, severity: 0.5 };
const ON_CONCERN = { base: 0.2, severity: 0.9 };
const SPECIAL = { base: -1.1, severity: 1 };

const lymphocytes = 'Lymphocytes [#/volume] in Blood';
const leukocytes = 'Leukocytes [#/volume] in Blood';
const dDimer = 'Fibrin D-dimer';

/** All measures, in the order in which a ward and then a laboratory would report them. */
export const MEASURES: readonly Measure[] = [
  {
    name: 'spo2Percent',
    category: 'vital-signs',
    reports: {
      a: loinc('59408-5', 'Oxygen saturation in Arterial blood by Pulse oximetry', '%', 0),
      b: loinc('2708-6', 'Oxygen saturation in Arterial blood', '%', 0),
      c: loinc('59408-5', 'Oxygen saturation in Arterial blood by Pulse oximetry', '%', 0),
    },
    measured: ALWAYS,
    healthy: 98,
    noise: 0.01,
    limits: [55, 100],
  },
  {
    name: 'respiratoryRatePerMin',
    category: 'vital-signs',
    reports: everywhere(loinc('9279-1', 'Respiratory rate', '/min', 0, { unitText: 'breaths/minute' })),
    measured: ALWAYS,
    healthy: 15,
    noise: 0.07,
    limits: [8, 60],
  },
  {
    name: 'heartRatePerMin',
    category: 'vital-signs',
    reports: everywhere(loinc('8867-4', 'Heart rate', '/min', 0, { unitText: 'beats/minute' })),
    measured: ALWAYS,
    healthy: 76,
    noise: 0.07,
    limits: [38, 190],
  },
  {
    name: 'temperatureCel',
    category: 'vital-signs',
    reports: {
      a: loinc('8310-5', 'Body temperature', 'Cel', 1),
      b: loinc('8310-5', 'Body temperature', 'Cel', 1),
      c: loinc('8310-5', 'Body temperature', '[degF]', 1, { scale: 1.8, offset: 32 }),
    },
    measured: ALWAYS,
    healthy: 36.8,
    noise: 0.008,
    limits: [34, 41.5],
  },
  {
    name: 'glasgowComaScore',
    category: 'vital-signs',
    reports: everywhere(loinc('9269-2', 'Glasgow coma score total', '{score}', 0)),
    measured: ROUTINE,
    healthy: 15,
    noise: 0,
    limits: [3, 15],
  },
  {
    name: 'oxygenLPerMin',
    category: 'vital-signs',
    reports: everywhere(loinc('3151-8', 'Inhaled oxygen flow rate', 'L/min', 0)),
    measured: ALWAYS,
    healthy: 0,
    noise: 0,
    limits: [0, 15],
  },
  {
    name: 'crpMgPerL',
    category: 'laboratory',
    reports: {
      a: loinc('1988-5', 'C reactive protein [Mass/volume] in Serum or Plasma', 'mg/L', 0),
      b: loinc('1988-5', 'C reactive protein [Mass/volume] in Serum or Plasma', 'mg/L', 0),
      c: loinc('1988-5', 'C reactive protein [Mass/volume] in Serum or Plasma', 'mg/dL', 1, { scale: 0.1 }),
    },
    measured: ROUTINE,
    healthy: 4,
    noise: 0.12,
    limits: [1, 520],
    detection: 1,
  },
  {
    name: 'ureaMmolPerL',
    category: 'laboratory',
    reports: {
      a: loinc('22664-7', 'Urea [Moles/volume] in Serum or Plasma', 'mmol/L', 1),
      b: loinc('22664-7', 'Urea [Moles/volume] in Serum or Plasma', 'mmol/L', 1),
      c: loinc('3094-0', 'Urea nitrogen [Mass/volume] in Serum or Plasma', 'mg/dL', 0, {
        scale: 1 / UREA_MMOL_PER_BUN_MG,
      }),
    },
    measured: ROUTINE,
    healthy: 5.2,
    noise: 0.07,
    limits: [0.8, 60],
  },
  {
    name: 'lymphocytesGPerL',
    category: 'laboratory',
    reports: {
      a: loinc('731-0', `${lymphocytes} by Automated count`, '10*3/uL', 1, { unitText: 'K/uL' }),
      b: loinc('26474-7', lymphocytes, '10*9/L', 1),
      c: loinc('731-0', `${lymphocytes} by Automated count`, '10*3/uL', 1),
    },
    measured: ROUTINE,
    healthy: 1.7,
    noise: 0.1,
    limits: [0.1, 9],
  },
  {
    name: 'neutrophilsGPerL',
    category: 'laboratory',
    reports: {
      a: loinc('751-8', 'Neutrophils [#/volume] in Blood by Automated count', '10*3/uL', 1),
      b: loinc('751-8', 'Neutrophils [#/volume] in Blood by Automated count', '10*9/L', 1),
      c: loinc('751-8', 'Neutrophils [#/volume] in Blood by Automated count', '10*3/uL', 1),
    },
    measured: ROUTINE,
    healthy: 4.2,
    noise: 0.1,
    limits: [0.1, 60],
  },
  {
    name: 'leukocytesGPerL',
    category: 'laboratory',
    reports: {
      a: loinc('6690-2', `${leukocytes} by Automated count`, '10*3/uL', 1),
      b: loinc('26464-8', leukocytes, '10*9/L', 1),
      c: loinc('6690-2', `${leukocytes} by Automated count`, '10*3/uL', 1),
    },
    measured: ROUTINE,
    healthy: 6.5,
    noise: 0.08,
    limits: [0.3, 70],
  },
  {
    name: 'plateletsGPerL',
    category: 'laboratory',
    reports: {
      a: loinc('777-3', 'Platelets [#/volume] in Blood by Automated count', '10*3/uL', 0),
      b: loinc('777-3', 'Platelets [#/volume] in Blood by Automated count', '10*9/L', 0),
      c: loinc('777-3', 'Platelets [#/volume] in Blood by Automated count', '10*3/uL', 0),
    },
    measured: ROUTINE,
    healthy: 250,
    noise: 0.06,
    limits: [5, 1200],
  },
  {
    name: 'creatinineUmolPerL',
    category: 'laboratory',
    reports: {
      a: loinc('2160-0', 'Creatinine [Mass/volume] in Serum or Plasma', 'mg/dL', 2, {
        scale: 1 / CREATININE_UMOL_PER_MG,
      }),
      b: loinc('14682-9', 'Creatinine [Moles/volume] in Serum or Plasma', 'umol/L', 0),
      c: loinc('2160-0', 'Creatinine [Mass/volume] in Serum or Plasma', 'mg/dL', 2, {
        scale: 1 / CREATININE_UMOL_PER_MG,
      }),
    },
    measured: ROUTINE,
    healthy: 80,
    noise: 0.06,
    limits: [20, 1500],
  },
  {
    name: 'ldhUPerL',
    category: 'laboratory',
    reports: {
      a: loinc('2532-0', 'Lactate dehydrogenase [Enzymatic activity/volume] in Serum or Plasma', 'U/L', 0),
      b: loinc(
        '14804-9',
        'Lactate dehydrogenase [Enzymatic activity/volume] in Serum or Plasma by Lactate to pyruvate reaction',
        'U/L',
        0,
      ),
      c: loinc('2532-0', 'Lactate dehydrogenase [Enzymatic activity/volume] in Serum or Plasma', 'U/L', 0),
    },
    measured: ON_CONCERN,
    healthy: 190,
    noise: 0.08,
    limits: [80, 6000],
  },
  {
    name: 'dDimerNgPerMl',
    category: 'laboratory',
    reports: {
      a: loinc('48065-7', `${dDimer} FEU [Mass/volume] in Platelet poor plasma`, 'ng/mL{FEU}', 0),
      b: loinc(
        '48058-2',
        `${dDimer} DDU [Mass/volume] in Platelet poor plasma by Immunoassay`,
        'ng/mL{DDU}',
        0,
        {
          scale: 1 / FEU_PER_DDU,
        },
      ),
      c: loinc('48065-7', `${dDimer} FEU [Mass/volume] in Platelet poor plasma`, 'ug/mL{FEU}', 2, {
        scale: 0.001,
      }),
    },
    measured: ON_CONCERN,
    healthy: 350,
    noise: 0.15,
    limits: [50, 80_000],
  },
  {
    name: 'ferritinNgPerMl',
    category: 'laboratory',
    reports: {
      a: loinc('2276-4', 'Ferritin [Mass/volume] in Serum or Plasma', 'ng/mL', 0),
      b: loinc('2276-4', 'Ferritin [Mass/volume] in Serum or Plasma', 'ug/L', 0),
      c: loinc('2276-4', 'Ferritin [Mass/volume] in Serum or Plasma', 'ng/mL', 0),
    },
    measured: ON_CONCERN,
    healthy: 150,
    noise: 0.1,
    limits: [5, 60_000],
  },
  {
    name: 'interleukin6PgPerMl',
    category: 'laboratory',
    reports: everywhere(loinc('26881-3', 'Interleukin 6 [Mass/volume] in Serum or Plasma', 'pg/mL', 1)),
    measured: SPECIAL,
    healthy: 3,
    noise: 0.2,
    limits: [1.5, 5000],
    detection: 1.5,
  },
  {
    name: 'procalcitoninNgPerMl',
    category: 'laboratory',
    reports: {
      a: loinc('33959-8', 'Procalcitonin [Mass/volume] in Serum or Plasma', 'ng/mL', 2),
      b: loinc('33959-8', 'Procalcitonin [Mass/volume] in Serum or Plasma', 'ug/L', 2),
      c: loinc('33959-8', 'Procalcitonin [Mass/volume] in Serum or Plasma', 'ng/mL', 2),
    },
    measured: ON_CONCERN,
    healthy: 0.05,
    noise: 0.2,
    limits: [0.02, 100],
    detection: 0.02,
  },
];

/** What the ward looks at again and again. */
export const BEDSIDE: readonly Measure[] = MEASURES.filter(({ name }) =>
  ['spo2Percent', 'respiratoryRatePerMin', 'heartRatePerMin', 'temperatureCel'].includes(name),
);

/** What the laboratory is asked again during the stay. */
export const FOLLOW_UP: readonly Measure[] = MEASURES.filter(({ name }) =>
  ['crpMgPerL', 'ureaMmolPerL', 'lymphocytesGPerL', 'creatinineUmolPerL', 'dDimerNgPerMl'].includes(name),
);
