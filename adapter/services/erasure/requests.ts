/** Erasing and holding as commands ask for it: names and words in, answers out. */
import { ERASURE_DUTIES } from '../../../ledger/custody/index.js';
import type { SignedErasureRequest } from '../../../ledger/custody/index.js';
import { AdapterError } from '../../errors.js';
import type { Instance } from '../../instance/instance.js';
import { backupPeriods } from '../backup-periods.js';
import { patientNamed } from '../proofs/index.js';
import type { ErasureReport } from './report.js';
import type { OrderInput } from './evidence.js';
import { Holds } from './holds.js';
import type { Hold } from './holds.js';
import type { DueCounts } from './retention.js';
import { openTables } from './tables.js';

/** What `erase` was asked for. */
export interface EraseRequest {
  /** A patient, a resource as `Type/id`, or a version by its handle. */
  readonly name: string;
  readonly source?: string;
  /** The custodian's duty of law, decided by whom and why. */
  readonly ground?: string;
  readonly by?: string;
  readonly reason?: string;
  /** The patient's signed request. */
  readonly request?: unknown;
  /** Without it nothing is erased, and the answer says what would be. */
  readonly yes?: boolean;
}

/** An erasure with what is outside the live files. */
export interface EraseAnswer extends ErasureReport {
  /** Until when a backup made before may still be opened, which holds a wrap of the keys, ms; absent: none may. */
  readonly backupsUntil?: number;
}

/**
 * Erases, or says what would be erased.
 *
 * @throws AdapterError as `Erasures.erase` does; ADAPTER_USAGE for an order that is incomplete.
 */
export async function eraseAsAsked(instance: Instance, asked: EraseRequest): Promise<EraseAnswer> {
  const { name, source } = asked;
  const order = asked.yes === true ? orderInput(asked) : undefined;
  const report = await instance.erasures.erase({
    name,
    ...(source === undefined ? {} : { source }),
    ...(order === undefined ? {} : { order }),
  });
  const until = backupsUntil(instance, report.erasedAt ?? instance.nowMs());
  return until === undefined ? report : { ...report, backupsUntil: until };
}

/** Until when a backup that was made before a time may be readable; those of later periods do not hold what was erased. */
function backupsUntil({ store }: Instance, beforeMs: number): number | undefined {
  const ends = backupPeriods(store)
    .filter(
      ({ from, lastBackupAt, destroyedAt }) =>
        from <= beforeMs && lastBackupAt !== undefined && destroyedAt === undefined,
    )
    .map(({ destroyAt }) => destroyAt);
  return ends.length === 0 ? undefined : Math.max(...ends);
}

function orderInput({ ground, by, reason, request }: EraseRequest): OrderInput {
  if (request !== undefined) {
    if (ground !== undefined)
      throw new AdapterError('ADAPTER_USAGE', 'it is the patient’s request, or a duty of the custodian’s');
    if (typeof request !== 'object' || request === null)
      throw new AdapterError('ADAPTER_USAGE', 'the request must be {"request": …, "jws": …}');
    return { signed: request as SignedErasureRequest };
  }
  const duty = ERASURE_DUTIES.find((one) => one === ground);
  if (duty === undefined || by === undefined || reason === undefined) {
    const duties = ERASURE_DUTIES.join(', ');
    throw new AdapterError(
      'ADAPTER_USAGE',
      `give the patient’s signed request, or --by, --reason and --ground, which is one of ${duties}`,
    );
  }
  return { duty, by, reason };
}

/** Destroys what is due. */
export function eraseDue(instance: Instance): Promise<DueCounts & { readonly compacted: boolean }> {
  return instance.erasures.eraseDue();
}

/** What `hold set` and `hold release` were asked for. */
export interface HoldRequest {
  readonly patient: string;
  readonly source?: string;
  readonly by: string;
  readonly reason: string;
}

/** Sets a hold. @throws AdapterError as `patientNamed` and `Holds.set` do. */
export async function setHold(instance: Instance, asked: HoldRequest): Promise<Hold> {
  const subject = await patientNamed(instance, asked.patient, asked.source);
  return holdsOf(instance).set(subject, asked.by, asked.reason);
}

/** Releases a hold. @throws AdapterError as `patientNamed` and `Holds.release` do. */
export async function releaseHold(instance: Instance, asked: HoldRequest): Promise<Hold> {
  const subject = await patientNamed(instance, asked.patient, asked.source);
  return holdsOf(instance).release(subject, asked.by, asked.reason);
}

/** All holds that lie. */
export function listHolds(instance: Instance): Promise<Hold[]> {
  return holdsOf(instance).list();
}

function holdsOf({ appender, store, keys, records, nowMs }: Instance): Holds {
  const facadeId = (source: string, patient: string): string => records.facadeId(source, 'Patient', patient);
  return new Holds({ appender, tables: openTables(store, keys.storage), facadeId, nowMs });
}
