/**
 * Renewal over HTTP: whoever holds a certified key gets it certified for longer, before the certificate ends and
 * without a new enrolment. The request is a signed assertion as for a token, with this address for its audience.
 *
 * @see RFC 7523 section 3
 */
import type { Logger } from '../../logger.js';
import { AdapterError } from '../../errors.js';
import { RateLimiter, readAssertion } from '../tokens/index.js';
import type { Certification } from './certification.js';
import { presentDer, presentOf } from './certified.js';
import type { Certified } from './certified.js';

/** What is answered. */
export interface RenewedAnswer {
  /** PEM. */
  readonly certificate: string;
  readonly fingerprint: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
  /** `false`: the present certificate, of which more than half is left. */
  readonly renewed: boolean;
}

export interface RenewalRequestOptions {
  readonly certification: Certification;
  /** Where it is asked, the audience of assertions. */
  readonly address: () => string;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

const ASSERTION_CHARS_MAX = 16_384;

export class RenewalRequests {
  readonly #options: RenewalRequestOptions;
  readonly #byAddress = new RateLimiter({ perSecond: 1, burst: 20 });

  constructor(options: RenewalRequestOptions) {
    this.#options = options;
  }

  /**
   * Renews the certificate of the key that signed the request. With more than half of its time left the present one
   * is the answer: so an assertion that is sent again adds nothing to the log.
   *
   * @param assertion - Compact JWS: `iss` and `sub` the participant id, `aud` this address, `kid` the fingerprint of
   * the present certificate.
   * @param address - Where it came from.
   * @returns `retryAfterS` when one address asks too often.
   * @throws AdapterError ADAPTER_UNAUTHORIZED, the same for all that can be wrong with it.
   */
  async renew(assertion: string, address: string): Promise<RenewedAnswer | { readonly retryAfterS: number }> {
    const { certification, logger, nowMs } = this.#options;
    const retryAfterS = this.#byAddress.take(address, nowMs());
    if (retryAfterS > 0) return { retryAfterS };
    const asking = await this.#asking(assertion);
    if (typeof asking === 'string') {
      logger.warn('renewal refused', { reason: asking });
      throw new AdapterError(
        'ADAPTER_UNAUTHORIZED',
        'the assertion does not hold, or its certificate is not in force',
      );
    }
    const { notBefore, notAfter } = presentOf(asking);
    if (notAfter - nowMs() > (notAfter - notBefore) / 2) return answer(asking, false);
    return answer(await certification.renew(asking.handle), true);
  }

  /** Who asks, or why it is nobody. */
  async #asking(assertion: string): Promise<Certified | string> {
    const { certification, address, nowMs } = this.#options;
    if (assertion.length > ASSERTION_CHARS_MAX) return 'not-compact';
    let asking: Certified | undefined;
    const read = await readAssertion(assertion.trim(), {
      tokenUrl: address(),
      nowMs: nowMs(),
      client: async (id) => {
        asking = (await certification.rows.organisations()).find((one) => one.id === id);
        if (asking === undefined) return undefined;
        const { publicKey, fingerprint } = presentOf(asking);
        const x = publicKey.toString('base64url');
        return { keys: [{ kty: 'OKP', crv: 'Ed25519', x, kid: fingerprint }] };
      },
    });
    if (!read.ok) return read.reason;
    if (asking === undefined) return 'unknown-client';
    const { fingerprint } = presentOf(asking);
    const found = certification.rows.certificateNow(asking.handle, fingerprint, nowMs());
    return found.ok ? asking : found.code;
  }
}

function answer(certified: Certified, renewed: boolean): RenewedAnswer {
  const { fingerprint, notAfter } = presentOf(certified);
  return { certificate: pemOf(presentDer(certified)), fingerprint, notAfter, renewed };
}

/** @see RFC 7468 section 5 */
export function pemOf(der: Buffer, label = 'CERTIFICATE'): string {
  const lines = der.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
