/** What lies in the vault, without opening any of it: each record version's handle and the hash of its ciphertext. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { decodeHead, HEAD_KEY } from '../../ledger/engines/index.js';
import type { Store } from '../../ledger/store.js';
import { bodyReference, ciphertextHashOf } from '../../ledger/vault/index.js';
import type { Blobs } from '../../ledger/vault/index.js';
import type { VaultRow, VaultView } from '../../ledger/verify/index.js';
import { AdapterError } from '../errors.js';
import { askAdmin } from './admin.js';

const PREFIX = 'vault/';
/** Rows that name records whose content a restore could not bring back. */
export const LOST_RECORDS = 'lost/';
/** A record's number of its source resource stands before its sealed row. */
const NUMBER_BYTES = 4;
const HANDLE_BYTES = 32;
const ROW_BYTES = 2 * HANDLE_BYTES;
/** Rows hashed before other work gets its turn. */
const ROWS_A_TURN = 500;

/** Sends the vault's rows in parts, each base64 of handle and hash in turn, and answers with the log's size. */
export async function sendVaultRows(
  store: Store,
  blobs: Blobs | undefined,
  onProgress: (progress: unknown) => void,
  signal?: AbortSignal,
): Promise<{ size: number }> {
  // One moment of the store: size and rows belong together, whatever is written meanwhile.
  const snapshot = store.snapshot();
  try {
    const head = store.getSync(HEAD_KEY, { snapshot });
    const size = head === undefined ? 0 : decodeHead(head).size;
    let part: Buffer[] = [];
    const flush = async (): Promise<void> => {
      if (part.length > 0) onProgress({ rows: Buffer.concat(part).toString('base64') });
      part = [];
      await nextTurn();
    };
    for await (const [key, value] of store.iterator({ gte: PREFIX, lt: `${PREFIX}~`, snapshot })) {
      if (signal?.aborted === true) break;
      part.push(Buffer.from(key.slice(key.lastIndexOf('/') + 1), 'base64url'), await hashOf(value, blobs));
      if (part.length >= 2 * ROWS_A_TURN) await flush();
    }
    await flush();
    const lost: Buffer[] = [];
    for await (const key of store.keys({ gte: LOST_RECORDS, lt: `${LOST_RECORDS}~`, snapshot }))
      lost.push(Buffer.from(key.slice(LOST_RECORDS.length), 'base64url'));
    if (lost.length > 0) onProgress({ lost: Buffer.concat(lost).toString('base64') });
    return { size };
  } finally {
    await snapshot.close();
  }
}

/**
 * The vault of a store that this process has open.
 *
 * @param blobs - Where bodies lie in files: each file is read. Without it, what their rows say of them is taken.
 */
export async function vaultOfStore(store: Store, blobs?: Blobs): Promise<VaultView> {
  const parts: unknown[] = [];
  const { size } = await sendVaultRows(store, blobs, (part) => parts.push(part));
  return { size, rows: rowsOf(parts), lost: lostOf(parts) };
}

/** The vault of a running instance. @throws AdapterError ADAPTER_NOT_RUNNING */
export async function vaultOfRunning(adminSocket: string): Promise<VaultView> {
  const parts: unknown[] = [];
  const answer = await askAdmin(adminSocket, { command: 'vault-rows', args: {} }, (part) => parts.push(part));
  const size = typeof answer === 'object' && answer !== null && 'size' in answer ? Number(answer.size) : 0;
  return { size, rows: rowsOf(parts), lost: lostOf(parts) };
}

function* rowsOf(parts: readonly unknown[]): Generator<VaultRow> {
  for (const part of parts) {
    const { rows = '' } = part as { rows?: string };
    const bytes = Buffer.from(rows, 'base64');
    if (bytes.length % ROW_BYTES !== 0)
      throw new AdapterError('ADAPTER_CONFLICT', 'the instance answered with half a row');
    for (let at = 0; at < bytes.length; at += ROW_BYTES) {
      yield {
        handle: bytes.toString('base64url', at, at + HANDLE_BYTES),
        ciphertext: bytes.toString('base64url', at + HANDLE_BYTES, at + ROW_BYTES),
      };
    }
  }
}

function lostOf(parts: readonly unknown[]): Set<string> {
  const handles = new Set<string>();
  for (const part of parts) {
    const { lost = '' } = part as { lost?: string };
    const bytes = Buffer.from(lost, 'base64');
    for (let at = 0; at < bytes.length; at += HANDLE_BYTES)
      handles.add(bytes.toString('base64url', at, at + HANDLE_BYTES));
  }
  return handles;
}

/** A row that is none, or whose file is not there, has a hash that no entry states. */
async function hashOf(value: Buffer, blobs: Blobs | undefined): Promise<Buffer> {
  const row = value.subarray(NUMBER_BYTES);
  try {
    const body = bodyReference(row);
    if (body === undefined || blobs === undefined) return ciphertextHashOf(row);
    return (await blobs.hash(body.name)) ?? Buffer.alloc(HANDLE_BYTES);
  } catch {
    return Buffer.alloc(HANDLE_BYTES);
  }
}
