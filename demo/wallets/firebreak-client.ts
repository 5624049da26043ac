/** Firebreak's public API, as far as hospital and wallets use it. */
import { createHash, X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bundle } from 'fhir/r4.js';
import { DemoError } from '../errors.js';
import type { Parties } from './documents.js';

/** What an enrolled patient holds. */
export interface Enrolment extends Parties {
  readonly participant: string;
  /** PEM. */
  readonly certificate: string;
  /** base64url SHA-256 of the certificate's DER. */
  readonly fingerprint: string;
}

/** Waits between tries while Firebreak is busy or away, ms: about a minute and a half in all. */
const RETRY_MS: readonly number[] = [
  100, 200, 400, 800, 1600, 3200, 5000, 8000, 12_000, 15_000, 20_000, 20_000,
];
/** One answer may take this long, ms. */
const TIMEOUT_MS = 60_000;

export class FirebreakClient {
  readonly #url: string;
  readonly #signal: AbortSignal;

  constructor(url: string, signal: AbortSignal) {
    this.#url = url.replace(/\/+$/, '');
    this.#signal = signal;
  }

  /** Object identifier of the extension that carries a participant's X25519 key. */
  async x25519Oid(): Promise<string> {
    const { x25519Oid } = (await this.#ask('/pki/profile', {})) as { x25519Oid?: unknown };
    if (typeof x25519Oid === 'string' && /^[0-2](\.\d+)+$/.test(x25519Oid)) return x25519Oid;
    throw new DemoError('DEMO_FIREBREAK_REFUSED', 'the certificate profile names no X25519 extension');
  }

  /** As the hospital: an invitation for each patient, by logical id at the source. */
  async invite(source: string, secret: string, patients: readonly string[]): Promise<Map<string, string>> {
    const path = `/sources/${encodeURIComponent(source)}/invitations`;
    const answer = await this.#ask(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
      body: JSON.stringify({ patients }),
    });
    const { invitations = [] } = answer as { invitations?: { patient: string; code: string }[] };
    return new Map(invitations.map(({ patient, code }) => [patient, code]));
  }

  /**
   * As the wallet: enrols with an invitation. The same request again gets the same answer.
   *
   * @throws DemoError DEMO_FIREBREAK_REFUSED also when the certificate is not for this key.
   */
  async enrol(invitation: string, csr: string, ed25519Public: string): Promise<Enrolment> {
    const answer = (await this.#ask('/pki/enrol', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ invitation, csr }),
    })) as {
      participant: string;
      certificate: string;
      fingerprint: string;
      patient: { reference: string };
      custodian: { reference: string; display?: string };
      instance: { reference: string };
    };
    const certificate = new X509Certificate(answer.certificate);
    const fingerprint = createHash('sha256').update(certificate.raw).digest('base64url');
    if (
      certificate.publicKey.export({ format: 'jwk' }).x !== ed25519Public ||
      fingerprint !== answer.fingerprint
    ) {
      throw new DemoError('DEMO_FIREBREAK_REFUSED', 'the certificate is not for the wallet’s key');
    }
    return {
      participant: answer.participant,
      certificate: answer.certificate,
      fingerprint,
      patient: answer.patient.reference,
      custodian: {
        reference: answer.custodian.reference,
        display: answer.custodian.display ?? 'The hospital',
      },
      instance: answer.instance.reference,
    };
  }

  /** As the wallet: hands a signed consent in. */
  async submit(bundle: Bundle): Promise<void> {
    await this.#ask('/fhir', {
      method: 'POST',
      headers: { 'content-type': 'application/fhir+json' },
      body: JSON.stringify(bundle),
    });
  }

  async #ask(path: string, init: RequestInit): Promise<unknown> {
    for (let attempt = 0; ; attempt++) {
      let failure: unknown;
      // By hand: a combined signal whose time-out nobody else holds can be collected before it fires.
      const abort = new AbortController();
      const onAbort = (): void => abort.abort();
      this.#signal.addEventListener('abort', onAbort, { once: true });
      const timer = setTimeout(onAbort, TIMEOUT_MS);
      try {
        this.#signal.throwIfAborted();
        const response = await fetch(`${this.#url}${path}`, {
          ...init,
          signal: abort.signal,
          redirect: 'error',
        });
        const text = await response.text();
        if (response.ok) return text === '' ? {} : (JSON.parse(text) as unknown);
        if (response.status < 500 && response.status !== 429) {
          throw new DemoError('DEMO_FIREBREAK_REFUSED', `${path}: ${response.status} ${reasonOf(text)}`);
        }
        failure = new Error(`${path}: ${response.status}`);
      } catch (error) {
        if (error instanceof DemoError) throw error;
        failure = error;
      } finally {
        clearTimeout(timer);
        this.#signal.removeEventListener('abort', onAbort);
      }
      const waitMs = RETRY_MS[attempt];
      if (this.#signal.aborted || waitMs === undefined) {
        throw new DemoError('DEMO_FIREBREAK_UNREACHABLE', `${path}: no answer`, { cause: failure });
      }
      await sleep(waitMs, undefined, { signal: this.#signal }).catch(() => {});
    }
  }
}

/** The first issue of an OperationOutcome: its code and place, not its text, which might repeat what was sent. */
function reasonOf(text: string): string {
  try {
    const { issue } = JSON.parse(text) as { issue?: { code?: string; expression?: string[] }[] };
    return [issue?.[0]?.code, ...(issue?.[0]?.expression ?? [])]
      .filter((part) => part !== undefined)
      .join(' ');
  } catch {
    return '';
  }
}
