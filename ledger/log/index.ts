export { canonicalBytes, canonicalize, parseCanonical } from './canonical-json.js';
export type { JsonObject, JsonValue } from './canonical-json.js';
export {
  generateSeed,
  isSafePublicKey,
  privateKeyObject,
  publicKey,
  publicKeyObject,
  rawPublicKey,
  sign,
  verify,
} from './ed25519.js';
export {
  AT_OFFSET,
  atMember,
  DRAFT_BYTES_MAX,
  draftBytes,
  ENTRY_BYTES_MAX,
  entryBytes,
  NONCE_BYTES,
  stampDraft,
  unknownType,
  unstampEntry,
} from './entry.js';
export type { Draft, Entry, EntryType } from './entry.js';
export {
  CompactRange,
  emptyRoot,
  HASH_BYTES,
  leafHash,
  nodeHash,
  rangeHeights,
  rootOf,
  rootOfEntries,
  sha256,
} from './merkle.js';
export type { NodeListener } from './merkle.js';
export {
  buildSubmission,
  isBuilt,
  SUBMISSION_DOMAIN,
  SUBMISSION_DRAFTS_MAX,
  submissionMessage,
  submissionRoot,
  verifySubmission,
} from './submission.js';
export type {
  Submission,
  SubmissionCheck,
  SubmissionClaim,
  SubmissionInput,
  SubmissionRefusal,
} from './submission.js';
export { formatCheckpoint, openCheckpoint, parseCheckpoint, signCheckpoint } from './checkpoint.js';
export type { Checkpoint, CheckpointRefusal, OpenedCheckpoint } from './checkpoint.js';
export {
  consistencyProof,
  inclusionProof,
  loadRange,
  tileNodes,
  verifyConsistency,
  verifyInclusion,
} from './merkle-proof.js';
export type { NodeReader, TileReader } from './merkle-proof.js';
export { NOTE_BYTES_MAX, openNote, signNote, splitNote } from './note.js';
export type { NoteRefusal, OpenedNote, SignatureLine } from './note.js';
export {
  decodeBase64,
  encodeSkey,
  encodeVkey,
  isKeyName,
  noteSigner,
  noteVerifier,
  parseSkey,
  parseVkey,
} from './note-key.js';
export type { NoteSigner, NoteVerifier } from './note-key.js';
export { checkEntryForm, entrySchemas, envelopeSchema, schemaFiles } from './schemas.js';
export type { EntryForm, JsonSchema } from './schemas.js';
export {
  BUNDLE_BYTES_MAX,
  decodeBundle,
  encodeBundle,
  entriesPath,
  fullTiles,
  parseTilePath,
  partialWidth,
  splitBundle,
  TILE_HEIGHT,
  TILE_LEVEL_MAX,
  TILE_WIDTH,
  tilePath,
  tilePathAt,
  tilesOf,
} from './tiles.js';
export type { TilePath } from './tiles.js';
