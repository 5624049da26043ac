/** Certificates as they are kept: findings sealed, and the leaves that name lines, which say nothing without the salt. */
import type { ReconciliationDocument } from '../../../ledger/proofs/index.js';
import { LISTING_BYTES_MAX, LISTING_LEAF_BYTES } from '../../../ledger/proofs/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { openRow, sealRow } from '../../../ledger/vault/index.js';

/** A certificate. */
export interface KeptCertificate {
  readonly handle: string;
  /** Of the commitment, base64url. */
  readonly salt: string;
  /** Canonical JSON of the findings. */
  readonly document: string;
}

const PREFIX = 'reconciliation/';
const LEAVES = 'reconciliation-leaves/';
/** Leaves of one row: about 200 KB. */
export const LEAVES_A_ROW = 4096;
/** Of how many certificates of a source the leaves are kept: they take 48 bytes a resource. */
const LEAVES_KEPT = 2;

export class Certificates {
  readonly #store: Store;
  readonly #key: Buffer;

  constructor(store: Store, indexKey: Buffer) {
    this.#store = store;
    this.#key = indexKey;
  }

  write(source: string, begunMs: number, kept: KeptCertificate): StoreWrite {
    const key = `${PREFIX}${source}/${timeName(begunMs)}`;
    return { type: 'put', key, value: sealRow(this.#key, key, Buffer.from(JSON.stringify(kept), 'utf8')) };
  }

  /** The newest certificate of a source, or the one of a handle. */
  async find(
    source: string,
    handle?: string,
  ): Promise<(KeptCertificate & { readonly begunMs: number }) | undefined> {
    const prefix = `${PREFIX}${source}/`;
    const rows = this.#store.iterator({ gte: prefix, lt: `${prefix}~`, reverse: true });
    try {
      for await (const [key, row] of rows) {
        const kept = JSON.parse(openRow(this.#key, key, row).toString('utf8')) as KeptCertificate;
        if (handle === undefined || kept.handle === handle)
          return { ...kept, begunMs: Number(key.slice(prefix.length)) };
      }
    } finally {
      await rows.close();
    }
    return undefined;
  }

  /** Findings of the newest certificate of a source. */
  async last(
    source: string,
  ): Promise<{ readonly handle: string; readonly document: ReconciliationDocument } | undefined> {
    const kept = await this.find(source);
    return kept === undefined
      ? undefined
      : { handle: kept.handle, document: JSON.parse(kept.document) as ReconciliationDocument };
  }

  leavesRow(source: string, begunMs: number, index: number, leaves: Buffer): StoreWrite {
    const key = `${LEAVES}${source}/${timeName(begunMs)}/${String(index).padStart(6, '0')}`;
    return { type: 'put', key, value: leaves };
  }

  /** All leaves of a certificate, in order; `undefined` where they are no longer kept, or too many for a file. */
  async leaves(source: string, begunMs: number, count: number): Promise<Buffer | undefined> {
    if (count * LISTING_LEAF_BYTES > LISTING_BYTES_MAX) return undefined;
    const prefix = `${LEAVES}${source}/${timeName(begunMs)}/`;
    const rows = await this.#store.values({ gte: prefix, lt: `${prefix}~` }).all();
    const all = Buffer.concat(rows);
    return all.length === count * LISTING_LEAF_BYTES ? all : undefined;
  }

  /** Drops the leaves of all certificates but the newest, and those of readings that came to no certificate. */
  async dropLeaves(source: string): Promise<void> {
    const prefix = `${PREFIX}${source}/`;
    const names = await this.#store
      .keys({ gte: prefix, lt: `${prefix}~`, reverse: true, limit: LEAVES_KEPT })
      .all();
    const kept = new Set(names.map((name) => name.slice(prefix.length)));
    const leaves = `${LEAVES}${source}/`;
    const old: StoreWrite[] = [];
    for await (const key of this.#store.keys({ gte: leaves, lt: `${leaves}~` })) {
      const time = key.slice(leaves.length, key.indexOf('/', leaves.length));
      if (!kept.has(time)) old.push({ type: 'del', key });
    }
    if (old.length > 0) await this.#store.batch(old);
  }
}

/** Of one length, so that their order is that of the times. */
function timeName(ms: number): string {
  return String(ms).padStart(15, '0');
}
