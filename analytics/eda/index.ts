export { edaFrames, toDataFrame } from './frames.js';
export type { EdaFrames } from './frames.js';
export { edaReport } from './report.js';
export type { EdaReport, FeatureReport, LevelCount, Summary } from './report.js';
export { SMALL_CELL, suppressSmallCells } from './suppress.js';
