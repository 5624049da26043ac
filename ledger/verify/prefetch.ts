/** Made ahead of use: hides the latency of a server without weighing on it, and keeps the other thread at work. */
const AHEAD_MAX = 12;

/**
 * Makes things in order, a few at once.
 *
 * @throws What `make` throws, when its turn comes.
 */
export async function* readAhead<Wanted, Made>(
  wanted: Iterable<Wanted>,
  make: (wanted: Wanted) => Promise<Made>,
): AsyncGenerator<Made, void, undefined> {
  const inFlight: Promise<Made>[] = [];
  const source = wanted[Symbol.iterator]();
  for (;;) {
    while (inFlight.length < AHEAD_MAX) {
      const { done, value } = source.next();
      if (done === true) break;
      const making = make(value);
      // A failure is thrown when its turn comes; until then it must not count as unhandled.
      making.catch(() => undefined);
      inFlight.push(making);
    }
    const next = inFlight.shift();
    if (next === undefined) return;
    yield await next;
  }
}
