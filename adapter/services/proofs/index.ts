export type { DenialArgs, ListArgs } from './lists.js';
export { prove } from './prove.js';
export type { Proved, ProveArgs } from './prove.js';
export type { RecordArgs } from './record.js';
export { patientNamed } from './subject.js';
export { versionProofs } from './versions.js';
export type { ProvenVersion, ShownVersion, VersionProofs } from './versions.js';
