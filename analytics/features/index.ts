export { buildFeatures, columnsOf, takeRows } from './build.js';
export type { FeatureColumn, Features, FeatureTable, Flow, ProblemCount } from './build.js';
export { compileStudy } from './compile.js';
export type { CompiledStudy } from './compile.js';
export { ageYears } from './instants.js';
export type { PermittedPatient, PermittedPatients, ResourceId } from './patient.js';
export type { OnProblem, ReadingProblem } from './readings.js';
export { patientRow, SEX_LEVELS } from './row.js';
export type { Exclusion, PatientRow, RowOptions } from './row.js';
export { families, resolveStudy } from './study.js';
export type {
  Code,
  Disease,
  Family,
  FamilyCode,
  LevelBand,
  SeverityLevel,
  Study,
  StudyDefinition,
  StudyFeature,
  Transform,
} from './study.js';
export { conversion, convert, normaliseUnit } from './units.js';
export type { Conversion } from './units.js';
