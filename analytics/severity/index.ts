export { baselineInputs } from './baseline-inputs.js';
export { baselineScore, BASELINES, compareWithBaselines } from './baselines.js';
export type { Baseline, BaselineComparison, BaselineValues } from './baselines.js';
export { compositeScore, fitComposite, LEVEL_MEANINGS, scoreComposite } from './levels.js';
export type { CompositeLevel, CompositeScore } from './levels.js';
export { fitStudyModel } from './fit.js';
export type { StudyFit } from './fit.js';
export { MODEL_FORMAT, modelHash, parseModel } from './model.js';
export type { BinarySeverityModel, SeverityModel, StagedSeverityModel } from './model.js';
export {
  explain,
  outcomeProbabilities,
  penaltiesOf,
  regressionOf,
  stageProbabilities,
} from './regression.js';
export type { Explanation } from './regression.js';
export { levelOf, scorePatient } from './score.js';
export type { Contribution, ScoreRefusal, ScoreRefusalCode, SeverityScore } from './score.js';
export { covidDeterioration, covidSeverity } from './study.js';
export { trainOnFeatures, trainSeverity } from './train.js';
export type { TrainedSeverity } from './train.js';
export { watchModel } from './watch.js';
export type { Watch } from './watch.js';
