export { applyPreparation } from './apply.js';
export { fitPreparation } from './fit.js';
export type { DesignColumn, DroppedColumn, FeaturePreparation, Preparation } from './fit.js';
