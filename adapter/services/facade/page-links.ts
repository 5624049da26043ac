/**
 * Links to a next page: sealed, so that nobody reads or makes one, bound to the caller and the purpose that they were
 * made for, and over after a while. One that does not hold is like one that never was.
 *
 * The nonce is derived from what is sealed (so equal links are equal bytes, and no two different ones share it), and
 * the end of a link's time is rounded: two equal answers have equal links.
 *
 * @see NIST SP 800-38D; RFC 5297 section 1.3.2 on nonces derived from the plaintext
 */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import type { Caller } from '../tokens/index.js';

/** Where a listing goes on. */
export interface PageState {
  readonly kind: 'search' | 'everything' | 'history';
  /** Resource type of the listing. */
  readonly type: string;
  /** Id that the listing is of, for what is not a search. */
  readonly id?: string;
  /** Parameters as they were given. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
  /** What the last one shown is ordered by. */
  readonly after: readonly (number | string)[];
}

type Bearer = Pick<Caller, 'clientId' | 'purpose'>;

interface Sealed {
  readonly c: string;
  readonly p: string;
  /** End of its time, ms. */
  readonly e: number;
  readonly s: PageState;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** A link is good for so long at least, and at most twice that. */
const LIFE_MS = 15 * 60_000;
const TEXT = /^[A-Za-z0-9_-]{40,16000}$/;

export class PageLinks {
  readonly #sealKey: Buffer;
  readonly #nonceKey: Buffer;
  readonly #nowMs: () => number;

  /** @param key - The instance's, 32 bytes. */
  constructor(key: Buffer, nowMs: () => number) {
    const derived = (name: string): Buffer => createHmac('sha256', key).update(name).digest();
    this.#sealKey = derived('firebreak/page-link/v1/seal\n');
    this.#nonceKey = derived('firebreak/page-link/v1/nonce\n');
    this.#nowMs = nowMs;
  }

  seal({ clientId, purpose }: Bearer, state: PageState): string {
    const end = (Math.floor(this.#nowMs() / LIFE_MS) + 2) * LIFE_MS;
    const sealed: Sealed = { c: clientId, p: purpose, e: end, s: state };
    const plain = Buffer.from(JSON.stringify(sealed), 'utf8');
    const nonce = createHmac('sha256', this.#nonceKey).update(plain).digest().subarray(0, NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#sealKey, nonce);
    const body = Buffer.concat([cipher.update(plain), cipher.final()]);
    return Buffer.concat([nonce, body, cipher.getAuthTag()]).toString('base64url');
  }

  /** What a link says, or `undefined` for one that is none, another's, for another purpose, or over. */
  open({ clientId, purpose }: Bearer, text: string): PageState | undefined {
    const bytes = TEXT.test(text) ? Buffer.from(text, 'base64url') : Buffer.alloc(0);
    if (bytes.length <= NONCE_BYTES + TAG_BYTES || bytes.toString('base64url') !== text) return undefined;
    const decipher = createDecipheriv('aes-256-gcm', this.#sealKey, bytes.subarray(0, NONCE_BYTES));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    let plain: Buffer;
    try {
      plain = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    } catch {
      return undefined;
    }
    const { c, p, e, s } = JSON.parse(plain.toString('utf8')) as Sealed;
    return c === clientId && p === purpose && e > this.#nowMs() ? s : undefined;
  }
}
