/**
 * Periods of backups: each has an age key of its own, kept apart from the backups, whose destruction ends all of the
 * period's backups at once. The instance knows the recipients and dates alone: with them nothing can be opened.
 *
 * @see docs/adr/0028-backup-and-restore.md
 */
import { randomBytes } from 'node:crypto';
import type { Store, StoreWrite } from '../../ledger/store.js';
import { AdapterError } from '../errors.js';

/** A period of backups. Times are ms since the epoch. */
export interface BackupPeriod {
  /** Names it in backups and identity files. */
  readonly id: string;
  /** age recipient, `age1…`. */
  readonly recipient: string;
  readonly from: number;
  /** From here on no backup is made with its key. */
  readonly until: number;
  /** When its key is to be destroyed. */
  readonly destroyAt: number;
  /** When the last backup with its key was begun; absent: none was. */
  readonly lastBackupAt?: number;
  /** When its key was destroyed. */
  readonly destroyedAt?: number;
}

/** The one row; backups know it too, so what is restored knows of every backup that was made before. */
const KEY = 'backup-periods';
const DAY_MS = 86_400_000;
const RECIPIENT = /^age1[a-z0-9]{10,}$/;

/** Default length of a period, days; with {@link KEPT_DAYS_DEFAULT} a backup is unreadable after 35 days at most. */
export const PERIOD_DAYS_DEFAULT = 7;
/** Default time for which a key is kept behind its period, days. */
export const KEPT_DAYS_DEFAULT = 28;

/** All periods, the oldest first. */
export function backupPeriods(store: Pick<Store, 'getSync'>): readonly BackupPeriod[] {
  const row = store.getSync(KEY);
  return row === undefined ? [] : (JSON.parse(row.toString('utf8')) as BackupPeriod[]);
}

/**
 * Until when a backup that was made so far may be readable, ms since the epoch: the latest date at which a key of
 * theirs is to be destroyed.
 *
 * @returns `undefined` when no backup is left that any key opens.
 * @see DESIGN invariant 7
 */
export function lastBackupPeriodEnd(store: Pick<Store, 'getSync'>): number | undefined {
  const ends = backupPeriods(store)
    .filter(({ lastBackupAt, destroyedAt }) => lastBackupAt !== undefined && destroyedAt === undefined)
    .map(({ destroyAt }) => destroyAt);
  return ends.length === 0 ? undefined : Math.max(...ends);
}

/** The period whose key backups are made with now, or `undefined` when there is none, or it has ended. */
export function currentPeriod(store: Pick<Store, 'getSync'>, nowMs: number): BackupPeriod | undefined {
  return backupPeriods(store).findLast(
    ({ from, until, destroyedAt }) => from <= nowMs && nowMs < until && destroyedAt === undefined,
  );
}

/** Those periods whose key should have been destroyed. */
export function overdueOf(periods: readonly BackupPeriod[], nowMs: number): readonly BackupPeriod[] {
  return periods.filter(({ destroyAt, destroyedAt }) => destroyedAt === undefined && destroyAt <= nowMs);
}

export interface NewPeriod {
  /** Chosen by who makes the key, so that the identity's file can name it; 16 hex digits. */
  readonly id?: string;
  readonly recipient: string;
  readonly days?: number;
  readonly keptDays?: number;
}

/**
 * Begins a period; the one before it ends.
 *
 * @throws AdapterError ADAPTER_USAGE for a recipient that is none or known, or for days out of range.
 */
export async function beginPeriod(store: Store, wanted: NewPeriod, nowMs: number): Promise<BackupPeriod> {
  const { recipient, days = PERIOD_DAYS_DEFAULT, keptDays = KEPT_DAYS_DEFAULT } = wanted;
  const id = wanted.id ?? newPeriodId();
  if (!RECIPIENT.test(recipient))
    throw new AdapterError('ADAPTER_USAGE', 'a recipient is of the form age1…, as age-keygen prints it');
  if (!isDays(days, 1) || !isDays(keptDays, 0))
    throw new AdapterError(
      'ADAPTER_USAGE',
      'a period has 1 to 3650 days, its key is kept 0 to 3650 days more',
    );
  const until = nowMs + days * DAY_MS;
  const period: BackupPeriod = { id, recipient, from: nowMs, until, destroyAt: until + keptDays * DAY_MS };
  return inTurn(store, (before) => {
    if (before.some((one) => one.recipient === recipient || one.id === id))
      throw new AdapterError('ADAPTER_USAGE', 'this key has a period already: each period needs its own');
    // One that ends early keeps its date of destruction: backups were promised for so long.
    const ended = before.map((one) => (one.until > nowMs ? { ...one, until: nowMs } : one));
    return { periods: [...ended, period], value: period };
  });
}

/** Notes that a backup is made with a period's key. Durable before the backup exists. */
export async function noteBackup(store: Store, id: string, nowMs: number): Promise<void> {
  await change(store, id, (period) => ({ ...period, lastBackupAt: nowMs }));
}

/**
 * Notes that a period's key is destroyed; who notes it has seen to it.
 *
 * @throws AdapterError ADAPTER_NOT_FOUND for an unknown period.
 */
export async function noteDestroyed(store: Store, id: string, nowMs: number): Promise<BackupPeriod> {
  return change(store, id, (period) =>
    period.destroyedAt === undefined
      ? { ...period, until: Math.min(period.until, nowMs), destroyedAt: nowMs }
      : period,
  );
}

/** The row of all periods. */
export function periodsWrite(periods: readonly BackupPeriod[]): StoreWrite {
  return { type: 'put', key: KEY, value: Buffer.from(JSON.stringify(periods), 'utf8') };
}

export function newPeriodId(): string {
  return randomBytes(8).toString('hex');
}

function change(store: Store, id: string, to: (period: BackupPeriod) => BackupPeriod): Promise<BackupPeriod> {
  return inTurn(store, (periods) => {
    const period = periods.find((one) => one.id === id);
    if (period === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', `no backup period ${id}`);
    const changed = to(period);
    return { periods: periods.map((one) => (one.id === id ? changed : one)), value: changed };
  });
}

/** The last change of each store: two at once would each undo the other. */
const turns = new WeakMap<Store, Promise<unknown>>();

function inTurn<T>(
  store: Store,
  decide: (periods: readonly BackupPeriod[]) => { periods: readonly BackupPeriod[]; value: T },
): Promise<T> {
  const done = (turns.get(store) ?? Promise.resolve()).then(async () => {
    const { periods, value } = decide(backupPeriods(store));
    await store.batch([periodsWrite(periods)], { sync: true });
    return value;
  });
  turns.set(
    store,
    done.catch(() => undefined),
  );
  return done;
}

function isDays(value: number, min: number): boolean {
  return Number.isInteger(value) && value >= min && value <= 3650;
}
