export { baselineScore, BASELINES, compareWithBaselines } from './baselines.js';
export type { Baseline, BaselineComparison, BaselineValues } from './baselines.js';
export {
  compositeScore,
  fitComposite,
  scoreComposite,
  STAGE_NAMES,
  STAGE_SCORES,
  stageOfScore,
} from './levels.js';
export type { CompositeLevel, CompositeScore } from './levels.js';
export { MODEL_FORMAT, MODEL_FORMAT_VERSION, modelHash, parseModel } from './model.js';
export type { SeverityModel } from './model.js';
export { levelOf, scorePatient } from './score.js';
export type { Contribution, ScoreRefusal, ScoreRefusalCode, SeverityScore } from './score.js';
export { covidDeterioration } from './study.js';
export { trainOnFeatures, trainSeverity } from './train.js';
export type { TrainedSeverity } from './train.js';
export { watchModel } from './watch.js';
export type { Watch } from './watch.js';
