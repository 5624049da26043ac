export { Blobs } from './blobs.js';
export type { SealedBlob, WriteOptions } from './blobs.js';
export { VaultError } from './errors.js';
export type { VaultErrorCode } from './errors.js';
export { openEvent, sealEvent } from './event-seal.js';
export { FACTS_MAX, factsRoot, openFact, verifyFact } from './facts.js';
export type { Fact, FactOpening } from './facts.js';
export { areKeysProtected, KeyRing, openKeyRing, PASSPHRASE_CHARS_MIN } from './key-ring.js';
export type { AskPassphrase } from './key-ring.js';
export { deriveStorageKeys, openKeys } from './keys.js';
export type { InstanceKeys, StorageKeys } from './keys.js';
export { facadeId, mark } from './marks.js';
export { randomBuffer } from './random.js';
export { bodyReference, ciphertextHashOf, openLargeHead, sealLargeRecord } from './large-record.js';
export type { BodyReference } from './large-record.js';
export { isLargeRow, SALT_BYTES } from './record-row.js';
export type { RecordName } from './record-row.js';
export { commitmentOf, commitmentOfHash, openCard, openRecord, sealRecord } from './record-seal.js';
export type { OpenedRecord, RecordCard, SealedRecord } from './record-seal.js';
export { openAnswer, sealAnswer } from './sealed-answer.js';
export type { AnswerHead } from './sealed-answer.js';
export { openRow, sealRow } from './sealed-row.js';
export {
  CHUNK_BYTES,
  ChunkOpener,
  isStreamName,
  openStream,
  sealedLength,
  STREAM_HEAD_BYTES,
  streamName,
  StreamSealer,
} from './stream-seal.js';
export type { SealedStream, StreamKey, StreamName } from './stream-seal.js';
export { tag } from './tags.js';
export { unwrapRecordKey, wrapRecordKey } from './wraps.js';
export type { RecordKeyWrap, WrapRecipient } from './wraps.js';
export { generateX25519, isSafeX25519, x25519PublicKey } from './x25519.js';
