/** What this browser remembers between visits. Nothing of a patient is ever among it. */

/** Reads a value that {@link keep} wrote and `isGood` takes; `undefined` where there is none. */
export function kept<T>(name: string, isGood: (value: unknown) => value is T): T | undefined {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(name) ?? 'null');
    return isGood(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps a value. A browser that keeps nothing (private windows) forgets it at the end. */
export function keep(name: string, value: unknown): void {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // What cannot be kept is compared from the next visit on anew.
  }
}
