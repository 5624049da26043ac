export { applyPreparation } from './apply.js';
export { fitPreparation } from './fit.js';
export type {
  DesignColumn,
  DroppedColumn,
  FeaturePreparation,
  Preparation,
  PreparationOptions,
} from './fit.js';
export { fitStudyPreparation, splitStudy } from './study.js';
