export { cardMarkdown } from './card-text.js';
export { modelCard, regressionCard } from './model-card.js';
export type { CardCounts, CardRegression, CardSource, CardTerm, ModelCard } from './model-card.js';
export { portableOfStudy } from './of-study.js';
export { portableModel, portableSchema, portableText, readPortable, scorePortable } from './portable.js';
export type { PortableModel, PortableScore } from './portable.js';
export { tripodChecklist } from './tripod.js';
export type { TripodItem } from './tripod.js';
