/** Which keys are certified, and for whom: a key has one organisation, and one that was ended is never certified again. */
import type { StateView } from '../../../ledger/custody/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { mark } from '../../../ledger/vault/index.js';

/** What is known of a key. */
export interface CertifiedKey {
  /** Handle of the participant. */
  readonly handle: string;
  /** It was revoked or rotated away: it may be known to others. */
  readonly ended: boolean;
  /** It was revoked: whatever else it was certified for, it signs nothing any more. */
  readonly lost?: true;
}

const PREFIX = 'ca/key/';

/** Rows of certified Ed25519 keys, under marks that do not show them. */
export class KeyRows {
  readonly #store: Store;
  readonly #markKey: Buffer;

  constructor(store: Store, markKey: Buffer) {
    this.#store = store;
    this.#markKey = markKey;
  }

  /** @param raw - 32 bytes. */
  get(raw: Buffer, view: Pick<StateView, 'get'> = this.#view): CertifiedKey | undefined {
    const row = view.get(this.#keyOf(raw));
    return row === undefined ? undefined : (JSON.parse(row.toString('utf8')) as CertifiedKey);
  }

  put(raw: Buffer, value: CertifiedKey): StoreWrite {
    return { type: 'put', key: this.#keyOf(raw), value: Buffer.from(JSON.stringify(value), 'utf8') };
  }

  get #view(): Pick<StateView, 'get'> {
    return { get: (key) => this.#store.getSync(key) };
  }

  #keyOf(raw: Buffer): string {
    return PREFIX + mark(this.#markKey, 'certified-key', raw.toString('base64url'));
  }
}
