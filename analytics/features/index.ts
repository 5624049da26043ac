export { buildFeatures, columnsOf, takeRows } from './build.js';
export type { FeatureColumn, Features, FeatureTable, Flow, ProblemCount, Stays, UnitCount } from './build.js';
export { compileStudy } from './compile.js';
export type { CompiledStudy } from './compile.js';
export { ageYears } from './instants.js';
export type { PermittedPatient, PermittedPatients, ResourceId } from './patient.js';
export type { OnProblem, OnUse, ReadingProblem } from './readings.js';
export { patientRow, SEX_LEVELS, unitOf } from './row.js';
export type { Exclusion, PatientRow, RowOptions } from './row.js';
export { CLASS_NAMES, STAGE_NAMES, STAGE_SCORES, stageOfScore } from './stages.js';
export {
  diseasesOf,
  families,
  familiesOf,
  familyOf,
  isStaged,
  MODEL_FAMILIES,
  modelFaults,
  resolveStudy,
  shippedDiseases,
} from './study.js';
export type {
  Code,
  Disease,
  DroppedFeature,
  Family,
  FamilyCode,
  LevelBand,
  ModelFamily,
  Pick,
  SeverityLevel,
  Study,
  StudyDefinition,
  StudyFeature,
  Transform,
} from './study.js';
export { conversion, convert, normaliseUnit } from './units.js';
export type { Conversion } from './units.js';
