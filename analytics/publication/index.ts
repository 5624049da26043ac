export { cardMarkdown } from './card-text.js';
export { modelCard } from './model-card.js';
export type { CardCounts, CardSource, CardTerm, ModelCard } from './model-card.js';
export { portableOfStudy } from './of-study.js';
export {
  portableModel,
  portableSchema,
  portableText,
  predictPortable,
  readPortable,
  scorePortable,
} from './portable.js';
export type { PortableKind, PortableModel, PortableScore } from './portable.js';
export { tripodChecklist } from './tripod.js';
export type { TripodItem } from './tripod.js';
