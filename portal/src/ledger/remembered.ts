/** What this browser remembers of the log. */

/** What is remembered of a log from visit to visit. */
export interface Remembered {
  /** Keys of the log, as they were published at the first visit. */
  readonly vkeys: readonly string[];
  /** The last head that was found good, as it was signed, and when. */
  readonly note: string;
  readonly at: number;
}

/** Name under which it is kept. */
export const LOG = 'firebreak.log';

export function isRemembered(value: unknown): value is Remembered {
  if (typeof value !== 'object' || value === null) return false;
  const { vkeys, note, at } = value as Partial<Record<keyof Remembered, unknown>>;
  const areKeys = Array.isArray(vkeys) && vkeys.every((key) => typeof key === 'string');
  return areKeys && typeof note === 'string' && typeof at === 'number';
}

/** Forgets the log: the next visit is the first. */
export function forgetLog(): void {
  localStorage.removeItem(LOG);
}
