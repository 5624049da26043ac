/**
 * What is true of one patient at admission, and what becomes of them.
 *
 * The constants are ours: they are set so that the medians and spreads look like those reported for hospital COVID-19
 * in 2020 and 2021, and so that the 4C probabilities spread as in the model's publication (c-statistic 0.77).
 */
import { deteriorationProbability } from '../four-c.js';
import type { FourCInput } from '../four-c.js';
import { Random } from '../random.js';
import { COMORBIDITIES } from './codes.js';
import type { ComorbidityName } from './codes.js';

/** A patient's condition at admission, in the units that the 4C model uses, and the chance of getting worse. */
export interface Admission extends FourCInput {
  readonly index: number;
  /** Latent severity, a standard normal; never written into any resource. */
  readonly severity: number;
  readonly heartRatePerMin: number;
  readonly temperatureCel: number;
  readonly systolicMmHg: number;
  readonly diastolicMmHg: number;
  readonly glasgowComaScore: number;
  /** 0 on room air. */
  readonly oxygenLPerMin: number;
  readonly neutrophilsGPerL: number;
  readonly leukocytesGPerL: number;
  readonly plateletsGPerL: number;
  readonly creatinineUmolPerL: number;
  readonly ldhUPerL: number;
  /** Fibrinogen equivalent units. */
  readonly dDimerNgPerMl: number;
  readonly ferritinNgPerMl: number;
  readonly interleukin6PgPerMl: number;
  readonly procalcitoninNgPerMl: number;
  readonly comorbidities: readonly ComorbidityName[];
  /** By the 4C Deterioration model, from the values above. */
  readonly probability: number;
  /** Whether score 6 or worse of the WHO scale is reached within 28 days: drawn with that probability. */
  readonly deteriorates: boolean;
}

/** Age at admission: mean and spread of the bell, and how far it leans to the young. */
const AGE = { mean: 71, spread: 16.5, lean: 2.5, min: 18, max: 102 };
const MALE_SHARE = 0.57;

/** Log-normal values: median, spread of the logarithm, loading on severity, loading on age. */
const SKEWED = {
  spo2Deficit: { median: 5.6, logSpread: 0.58, severity: 0.7, age: 0.05 },
  respiratoryRate: { median: 21, logSpread: 0.23, severity: 0.68, age: 0 },
  crp: { median: 76, logSpread: 1.05, severity: 0.58, age: 0.05 },
  urea: { median: 6.9, logSpread: 0.56, severity: 0.25, age: 0.5 },
  lymphocytes: { median: 0.9, logSpread: 0.52, severity: -0.4, age: -0.15 },
  neutrophils: { median: 5.4, logSpread: 0.48, severity: 0.4, age: 0.05 },
  creatinine: { median: 84, logSpread: 0.42, severity: 0.15, age: 0.2 },
  ldh: { median: 340, logSpread: 0.4, severity: 0.65, age: 0 },
  dDimer: { median: 950, logSpread: 0.95, severity: 0.4, age: 0.3 },
  ferritin: { median: 620, logSpread: 0.95, severity: 0.45, age: 0 },
  interleukin6: { median: 36, logSpread: 1.15, severity: 0.55, age: 0 },
  procalcitonin: { median: 0.14, logSpread: 1.25, severity: 0.45, age: 0.1 },
} as const;

/** Log-odds of findings: at a severity of 0 and mean age, then for one standard deviation of each. */
const FINDINGS = {
  oxygen: { base: -0.8, severity: 1.35, age: 0.1 },
  infiltrates: { base: 0.55, severity: 0.5, age: -0.1 },
  confused: { base: -2.1, severity: 0.45, age: 0.75 },
  nosocomial: { base: -2.6, severity: -0.1, age: 0.35 },
} as const;

/** Limits that a monitor or a laboratory would report. */
const LIMITS = {
  spo2: [55, 100],
  respiratoryRate: [8, 60],
  crp: [1, 520],
  urea: [0.8, 60],
  lymphocytes: [0.1, 9],
} as const;

/**
 * Draws one patient. Cheap, so that 60,000 patients can be looked at without making resources.
 *
 * @param seed - Of the whole population.
 * @param index - Of the patient, from 0; the draw depends on nothing else.
 */
export function drawAdmission(seed: number, index: number): Admission {
  const random = new Random(seed, index, 'admission');
  const severity = random.normal();
  const ageNormal = random.normal();
  const ageYears = Math.floor(
    clamp(AGE.mean + AGE.spread * ageNormal - AGE.lean * (ageNormal * ageNormal - 1), AGE.min, AGE.max),
  );
  const skewed = (name: keyof typeof SKEWED): number => {
    const { median, logSpread, severity: onSeverity, age } = SKEWED[name];
    return median * Math.exp(logSpread * random.correlatedNormal([severity, onSeverity], [ageNormal, age]));
  };
  const finding = (name: keyof typeof FINDINGS): boolean => {
    const { base, severity: onSeverity, age } = FINDINGS[name];
    return random.chance(1 / (1 + Math.exp(-(base + onSeverity * severity + age * ageNormal))));
  };

  const male = random.chance(MALE_SHARE);
  const nosocomial = finding('nosocomial');
  const infiltrates = finding('infiltrates');
  const oxygen = finding('oxygen');
  const confused = finding('confused');
  const spo2Percent = Math.round(clamp(100 - skewed('spo2Deficit'), ...LIMITS.spo2));
  const respiratoryRatePerMin = Math.round(clamp(skewed('respiratoryRate'), ...LIMITS.respiratoryRate));
  const crpMgPerL = Math.round(clamp(skewed('crp'), ...LIMITS.crp));
  const ureaMmolPerL = round(clamp(skewed('urea'), ...LIMITS.urea), 1);
  const lymphocytesGPerL = round(clamp(skewed('lymphocytes'), ...LIMITS.lymphocytes), 1);
  const input: FourCInput = {
    ageYears,
    male,
    nosocomial,
    infiltrates,
    oxygen,
    gcsBelow15: confused,
    respiratoryRatePerMin,
    spo2Percent,
    ureaMmolPerL,
    crpMgPerL,
    lymphocytesGPerL,
  };
  const probability = deteriorationProbability(input);
  const deteriorates = random.chance(probability);

  const neutrophilsGPerL = round(skewed('neutrophils'), 1);
  const systolicMmHg = Math.round(
    clamp(132 + 20 * random.correlatedNormal([severity, -0.2], [ageNormal, 0.15]), 70, 230),
  );
  return {
    ...input,
    index,
    severity,
    probability,
    deteriorates,
    heartRatePerMin: Math.round(
      clamp(90 + 17 * random.correlatedNormal([severity, 0.45], [ageNormal, -0.2]), 38, 190),
    ),
    temperatureCel: round(
      clamp(37.5 + 0.85 * random.correlatedNormal([severity, 0.25], [ageNormal, -0.15]), 34, 41.5),
      1,
    ),
    systolicMmHg,
    diastolicMmHg: Math.round(clamp(0.56 * systolicMmHg + 8 * random.normal(), 35, systolicMmHg - 15)),
    glasgowComaScore: confused ? random.integer(9, 14) : 15,
    oxygenLPerMin: oxygen ? random.pick([1, 2, 2, 2, 3, 4, 4, 5, 6, 8, 10, 15]) : 0,
    neutrophilsGPerL,
    leukocytesGPerL: round(neutrophilsGPerL + lymphocytesGPerL + 0.3 + 0.4 * random.uniform(), 1),
    plateletsGPerL: Math.round(
      clamp(222 * Math.exp(0.36 * random.correlatedNormal([severity, -0.1], [ageNormal, -0.15])), 12, 900),
    ),
    creatinineUmolPerL: Math.round(clamp(skewed('creatinine') * (ureaMmolPerL / 6.9) ** 0.45, 25, 1400)),
    ldhUPerL: Math.round(clamp(skewed('ldh'), 90, 4000)),
    dDimerNgPerMl: Math.round(clamp(skewed('dDimer'), 100, 60_000) / 10) * 10,
    ferritinNgPerMl: Math.round(clamp(skewed('ferritin'), 8, 30_000)),
    interleukin6PgPerMl: round(clamp(skewed('interleukin6'), 1.5, 5_000), 1),
    procalcitoninNgPerMl: round(clamp(skewed('procalcitonin'), 0.02, 100), 2),
    comorbidities: drawComorbidities(random, ageNormal, severity),
  };
}

function drawComorbidities(random: Random, ageNormal: number, severity: number): ComorbidityName[] {
  const had: ComorbidityName[] = [];
  for (const [name, { prevalence, onAge }] of Object.entries(COMORBIDITIES) as [
    ComorbidityName,
    (typeof COMORBIDITIES)[ComorbidityName],
  ][]) {
    const logOdds = Math.log(prevalence / (1 - prevalence)) + onAge * ageNormal + 0.1 * severity;
    if (random.chance(1 / (1 + Math.exp(-logOdds)))) had.push(name);
  }
  return had;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

function round(value: number, decimals: number): number {
  const scale = 10 ** decimals;
  return Math.round(value * scale) / scale;
}
