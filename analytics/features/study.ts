import { AnalyticsError } from '../errors.js';
import comorbidityTable from './comorbidities.json' with { type: 'json' };
import familyTable from './families.json' with { type: 'json' };

/** A code in a code system. */
export interface Code {
  readonly system: string;
  readonly code: string;
}

/** How one LOINC code of a family is read. */
export interface FamilyCode {
  /** LOINC. */
  readonly code: string;
  /** After unit conversion, for what UCUM cannot tell (D-dimer units). */
  readonly multiply?: number;
  /** g/mol of what this code measures, for conversions between mass and amount of substance. */
  readonly molarMass?: number;
}

/** LOINC codes that measure the same thing, and the unit they are brought to. */
export interface Family {
  readonly label: string;
  /** UCUM. */
  readonly unit: string;
  /** Values outside are not believed: counted and left out. */
  readonly plausible: readonly [low: number, high: number];
  readonly codes: readonly FamilyCode[];
}

/** A disease that counts once, however many codes say it. */
export interface Disease {
  readonly name: string;
  readonly snomed: readonly string[];
  /** ICD-10 and ICD-10-CM categories: a code that begins so belongs. */
  readonly icd10: readonly string[];
}

/** Which of several readings in the window is taken. */
export type Pick = 'first' | 'last' | 'min' | 'max';

/** How a numeric feature is tamed before standardising: cut at the 1st and 99th percentile, logarithm, or as it is. */
export type Transform = 'winsorise' | 'log' | 'none';

/** A predictor: what is read, and how it is prepared. */
export type StudyFeature = { readonly name: string; readonly label: string } & (
  | { readonly kind: 'age'; readonly transform: Transform }
  | { readonly kind: 'sex' }
  /** Number of the study's diseases present at admission. */
  | { readonly kind: 'disease-count'; readonly transform: Transform }
  /**
   * 1 where a Condition or Procedure has one of the codes, or the first Observation of one of the `above` codes
   * exceeds its value, else 0: what nobody recorded counts as absent.
   */
  | {
      readonly kind: 'presence';
      readonly codes: readonly Code[];
      readonly above: readonly (Code & { readonly value: number })[];
    }
  | {
      readonly kind: 'measurement';
      readonly family: string;
      readonly pick: Pick;
      readonly transform: Transform;
    }
  /** 1 where the reading picked lies below the threshold. */
  | { readonly kind: 'below'; readonly family: string; readonly pick: Pick; readonly threshold: number }
);

/** A band of predicted probability and its name. */
export interface LevelBand {
  readonly level: SeverityLevel;
  /** Probabilities from here up to the next band's. */
  readonly from: number;
  readonly meaning: string;
}

/** How severe the course is expected to be. */
export type SeverityLevel = 'mild' | 'moderate' | 'severe' | 'critical';

/** What is studied: who, when, from what, and what for. Plain JSON. */
export interface StudyDefinition {
  readonly name: string;
  readonly version: string;
  readonly title: string;
  readonly cohort: {
    /** v3-ActCode classes of the index Encounter. */
    readonly encounterClasses: readonly string[];
    /** One of these Conditions must be known by the scoring time. */
    readonly conditions: readonly Code[];
    readonly ageYearsMin: number;
  };
  readonly window: {
    /** Predictors are effective no earlier than so many hours before admission. */
    readonly lookBackHours: number;
    /** Scoring time, after admission. */
    readonly scoringHours: number;
    /** The outcome counts up to so many days after admission. */
    readonly horizonDays: number;
  };
  readonly outcome: {
    readonly label: string;
    /** Observations of the scale, with an integer or quantity as value. */
    readonly codes: readonly Code[];
    /** The outcome is this score or a higher one. */
    readonly threshold: number;
    /** Whether death counts, as the top of the scale. */
    readonly death: boolean;
  };
  readonly features: readonly StudyFeature[];
  /** Ascending from 0. */
  readonly levels: readonly LevelBand[];
  readonly fitting: {
    /** Decides split and folds. */
    readonly seed: string;
    readonly testShare: number;
    readonly folds: number;
    /** A patient with a greater share of predictors imputed is not scored. */
    readonly imputedShareMax: number;
  };
}

/** A study with the tables it uses, so that it stands by itself. */
export interface Study extends StudyDefinition {
  readonly families: Readonly<Record<string, Family>>;
  readonly diseases: readonly Disease[];
}

/** The families of LOINC codes that come with the software. */
export const families: ReadonlyMap<string, Family> = new Map(
  Object.entries(familyTable.families as unknown as Record<string, Family>),
);

/**
 * Joins a definition with the families and diseases it names.
 *
 * @throws AnalyticsError ANALYTICS_STUDY_INVALID for an unknown family, a name used twice, an order of windows or levels
 * that makes no sense, or no features.
 */
export function resolveStudy(definition: StudyDefinition): Study {
  const used: Record<string, Family> = {};
  const names = new Set<string>();
  for (const feature of definition.features) {
    if (names.has(feature.name)) throw invalid(`feature ${feature.name} stands twice`);
    names.add(feature.name);
    if (feature.kind !== 'measurement' && feature.kind !== 'below') continue;
    const family = families.get(feature.family);
    if (family === undefined) throw invalid(`feature ${feature.name}: no family ${feature.family}`);
    used[feature.family] = family;
  }
  if (names.size === 0) throw invalid('no features');
  const { lookBackHours, scoringHours, horizonDays } = definition.window;
  if (!(lookBackHours >= 0 && scoringHours > 0 && horizonDays * 24 > scoringHours)) {
    throw invalid('the window wants 0 ≤ look-back, and 0 < scoring time < horizon');
  }
  if (definition.outcome.codes.length === 0) throw invalid('no outcome');
  if (
    definition.levels[0]?.from !== 0 ||
    definition.levels.some((band, i) => i > 0 && !(band.from > (definition.levels[i - 1]?.from ?? 1)))
  ) {
    throw invalid('levels ascend from 0');
  }
  const { testShare, folds } = definition.fitting;
  if (!(testShare > 0 && testShare < 1) || !Number.isInteger(folds) || folds < 2 || folds > 20) {
    throw invalid('a test share lies between 0 and 1, folds between 2 and 20');
  }
  return { ...definition, families: used, diseases: comorbidityTable.diseases };
}

function invalid(message: string): AnalyticsError {
  return new AnalyticsError('ANALYTICS_STUDY_INVALID', message);
}
