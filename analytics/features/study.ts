import { AnalyticsError } from '../errors.js';
import { STAGE_SCORES } from './stages.js';
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

/**
 * What is made of the readings in the window: one of them, their mean, how many there are (0 where there is none), or the
 * least-squares slope a day (missing with fewer than two times).
 */
export type Pick = 'first' | 'last' | 'min' | 'max' | 'mean' | 'count' | 'slope';

/** How a numeric feature is tamed before standardising: cut at the 1st and 99th percentile, logarithm, or as it is. */
export type Transform = 'winsorise' | 'log' | 'none';

/** A predictor: what is read, and how it is prepared. */
export type StudyFeature = { readonly name: string; readonly label: string } & (
  | { readonly kind: 'age'; readonly transform: Transform }
  | { readonly kind: 'sex' }
  /** Number of the diseases named that are present at admission; without names, of those that come with the software. */
  | { readonly kind: 'disease-count'; readonly diseases?: readonly string[]; readonly transform: Transform }
  /** 1 where a Condition of one of the diseases named is present at admission, else 0. */
  | { readonly kind: 'disease'; readonly diseases: readonly string[] }
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
      /** UCUM; the family's unless named. A slope is this a day. */
      readonly unit?: string;
      readonly transform: Transform;
    }
  /** One measurement over another, each picked alike, such as neutrophils over lymphocytes; missing where either is, or the lower is 0. */
  | {
      readonly kind: 'ratio';
      readonly numerator: string;
      readonly denominator: string;
      readonly pick: Pick;
      readonly transform: Transform;
    }
  /** A number or yes-or-no of a view, of the rows whose time lies in the window. */
  | {
      readonly kind: 'column';
      readonly view: string;
      readonly column: string;
      /** The column that says when it was so; only a view of Patient needs none. */
      readonly time?: string;
      /** The column that says when it became known. */
      readonly issued?: string;
      readonly pick: Pick;
      /** UCUM, as the view gives it; for the reader of a report. */
      readonly unit?: string;
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
    /** Who has one of these Conditions by the scoring time is left out, told by its label. */
    readonly exclude?: readonly {
      readonly label: string;
      readonly conditions?: readonly Code[];
      readonly diseases?: readonly string[];
    }[];
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
    /** What the scale is read off, such as ventilation: a predictor that reads one of these is dropped. */
    readonly defining?: readonly Code[];
  };
  /** Families of the study's own, besides those that come with the software; of the same name, instead of them. */
  readonly families?: Readonly<Record<string, Family>>;
  /** Diseases of the study's own, by value set. */
  readonly diseases?: readonly Disease[];
  /** ViewDefinitions by name, besides those that come with the software. */
  readonly views?: Readonly<Record<string, unknown>>;
  /** Hours after admission of the landmark analysis: who is still free of the outcome then, and what was known by then. */
  readonly landmarkHours?: number;
  readonly features: readonly StudyFeature[];
  /** Pairs of numeric or yes-or-no features whose product is a predictor too. */
  readonly interactions?: readonly (readonly [string, string])[];
  /** What is fitted; a binary model with a penalty chosen by cross-validation unless named. */
  readonly model?: {
    readonly family: ModelFamily;
    /** λ on standardised columns, 0 for none; chosen by cross-validation unless named. */
    readonly penalty?: number;
  };
  /** Ascending from 0; none where the model tells stages, since the level follows from their probabilities then. */
  readonly levels?: readonly LevelBand[];
  readonly fitting: {
    /** Decides split and folds. */
    readonly seed: string;
    /** Of the patients; where hospitals are held out it is not looked at. */
    readonly testShare: number;
    /** Who is held out: patients drawn by key, those admitted last, or those of the hospitals named. By patient unless named. */
    readonly split?:
      { readonly by: 'patient' | 'time' } | { readonly by: 'hospital'; readonly hold: readonly string[] };
    /** Quantiles that winsorised features are drawn in to; 0.01 and 0.99 unless named. */
    readonly winsor?: readonly [low: number, high: number];
    readonly folds: number;
    /** A patient with a greater share of predictors imputed is not scored. */
    readonly imputedShareMax: number;
  };
}

/**
 * Kinds of model. `binary` and `firth` tell the probability of the outcome; the others tell the stages of the scale, from which
 * that of the outcome follows: `multinomial` and `proportional-odds` in one model, `composite` by one of each step.
 */
export const MODEL_FAMILIES = ['binary', 'firth', 'multinomial', 'proportional-odds', 'composite'] as const;

export type ModelFamily = (typeof MODEL_FAMILIES)[number];

/** Whether a study's model tells the stages of the scale. */
export function isStaged({ model }: { readonly model?: StudyDefinition['model'] | undefined }): boolean {
  return model !== undefined && model.family !== 'binary' && model.family !== 'firth';
}

/** A feature that the study named and that is not used. */
export interface DroppedFeature {
  readonly name: string;
  readonly because: 'defines-outcome';
}

/** A study with the tables it uses, so that it stands by itself. */
export interface Study extends StudyDefinition {
  readonly levels: readonly LevelBand[];
  readonly families: Readonly<Record<string, Family>>;
  readonly diseases: readonly Disease[];
  /** Left out because they read what defines the outcome. */
  readonly dropped?: readonly DroppedFeature[];
}

/** The diseases that come with the software. */
export const shippedDiseases: readonly Disease[] = comorbidityTable.diseases;

/** The families of LOINC codes that come with the software. */
export const families: ReadonlyMap<string, Family> = new Map(
  Object.entries(familyTable.families as unknown as Record<string, Family>),
);

/** The families that a feature reads. */
export function familiesOf(feature: StudyFeature): readonly string[] {
  if (feature.kind === 'measurement' || feature.kind === 'below') return [feature.family];
  return feature.kind === 'ratio' ? [feature.numerator, feature.denominator] : [];
}

/**
 * Joins a definition with the families and diseases it names, and leaves out what defines the outcome.
 *
 * @throws AnalyticsError ANALYTICS_STUDY_INVALID for an unknown family, disease or feature, a name used twice, an order of
 * windows or levels that makes no sense, or no features.
 */
export function resolveStudy(definition: StudyDefinition): Study {
  const used: Record<string, Family> = {};
  const names = new Set<string>();
  const dropped: DroppedFeature[] = [];
  const features: StudyFeature[] = [];
  const diseases = diseasesOf(definition);
  for (const feature of definition.features) {
    if (names.has(feature.name)) throw invalid(`feature ${feature.name} stands twice`);
    names.add(feature.name);
    const read = familiesOf(feature).map((name): [string, Family] => {
      const family = familyOf(definition, name);
      if (family === undefined) throw invalid(`feature ${feature.name}: no family ${name}`);
      return [name, family];
    });
    for (const name of 'diseases' in feature ? (feature.diseases ?? []) : []) {
      if (!diseases.some((d) => d.name === name))
        throw invalid(`feature ${feature.name}: no disease ${name}`);
    }
    if (
      definesOutcome(
        definition,
        feature,
        read.map(([, family]) => family),
      )
    ) {
      dropped.push({ name: feature.name, because: 'defines-outcome' });
      continue;
    }
    for (const [name, family] of read) used[name] = family;
    features.push(feature);
  }
  if (features.length === 0) throw invalid('no features');
  const { lookBackHours, scoringHours, horizonDays } = definition.window;
  if (!(lookBackHours >= 0 && scoringHours > 0 && horizonDays * 24 > scoringHours)) {
    throw invalid('the window wants 0 ≤ look-back, and 0 < scoring time < horizon');
  }
  const { landmarkHours } = definition;
  if (landmarkHours !== undefined && !(landmarkHours > 0 && landmarkHours < horizonDays * 24)) {
    throw invalid('the landmark lies between admission and horizon');
  }
  if (definition.outcome.codes.length === 0) throw invalid('no outcome');
  const [fault] = modelFaults(definition);
  if (fault !== undefined) throw invalid(`${fault.path.join('.')}: ${fault.message}`);
  const { testShare, folds, winsor = [0, 1] } = definition.fitting;
  if (!(winsor[0] >= 0 && winsor[0] < winsor[1] && winsor[1] <= 1))
    throw invalid('winsor ascends from 0 to 1');
  if (!(testShare > 0 && testShare < 1) || !Number.isInteger(folds) || folds < 2 || folds > 20) {
    throw invalid('a test share lies between 0 and 1, folds between 2 and 20');
  }
  return {
    ...definition,
    features,
    ...(definition.interactions === undefined ? {} : { interactions: interactionsOf(definition, dropped) }),
    levels: definition.levels ?? [],
    families: used,
    diseases,
    ...(dropped.length === 0 ? {} : { dropped }),
  };
}

/** What contradicts itself in what a study says of its model and levels. */
export function modelFaults({ model, outcome, levels = [] }: StudyDefinition): {
  readonly path: readonly string[];
  readonly message: string;
}[] {
  const faults = [];
  if (model?.family === 'firth' && model.penalty !== undefined)
    faults.push({ path: ['model', 'penalty'], message: 'Firth’s method has none' });
  if (isStaged({ model })) {
    if (!STAGE_SCORES.some((score) => score === outcome.threshold))
      faults.push({
        path: ['outcome', 'threshold'],
        message: `a ${model?.family} model wants one that begins a stage: ${STAGE_SCORES.join(', ')}`,
      });
    if (levels.length > 0)
      faults.push({
        path: ['levels'],
        message: `a ${model?.family} model has none: the level follows from the probabilities of the stages`,
      });
  } else if (
    levels[0]?.from !== 0 ||
    levels.some((band, i) => i > 0 && !(band.from > (levels[i - 1]?.from ?? 1)))
  ) {
    faults.push({ path: ['levels'], message: 'they ascend from 0, and there is at least one' });
  }
  return faults;
}

/** The interactions of which no feature was dropped. */
function interactionsOf(
  { interactions = [], features }: StudyDefinition,
  dropped: readonly DroppedFeature[],
): (readonly [string, string])[] {
  const gone = new Set(dropped.map(({ name }) => name));
  for (const name of interactions.flat()) {
    if (!features.some((feature) => feature.name === name && feature.kind !== 'sex'))
      throw invalid(`interactions: no numeric feature ${name}`);
  }
  return interactions.filter((pair) => !pair.some((name) => gone.has(name)));
}

/** A family of the study's own, or one that comes with the software. */
export function familyOf(
  definition: { readonly families?: Readonly<Record<string, Family>> },
  name: string,
): Family | undefined {
  const own = definition.families;
  return own !== undefined && Object.hasOwn(own, name) ? own[name] : families.get(name);
}

/** The diseases that come with the software, then the study's own. */
export function diseasesOf({
  diseases = [],
}: {
  readonly diseases?: readonly Disease[];
}): readonly Disease[] {
  const own = new Set(diseases.map(({ name }) => name));
  return [...shippedDiseases.filter(({ name }) => !own.has(name)), ...diseases];
}

/** Whether a feature reads the outcome itself, or what it is read off. */
function definesOutcome(
  { outcome }: StudyDefinition,
  feature: StudyFeature,
  read: readonly Family[],
): boolean {
  const defining = new Set(
    [...outcome.codes, ...(outcome.defining ?? [])].map(({ system, code }) => `${system}|${code}`),
  );
  if (read.some(({ codes }) => codes.some(({ code }) => defining.has(`http://loinc.org|${code}`))))
    return true;
  if (feature.kind === 'presence') {
    return [...feature.codes, ...feature.above].some(({ system, code }) => defining.has(`${system}|${code}`));
  }
  // A view of Patient tells of the death that the outcome counts.
  return feature.kind === 'column' && outcome.death && /deceas|death|died/i.test(feature.column);
}

function invalid(message: string): AnalyticsError {
  return new AnalyticsError('ANALYTICS_STUDY_INVALID', message);
}
