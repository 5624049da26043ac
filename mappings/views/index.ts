export { compileView } from './view.js';
export type { View, ViewRun } from './view.js';
export { ViewError } from './errors.js';
export type { ViewErrorCode, ViewErrorOptions } from './errors.js';
export { VIEW_LIMITS } from './limits.js';
export type { ColumnKind, ViewColumnInfo } from './column-info.js';
export type { Cell } from './plan.js';
