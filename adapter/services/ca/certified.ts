/**
 * Rows of those who are certified: all their certificates, and whether they were revoked. They go down in the batch of
 * the entry that they tell of, so that log and rows never differ.
 */
import type { StateView } from '../../../ledger/custody/index.js';
import { readLogFile } from '../../../ledger/engines/index.js';
import { decodeBundle, entriesPath, TILE_WIDTH } from '../../../ledger/log/index.js';
import type { Entry } from '../../../ledger/log/index.js';
import { certificateAt, readCertificate } from '../../../ledger/participants/index.js';
import type {
  CertificateAt,
  CertificateHistory,
  LogPosition,
  MemberGroup,
  ParticipantCertificate,
  PlacedCertificate,
} from '../../../ledger/participants/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { openRow, sealRow } from '../../../ledger/vault/index.js';
import type { RevocationReason } from '../../instance/clients.js';
import type { KeyRows } from './keys.js';

/** A certificate of a participant. */
export interface CertifiedKeys {
  /** DER, base64. */
  readonly der: string;
  readonly by: PlacedCertificate['by'];
  /** Size of the log when it was written: its leaf is not before. */
  readonly from: number;
  /** Of a patient's: opens the commitment on the log, base64url. Of the first one it lies with the enrolment. */
  readonly salt?: string;
}

/** All that is known of a participant's certificates. */
export interface Certified {
  /** Handle of its `participant.enrolled`. */
  readonly handle: string;
  /** In its certificates. */
  readonly id: string;
  readonly group: MemberGroup;
  readonly role?: string;
  /** Of somebody of an organisation: the organisation's id. */
  readonly memberOf?: string;
  /** The organisation's; patients have none here. */
  readonly name?: string;
  /** Of somebody of an organisation: the person's own name, never on the log. */
  readonly called?: string;
  /** In the order of the log; the last is the present one. */
  readonly certificates: readonly CertifiedKeys[];
  readonly revoked?: {
    readonly at: number;
    readonly from: number;
    readonly reason: RevocationReason;
    /** The log does not say so: a restore lost the key that had taken this one's place. */
    readonly isUnsaid?: true;
  };
  /** Of who was admitted on another authority's word alone: when the certificate that was shown ends, ms. */
  readonly endsBy?: number;
  /** Staff who asked for it and who approved it; never on the log. */
  readonly people?: { readonly askedBy: string; readonly approvedBy: string };
}

type View = Pick<StateView, 'get'>;

const ORGANISATIONS = 'ca/organisation/';
/** Apart, so that the organisations can be listed without going through all patients. */
const PATIENTS = 'ca/patient/';
/** Certificates of one participant: a renewal a day for a hundred years is fewer. */
const CERTIFICATES_MAX = 40_000;

/** The present certificate. */
export function presentOf(certified: Pick<Certified, 'certificates'>): ParticipantCertificate {
  return readCertificate(presentDer(certified));
}

export function presentDer({ certificates }: Pick<Certified, 'certificates'>): Buffer {
  const last = certificates.at(-1);
  if (last === undefined) throw new Error('a participant without a certificate');
  return derOf(last);
}

export function derOf({ der }: CertifiedKeys): Buffer {
  return Buffer.from(der, 'base64');
}

/** Reads and writes the rows; knows nothing of how they come about. */
export class CertifiedRows {
  readonly #store: Store;
  readonly #key: Buffer;
  readonly #keys: KeyRows | undefined;

  /** @param keys - Asked whether a patient's key was lost; without them nobody is judged here. */
  constructor(store: Store, indexKey: Buffer, keys?: KeyRows) {
    this.#store = store;
    this.#key = indexKey;
    this.#keys = keys;
  }

  /** @param view - Of the batch that is gathered; without one, the store. */
  get(handle: string, view: View = { get: (key) => this.#store.getSync(key) }): Certified | undefined {
    for (const prefix of [ORGANISATIONS, PATIENTS]) {
      const row = view.get(prefix + handle);
      if (row !== undefined) return this.#open(prefix + handle, row);
    }
    return undefined;
  }

  put(certified: Certified): StoreWrite {
    if (certified.certificates.length > CERTIFICATES_MAX)
      throw new Error('more certificates than a participant can have');
    const key = rowKey(certified);
    const plain = Buffer.from(JSON.stringify(certified), 'utf8');
    return { type: 'put', key, value: sealRow(this.#key, key, plain) };
  }

  /** All organisations. */
  async organisations(): Promise<Certified[]> {
    const rows = await this.#store.iterator({ gte: ORGANISATIONS, lt: `${ORGANISATIONS}~` }).all();
    return rows.map(([key, row]) => this.#open(key, row));
  }

  /**
   * Judges a certificate at a place of the log.
   *
   * @param fingerprint - Of the certificate with which something was signed.
   */
  certificateAt(handle: string, fingerprint: string, position: LogPosition): CertificateAt {
    const certified = this.get(handle);
    if (certified === undefined) return { ok: false, code: 'unknown' };
    return certificateAt(this.#placed(certified), fingerprint, position);
  }

  /**
   * Judges a certificate for what is about to be written: to be asked inside the batch, so that no revocation comes
   * between.
   */
  certificateNow(
    handle: string,
    fingerprint: string,
    nowMs: number,
    view: View = { get: (key) => this.#store.getSync(key) },
  ): CertificateAt {
    const certified = this.get(handle, view);
    if (certified === undefined) return { ok: false, code: 'unknown' };
    const history: CertificateHistory = {
      certificates: certified.certificates.map((one) => ({
        certificate: derOf(one),
        leaf: one.from,
        by: one.by,
      })),
      ...(certified.revoked === undefined ? {} : { revokedLeaf: certified.revoked.from }),
    };
    const judged = certificateAt(history, fingerprint, { leaf: Number.POSITIVE_INFINITY, atMs: nowMs });
    // A wallet may hold several records by one key: lost at one hospital, it is lost at all.
    if (judged.ok && certified.group === 'patient') {
      const isLost = this.#keys?.get(judged.certificate.publicKey, view)?.lost === true;
      if (isLost) return { ok: false, code: 'revoked' };
    }
    return judged;
  }

  /** The leaves that the rows' entries came to, found on the log. */
  #placed({ handle, certificates, revoked }: Certified): CertificateHistory {
    const placed = certificates.map((one) => ({
      certificate: derOf(one),
      leaf: this.#leafOf(handle, one.by, one.from),
      by: one.by,
    }));
    return revoked === undefined
      ? { certificates: placed }
      : {
          certificates: placed,
          revokedLeaf: this.#leafOf(handle, 'participant.revoked', revoked.from),
        };
  }

  /** An entry lies just behind the size that the log had when it was staged, so little is read. */
  #leafOf(handle: string, type: Entry['type'], from: number): number {
    const text = `"handle":"${handle}"`;
    for (let bundle = Math.floor(from / TILE_WIDTH); ; bundle++) {
      const entries = this.#bundle(bundle);
      for (const [i, bytes] of entries.entries()) {
        const leaf = bundle * TILE_WIDTH + i;
        if (leaf < from || !bytes.includes(text)) continue;
        const entry = JSON.parse(bytes.toString('utf8')) as Entry;
        if (entry.type === type && entry.body['handle'] === handle) return leaf;
      }
      if (entries.length < TILE_WIDTH) throw new Error('the log lacks an entry of a participant');
    }
  }

  /** The entries of a bundle, those of the last one too. */
  #bundle(index: number): readonly Buffer[] {
    for (let width = TILE_WIDTH; width > 0; width--) {
      const bytes = readLogFile(this.#store, entriesPath(index, width));
      if (bytes !== undefined) return decodeBundle(bytes, width);
    }
    return [];
  }

  #open(key: string, row: Buffer): Certified {
    return JSON.parse(openRow(this.#key, key, row).toString('utf8')) as Certified;
  }
}

/** Key of the row of a participant. */
export function rowKey({ group, handle }: Pick<Certified, 'group' | 'handle'>): string {
  return (group === 'patient' ? PATIENTS : ORGANISATIONS) + handle;
}
