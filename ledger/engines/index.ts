export { COMMITS_WAITING_MAX, EmbeddedEngine, openEmbedded } from './embedded.js';
export type { EmbeddedOptions } from './embedded.js';
export type { Committed, Engine, EngineBatch, PublishedLog, TreeHead } from './engine.js';
export { exportLog } from './export.js';
export type { Exported } from './export.js';
export { readEntry, readLogFile, storedNodes } from './log-rows.js';
