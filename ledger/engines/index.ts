export { adoptEntries } from './adopt.js';
export type { PublishedTree } from './adopt.js';
export { COMMITS_WAITING_MAX, EmbeddedEngine, openEmbedded } from './embedded.js';
export type { EmbeddedOptions } from './embedded.js';
export type { Committed, Engine, EngineBatch, PublishedLog, TreeHead } from './engine.js';
export { exportLog } from './export.js';
export type { Exported } from './export.js';
export { readEntry, readLogFile, storedNodes } from './log-rows.js';
export {
  CHECKPOINT_KEY,
  decodeHead,
  HEAD_KEY,
  rotationKey,
  rotationPath,
  VKEY_KEY,
  vkeyFile,
} from './log-rows.js';
