export { VaultError } from './errors.js';
export type { VaultErrorCode } from './errors.js';
export { openEvent, sealEvent } from './event-seal.js';
export { FACTS_MAX, factsRoot, openFact, verifyFact } from './facts.js';
export type { Fact, FactOpening } from './facts.js';
export { deriveStorageKeys, openKeys } from './keys.js';
export type { InstanceKeys, StorageKeys } from './keys.js';
export { facadeId, mark } from './marks.js';
export { randomBuffer } from './random.js';
export {
  ciphertextHashOf,
  commitmentOf,
  openCard,
  openRecord,
  SALT_BYTES,
  sealRecord,
} from './record-seal.js';
export type { OpenedRecord, RecordCard, RecordName, SealedRecord } from './record-seal.js';
export { openRow, sealRow } from './sealed-row.js';
export { tag } from './tags.js';
export { unwrapRecordKey, wrapRecordKey } from './wraps.js';
export type { RecordKeyWrap, WrapRecipient } from './wraps.js';
export { generateX25519, isSafeX25519, x25519PublicKey } from './x25519.js';
