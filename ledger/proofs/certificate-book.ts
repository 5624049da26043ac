/** The certificates of a file, each once, and each asked for by something in it. */
import { equal } from './bytes.js';
import { judgeChain, readCertificate } from './certificate.js';
import type { Certificate } from './certificate.js';
import { require } from './judge.js';
import type { ProofTrust } from './trust.js';

/** Made for one check. */
export class CertificateBook {
  readonly #trust: ProofTrust;
  readonly #byName = new Map<string, Certificate>();
  readonly #used = new Set<Certificate>();

  /** @param ders - As in the file. @throws Refused */
  constructor(ders: readonly Uint8Array[], trust: ProofTrust) {
    this.#trust = trust;
    for (const der of ders) {
      const certificate = readCertificate(der, trust.crypto);
      require(certificate !== undefined, 'certificate-malformed');
      require(!this.#byName.has(certificate.fingerprint), 'certificate-unused');
      this.#byName.set(certificate.fingerprint, certificate);
    }
  }

  /**
   * The certificate of a fingerprint: by an authority that the trusted root certified, and all of them valid.
   *
   * @throws Refused
   */
  certify(fingerprint: string, atMs: number): Certificate {
    const actor = this.#byName.get(fingerprint);
    require(actor !== undefined, 'certificate-mismatch');
    const issuing = actor.isAuthority ? actor : this.#issuerOf(actor);
    require(issuing !== undefined, 'certificate-authority');
    this.#used.add(actor).add(issuing);
    const { crypto, root } = this.#trust;
    const verdict = judgeChain({ actor, issuing, root }, atMs, crypto);
    require(verdict === 'ok', verdict === 'ok' ? 'certificate-untrusted' : verdict);
    return actor;
  }

  /** That nothing stands in the file that was not asked for. @throws Refused */
  requireAllUsed(): void {
    require(this.#used.size === this.#byName.size, 'certificate-unused');
  }

  #issuerOf({ issuer }: Certificate): Certificate | undefined {
    for (const one of this.#byName.values()) if (one.isAuthority && equal(one.subject, issuer)) return one;
    return undefined;
  }
}
