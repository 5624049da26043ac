/** Keys that clients publish at an address which they named when they were registered. */
import type { JWK } from 'jose';
import { PRIVATE_RANGES } from '../inbound/addresses.js';
import { Connections } from '../inbound/connections.js';
import { withGuard } from '../inbound/guarded-fetch.js';
import { isAssertionKey } from './tokens/index.js';

interface Kept {
  readonly keys: readonly JWK[];
  readonly readAtMs: number;
  readonly untilMs: number;
}

const BYTES_MAX = 256 * 1024;
const TIMEOUT_MS = 5_000;
const KEYS_MAX = 50;
/** However long the answer says, a key that was withdrawn must not be believed for longer. */
const KEPT_MS_MAX = 3_600_000;
/** An unknown key has the address read again at most so often: else anyone could make us ask it. */
const AGAIN_MS = 60_000;
const ADDRESSES_MAX = 1000;

export class PublishedKeys {
  readonly #nowMs: () => number;
  readonly #kept = new Map<string, Kept>();
  /** An address is asked once at a time, however many assertions name a key that is not known. */
  readonly #reading = new Map<string, Promise<readonly JWK[]>>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /**
   * The keys at an address, as far as they can sign assertions; none when it cannot be read.
   *
   * @param kid - One that is not among those kept has them read again.
   */
  async keys(url: string, kid: string): Promise<readonly JWK[]> {
    const now = this.#nowMs();
    const kept = this.#kept.get(url);
    const isKnown = kept?.keys.some((key) => key.kid === kid) === true;
    if (kept !== undefined && kept.untilMs > now && (isKnown || now - kept.readAtMs < AGAIN_MS))
      return kept.keys;
    const reading =
      this.#reading.get(url) ?? this.#read(url, kept).finally(() => void this.#reading.delete(url));
    this.#reading.set(url, reading);
    return reading;
  }

  async #read(url: string, before: Kept | undefined): Promise<readonly JWK[]> {
    const read = await readKeys(url).catch(() => undefined);
    const now = this.#nowMs();
    const again = now + AGAIN_MS;
    // A failure takes no key away before its time: else an assertion of anybody's would, at the right moment.
    const isGood = before !== undefined && before.untilMs > now;
    const kept: Kept =
      read === undefined
        ? { keys: isGood ? before.keys : [], readAtMs: now, untilMs: isGood ? before.untilMs : again }
        : { keys: read.keys, readAtMs: now, untilMs: Math.max(now + read.keptMs, again) };
    this.#kept.delete(url);
    this.#kept.set(url, kept);
    if (this.#kept.size > ADDRESSES_MAX) {
      const [oldest] = this.#kept.keys();
      if (oldest !== undefined) this.#kept.delete(oldest);
    }
    return kept.keys;
  }
}

async function readKeys(url: string): Promise<{ keys: JWK[]; keptMs: number }> {
  // An operator registered the address, and clients are often in one's own network.
  const connections = new Connections({ baseUrl: url, allowPrivate: PRIVATE_RANGES });
  const guard = { origin: new URL(url).origin, timeoutMs: TIMEOUT_MS, bytesMax: BYTES_MAX, connections };
  const { status, headers, bytes } = await withGuard(guard, () => fetch(url)).finally(() =>
    connections.close(),
  );
  if (status !== 200) throw new Error(`keys answered by ${status}`);
  const { keys } = JSON.parse(bytes.toString('utf8')) as { keys?: unknown };
  const maxAgeS = Number(/(?:^|[ ,])max-age=(\d+)/i.exec(headers.get('cache-control') ?? '')?.[1] ?? '0');
  return {
    keys: (Array.isArray(keys) ? (keys as JWK[]) : []).slice(0, KEYS_MAX).filter(isAssertionKey),
    keptMs: Math.min(maxAgeS * 1000, KEPT_MS_MAX),
  };
}
