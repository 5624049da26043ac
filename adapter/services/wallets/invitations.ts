/** Invitations of patients, and what became of them. They lie under their hash: who reads the store cannot enrol by them. */
import { createHash } from 'node:crypto';
import type { StateView } from '../../../ledger/custody/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { openRow, sealRow } from '../../../ledger/vault/index.js';
import type { Enrolled } from '../../http/contract/index.js';
import { newHandle } from '../../handle.js';

/** An invitation is a secret of 128 bits, good once and for a week. */
const INVITATION_BYTES = 16;
export const INVITATION_MS = 7 * 24 * 60 * 60 * 1000;

export interface InvitationRow {
  readonly source: string;
  readonly patient: string;
  readonly expiresAt: number;
  /** Handle of the enrolment that was lost, whose place the new one takes. */
  readonly recovers?: string;
  /** Answer to the enrolment that used it: a repeat after a lost answer gets it again. */
  readonly used?: { readonly csrHash: string; readonly answer: Enrolled };
}

type View = Pick<StateView, 'get'>;

const RECOVERIES = 'recovery/';

export class Invitations {
  readonly #store: Store;
  readonly #key: Buffer;

  constructor(store: Store, indexKey: Buffer) {
    this.#store = store;
    this.#key = indexKey;
  }

  /** A code, 22 characters of base64url. */
  newCode(): string {
    return newHandle(INVITATION_BYTES);
  }

  get(code: string, view: View = { get: (key) => this.#store.getSync(key) }): InvitationRow | undefined {
    const key = keyOf(code);
    const sealed = view.get(key);
    if (sealed === undefined) return undefined;
    return JSON.parse(openRow(this.#key, key, sealed).toString('utf8')) as InvitationRow;
  }

  write(code: string, row: InvitationRow): StoreWrite {
    const key = keyOf(code);
    return { type: 'put', key, value: sealRow(this.#key, key, Buffer.from(JSON.stringify(row), 'utf8')) };
  }

  /** The latest invitation of a re-enrolment is the one that counts. */
  recoveryWrite(subjectKey: string, code: string): StoreWrite {
    return { type: 'put', key: RECOVERIES + subjectKey, value: Buffer.from(keyOf(code), 'latin1') };
  }

  isLatestRecovery(view: View, subjectKey: string, code: string): boolean {
    return view.get(RECOVERIES + subjectKey)?.toString('latin1') === keyOf(code);
  }
}

function keyOf(code: string): string {
  return `invitation/${createHash('sha256').update(code).digest('base64url')}`;
}
