/** What lies in the vault, without opening any of it: each record version's handle and the hash of its ciphertext. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { decodeHead, HEAD_KEY } from '../../ledger/engines/index.js';
import type { Store } from '../../ledger/store.js';
import { ciphertextHashOf } from '../../ledger/vault/index.js';
import type { VaultRow, VaultView } from '../../ledger/verify/index.js';
import { AdapterError } from '../errors.js';
import { askAdmin } from './admin.js';

const PREFIX = 'vault/';
/** A record's number of its source resource stands before its sealed row. */
const NUMBER_BYTES = 4;
const HANDLE_BYTES = 32;
const ROW_BYTES = 2 * HANDLE_BYTES;
/** Rows hashed before other work gets its turn. */
const ROWS_A_TURN = 500;

/** Sends the vault's rows in parts, each base64 of handle and hash in turn, and answers with the log's size. */
export async function sendVaultRows(
  store: Store,
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
      part.push(Buffer.from(key.slice(key.lastIndexOf('/') + 1), 'base64url'), hashOf(value));
      if (part.length >= 2 * ROWS_A_TURN) await flush();
    }
    await flush();
    return { size };
  } finally {
    await snapshot.close();
  }
}

/** The vault of a store that this process has open. */
export async function vaultOfStore(store: Store): Promise<VaultView> {
  const parts: unknown[] = [];
  const { size } = await sendVaultRows(store, (part) => parts.push(part));
  return { size, rows: rowsOf(parts) };
}

/** The vault of a running instance. @throws AdapterError ADAPTER_NOT_RUNNING */
export async function vaultOfRunning(adminSocket: string): Promise<VaultView> {
  const parts: unknown[] = [];
  const answer = await askAdmin(adminSocket, { command: 'vault-rows', args: {} }, (part) => parts.push(part));
  const size = typeof answer === 'object' && answer !== null && 'size' in answer ? Number(answer.size) : 0;
  return { size, rows: rowsOf(parts) };
}

function* rowsOf(parts: readonly unknown[]): Generator<VaultRow> {
  for (const part of parts) {
    const { rows } = part as { rows: string };
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

/** A row that is none has a hash that no entry states. */
function hashOf(value: Buffer): Buffer {
  try {
    return ciphertextHashOf(value.subarray(NUMBER_BYTES));
  } catch {
    return Buffer.alloc(HANDLE_BYTES);
  }
}
