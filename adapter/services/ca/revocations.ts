/**
 * The revocation list: one row that holds what was revoked and the list signed over it, written in the batch that
 * revokes. What is served is that row, so log, rows and list tell the same after a crash at any place.
 *
 * @see RFC 5280 section 5
 */
import type { Appender, StateView } from '../../../ledger/custody/index.js';
import type { Authority, CrlReason, ParticipantCertificate } from '../../../ledger/participants/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { AdapterError } from '../../errors.js';

/** One certificate of the list. */
interface Listed {
  readonly serialNumber: string;
  readonly at: number;
  readonly reason: CrlReason;
  /** The certificate's end: afterwards it need not be listed. */
  readonly notAfter: number;
}

interface ListRow {
  readonly number: number;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly revoked: readonly Listed[];
  /** base64; `null` when the row was written where nobody could sign: then the next look signs. */
  readonly der: string | null;
}

/** What a batch revokes. */
export interface Revoked {
  readonly certificate: Pick<ParticipantCertificate, 'serialNumber' | 'notAfter' | 'group'>;
  readonly reason: CrlReason;
}

/** A list is good for two days: a reader without a connection goes on over a weekend's night, and no longer. */
const LIFE_MS = 2 * 86_400_000;
/** It is made anew when less than this is left. */
const RENEW_BEFORE_MS = 86_400_000;
const DAY_MS = 86_400_000;

/** Row of the list. */
export const LIST_ROW = 'ca/crl';

export interface RevocationsOptions {
  readonly store: Store;
  readonly authority: Authority;
  readonly appender: () => Appender;
  readonly nowMs: () => number;
}

export class Revocations {
  readonly #options: RevocationsOptions;

  constructor(options: RevocationsOptions) {
    this.#options = options;
  }

  /** The list's row with more certificates on it; for the batch that revokes them. */
  writes(view: Pick<StateView, 'get'>, revoked: readonly Revoked[]): StoreWrite {
    return this.#write(this.#next(read(view.get(LIST_ROW)), revoked));
  }

  /** The present list. Made anew when it is due. @throws AdapterError ADAPTER_STORE_FAILED when there is none to be had */
  async list(): Promise<{ readonly der: Buffer; readonly number: number; readonly nextUpdate: number }> {
    try {
      await this.renewIfDue();
    } catch (cause) {
      const row = read(this.#options.store.getSync(LIST_ROW));
      // One that is still in time is better than none; an old one would let through what was revoked since.
      if (row === undefined || row.der === null || row.nextUpdate <= this.#options.nowMs()) {
        throw new AdapterError('ADAPTER_STORE_FAILED', 'there is no revocation list in force', { cause });
      }
    }
    const row = read(this.#options.store.getSync(LIST_ROW));
    if (row === undefined || row.der === null)
      throw new AdapterError('ADAPTER_STORE_FAILED', 'there is no revocation list in force');
    return { der: Buffer.from(row.der, 'base64'), number: row.number, nextUpdate: row.nextUpdate };
  }

  /** Makes the list anew where there is none yet, or less than a day of it is left. */
  async renewIfDue(): Promise<void> {
    const { store, appender } = this.#options;
    if (!this.#isDue(read(store.getSync(LIST_ROW)))) return;
    await appender().writeRows((view) => {
      const row = read(view.get(LIST_ROW));
      const writes = this.#isDue(row) ? [this.#write(this.#next(row, []))] : [];
      return { writes, value: undefined };
    });
  }

  /** How many certificates it names. */
  get count(): number {
    return read(this.#options.store.getSync(LIST_ROW))?.revoked.length ?? 0;
  }

  #isDue(row: ListRow | undefined): boolean {
    return row === undefined || row.der === null || row.nextUpdate - this.#options.nowMs() < RENEW_BEFORE_MS;
  }

  #next(before: ListRow | undefined, more: readonly Revoked[]): ListRow {
    const { authority, nowMs } = this.#options;
    // A clock that was put back must not make a list look older than the one before it.
    const thisUpdate = Math.max(nowMs(), before?.thisUpdate ?? 0);
    const nextUpdate = thisUpdate + LIFE_MS;
    const revoked = [
      ...(before?.revoked ?? []).filter(({ notAfter }) => notAfter >= (before?.thisUpdate ?? 0)),
      ...more.flatMap(({ certificate, reason }) =>
        before?.revoked.some(({ serialNumber }) => serialNumber === certificate.serialNumber) === true
          ? []
          : [listed(certificate, reason, thisUpdate)],
      ),
    ];
    const number = numberAfter(before, thisUpdate);
    const der = authority.revocationList({ number, thisUpdate, nextUpdate, revoked });
    return { number, thisUpdate, nextUpdate, revoked, der: der.toString('base64') };
  }

  #write(row: ListRow): StoreWrite {
    return { type: 'put', key: LIST_ROW, value: Buffer.from(JSON.stringify(row), 'utf8') };
  }
}

/**
 * The row of a list to be signed at the next start; for a restore, which has the log's word and no running authority.
 *
 * @param present - The row as restored.
 */
export function unsignedList(
  present: Buffer | undefined,
  more: readonly (Revoked & { readonly at: number })[],
): StoreWrite {
  const before = read(present);
  const known = new Set(before?.revoked.map(({ serialNumber }) => serialNumber));
  const row: ListRow = {
    number: before?.number ?? 0,
    thisUpdate: before?.thisUpdate ?? 0,
    nextUpdate: before?.nextUpdate ?? 0,
    revoked: [
      ...(before?.revoked ?? []),
      ...more
        .filter(({ certificate: { serialNumber } }) => !known.has(serialNumber) && known.add(serialNumber))
        .map(({ certificate, reason, at }) => listed(certificate, reason, at)),
    ],
    der: null,
  };
  return { type: 'put', key: LIST_ROW, value: Buffer.from(JSON.stringify(row), 'utf8') };
}

/** The seconds of its time at least: an instance put back to a backup does not give a number a second time. */
function numberAfter(before: ListRow | undefined, thisUpdate: number): number {
  return Math.max((before?.number ?? 0) + 1, Math.floor(thisUpdate / 1000));
}

/** Of a patient's, the day alone: the moment would lead to the entry on the log, and from there to the handle. */
function listed(certificate: Revoked['certificate'], reason: CrlReason, at: number): Listed {
  const { serialNumber, notAfter, group } = certificate;
  return { serialNumber, reason, notAfter, at: group === 'patient' ? at - (at % DAY_MS) : at };
}

function read(row: Buffer | undefined): ListRow | undefined {
  return row === undefined ? undefined : (JSON.parse(row.toString('utf8')) as ListRow);
}
