/** Requests that people posted from their browsers: nobody has vouched for them yet. */
import type { StateView } from '../../../ledger/custody/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { mark, openRow, sealRow } from '../../../ledger/vault/index.js';
import type { JoiningGroup, JoiningRole } from '../../http/contract/index.js';

export interface ApplicationRow {
  /** `r-…`, as other requests. */
  readonly id: string;
  /** PEM. */
  readonly csr: string;
  readonly csrSha256: string;
  readonly applicant: string;
  readonly role: JoiningRole;
  readonly group: JoiningGroup;
  /** Of the organisation. */
  readonly name: string;
  /** Of a person: id of the organisation. */
  readonly of?: string;
  readonly askedAt: number;
  /** The request that it became by the first officer's approval. */
  readonly request?: string;
  /** Why an officer refused it. */
  readonly refused?: string;
}

type View = Pick<StateView, 'get'>;

const PREFIX = 'ca/application/';

/** Sealed rows, named by a mark of the request's digest. */
export class Applications {
  readonly #store: Store;
  readonly #key: Buffer;

  constructor(store: Store, indexKey: Buffer) {
    this.#store = store;
    this.#key = indexKey;
  }

  /** @param csrSha256 - Hexadecimal, of the DER. */
  get(
    csrSha256: string,
    view: View = { get: (key) => this.#store.getSync(key) },
  ): ApplicationRow | undefined {
    const key = this.#keyOf(csrSha256);
    const row = view.get(key);
    return row === undefined ? undefined : this.#open(key, row);
  }

  put(row: ApplicationRow): StoreWrite {
    const key = this.#keyOf(row.csrSha256);
    return { type: 'put', key, value: sealRow(this.#key, key, Buffer.from(JSON.stringify(row), 'utf8')) };
  }

  remove(csrSha256: string): StoreWrite {
    return { type: 'del', key: this.#keyOf(csrSha256) };
  }

  /** The oldest first. */
  async all(): Promise<ApplicationRow[]> {
    const rows = await this.#store.iterator({ gte: PREFIX, lt: `${PREFIX}~` }).all();
    return rows.map(([key, row]) => this.#open(key, row)).toSorted((a, b) => a.askedAt - b.askedAt);
  }

  #keyOf(csrSha256: string): string {
    return PREFIX + mark(this.#key, 'application', csrSha256);
  }

  #open(key: string, row: Buffer): ApplicationRow {
    return JSON.parse(openRow(this.#key, key, row).toString('utf8')) as ApplicationRow;
  }
}
