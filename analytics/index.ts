export { edaFrames, edaReport, SMALL_CELL, suppressSmallCells, toDataFrame, viewFrame } from './eda/index.js';
export type { EdaFrames, EdaReport, FeatureReport, LevelCount, Summary } from './eda/index.js';
export { AnalyticsError } from './errors.js';
export type { AnalyticsErrorCode } from './errors.js';
export { buildFeatures, resolveStudy } from './features/index.js';
export type {
  Exclusion,
  FeatureColumn,
  Features,
  FeatureTable,
  Flow,
  PermittedPatient,
  PermittedPatients,
  ProblemCount,
  ResourceId,
  SeverityLevel,
  Study,
  StudyDefinition,
} from './features/index.js';
export { MODEL_SYSTEM, riskAssessment, SEVERITY_LEVEL_SYSTEM } from './risk-assessment.js';
export type { RiskAssessmentContext } from './risk-assessment.js';
export {
  covidDeterioration,
  covidSeverity,
  modelHash,
  parseModel,
  penaltiesOf,
  scorePatient,
  trainOnFeatures,
  trainSeverity,
  watchModel,
} from './severity/index.js';
export type {
  Contribution,
  ScoreRefusal,
  ScoreRefusalCode,
  SeverityModel,
  SeverityScore,
  TrainedSeverity,
  Watch,
} from './severity/index.js';
export { cardMarkdown, modelCard, portableOfStudy, portableText, readPortable } from './publication/index.js';
export type { ModelCard, PortableModel } from './publication/index.js';
export { flowText, reportHtml, studyReport } from './report/index.js';
export type { StudyReport } from './report/index.js';
export { readStudy, studySchema } from './study/index.js';
export type { Performance } from './validation/index.js';
