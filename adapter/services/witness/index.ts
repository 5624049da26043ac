export { auditor } from './auditor.js';
export type { AuditorOptions } from './auditor.js';
export { AskedWitness } from './ask-witness.js';
export type { Asked, Post, WitnessReply } from './ask-witness.js';
export { CheckpointCosigner } from './checkpoint-cosigner.js';
export type { CosignerOptions, WitnessStatus } from './checkpoint-cosigner.js';
export { durableSteps } from './durable-file.js';
export type { DurableSteps } from './durable-file.js';
export { EvidenceFolder } from './evidence-folder.js';
export type { EvidenceSink } from './evidence-folder.js';
export { Follower } from './follower.js';
export type { Followed, FollowOptions } from './follower.js';
export { forgetPublication, Publication } from './publication.js';
export type { PublicationOptions } from './publication.js';
export { openWitnessKey } from './witness-key.js';
export type { WitnessRole } from './witness-key.js';
export { readPolicyFile, witnessUrls } from './witness-policy.js';
export { serveWitness } from './witness-server.js';
export type { WitnessServer } from './witness-server.js';
export { WitnessStore } from './witness-store.js';
export type { HeadStore, PinStore } from './witness-store.js';
export { configuredWitnesses, startWitnessing } from './witnessing.js';
export type {
  ConfiguredWitnesses,
  Witnessing,
  WitnessingOptions,
  WitnessingReport,
  WitnessReport,
} from './witnessing.js';
export { Witness } from './witness.js';
export type {
  AuditedLog,
  AuditResult,
  Replay,
  WatchedLog,
  WitnessAnswer,
  WitnessedHead,
  WitnessOptions,
} from './witness.js';
