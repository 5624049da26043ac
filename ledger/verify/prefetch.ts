import type { LogReader } from './reader.js';

/** Files asked for ahead of use: hides the latency of a server without weighing on it. */
const AHEAD_MAX = 8;

/** A file to read. */
export interface Wanted {
  readonly path: string;
  readonly bytesMax: number;
}

/**
 * Reads files in order, a few at once.
 *
 * @throws LedgerError LEDGER_UNREADABLE
 */
export async function* readAhead(
  reader: LogReader,
  wanted: Iterable<Wanted>,
): AsyncGenerator<Buffer | undefined> {
  const inFlight: Promise<Buffer | undefined>[] = [];
  const source = wanted[Symbol.iterator]();
  for (;;) {
    while (inFlight.length < AHEAD_MAX) {
      const { done, value } = source.next();
      if (done === true) break;
      const reading = reader.read(value.path, value.bytesMax);
      // A failure is thrown when its turn comes; until then it must not count as unhandled.
      reading.catch(() => undefined);
      inFlight.push(reading);
    }
    const next = inFlight.shift();
    if (next === undefined) return;
    yield await next;
  }
}
