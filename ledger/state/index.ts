export { applyEntry, readTagValue, statementValue, tagValue } from './apply-entry.js';
export type { ConsentStatement, ParticipantStatement, StateEntry, StateUpdate } from './apply-entry.js';
export { catchUpState } from './catch-up.js';
export { emptyStateRoot, STATE_KINDS, stateKey } from './hashing.js';
export type { StateKind } from './hashing.js';
export { checkStateProof, decodeStateProof, encodeStateProof } from './proof.js';
export type {
  Sha256,
  StateProof,
  StateProofCheck,
  StateProofEnd,
  StateProofRefusal,
  StateProofStep,
} from './proof.js';
export { openStateMap, StateMap } from './state-map.js';
export type { PlacedEntry, StagedState, StateMapOptions, StateRoot } from './state-map.js';
