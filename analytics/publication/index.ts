export {
  portableModel,
  portableSchema,
  portableText,
  predictPortable,
  readPortable,
  scorePortable,
} from './portable.js';
export type { PortableKind, PortableModel, PortableScore } from './portable.js';
