import type { StoreWrite } from '../store.js';
import type { StateView } from './view.js';

/** Life of a consent as the sequencer sees it. */
export type ConsentStatus = 'in-force' | 'withdrawn' | 'replaced';

export interface ConsentStanding {
  readonly version: number;
  readonly status: ConsentStatus;
}

const STATUSES: readonly ConsentStatus[] = ['in-force', 'withdrawn', 'replaced'];

function key(handle: string): string {
  return `consent-status/${handle}`;
}

/** Row that states a consent's version and status: u48-BE version, then one byte of status. */
export function consentStatusWrite(handle: string, standing: ConsentStanding): StoreWrite {
  const value = Buffer.allocUnsafe(7);
  value.writeUIntBE(standing.version, 0, 6);
  value[6] = STATUSES.indexOf(standing.status);
  return { type: 'put', key: key(handle), value };
}

/** What the state says of a consent, or `undefined` for a handle it does not know. */
export function consentStanding(view: Pick<StateView, 'get'>, handle: string): ConsentStanding | undefined {
  const row = view.get(key(handle));
  const status = row === undefined ? undefined : STATUSES[row[6] ?? -1];
  if (row === undefined || status === undefined) return undefined;
  return { version: row.readUIntBE(0, 6), status };
}

/**
 * Whether every consent that a permit was built on still stands, unchanged. Asked inside the batch: a
 * withdrawal that was sequenced first binds, however long ago the permit was made.
 */
export function stillStands(
  view: Pick<StateView, 'get'>,
  standsOn: readonly { readonly handle: string; readonly version: number }[],
): boolean {
  return standsOn.every(({ handle, version }) => {
    const standing = consentStanding(view, handle);
    return standing !== undefined && standing.status === 'in-force' && standing.version === version;
  });
}

/**
 * Counts a patient's consents, refusals and withdrawals. A decision made at another epoch must be made again: a fresh
 * refusal is no consent that an older permit stood on, and binds all the same.
 */
export function consentEpoch(view: Pick<StateView, 'get'>, subjectKey: string): number {
  return epochAt(view, EPOCH + subjectKey);
}

/** Row that states a patient's epoch. */
export function consentEpochWrite(subjectKey: string, epoch: number): StoreWrite {
  return epochWrite(EPOCH + subjectKey, epoch);
}

const EPOCH = 'consent-epoch/';

/**
 * Up to which epoch a patient's consents permit nothing any more, because a restore lost a later word of the patient;
 * 0 where nothing was lost. What refuses still refuses.
 */
export function consentsLostAt(view: Pick<StateView, 'get'>, subjectKey: string): number {
  return epochAt(view, LOST + subjectKey);
}

/** Row that ends what a patient's consents up to an epoch permit. */
export function consentsLostWrite(subjectKey: string, epoch: number): StoreWrite {
  return epochWrite(LOST + subjectKey, epoch);
}

const LOST = 'consent-lost/';

/** u48-BE. */
function epochWrite(row: string, epoch: number): StoreWrite {
  const value = Buffer.allocUnsafe(6);
  value.writeUIntBE(epoch, 0, 6);
  return { type: 'put', key: row, value };
}

function epochAt(view: Pick<StateView, 'get'>, row: string): number {
  return view.get(row)?.readUIntBE(0, 6) ?? 0;
}
