/**
 * The certificates that a log enrols, and whether each leads back to the authority that its first entry enrols.
 */
import { X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { LedgerError } from '../errors.js';
import { isSafePublicKey, rawPublicKey, sha256 } from '../log/index.js';
import type { SnapshotReader, SnapshotWriter } from './snapshot.js';

/** An organisation as enrolled. */
export interface Enrolled {
  readonly group: string;
  readonly role: string | undefined;
  readonly key: KeyObject;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Why a certificate is good for nothing new. */
export type EndedBy = 'revoked' | 'rotated away';

interface Authority {
  readonly actor: string;
  readonly certificate: X509Certificate;
}

/** The organisations enrolled so far, by their certificate's hash. */
export class Certificates {
  readonly #enrolled = new Map<string, Enrolled>();
  readonly #authorities: Authority[] = [];
  readonly #ended = new Map<string, EndedBy>();
  /** Raw keys of certificates that were ended: certified anew, they would undo that. */
  readonly #endedKeys = new Set<string>();
  /** What was enrolled, in order. */
  readonly #enrolments: [group: string, role: string | null, der: string][] = [];

  /** The organisation whose certificate has this hash (base64url SHA-256 of the DER). */
  get(actor: string): Enrolled | undefined {
    return this.#enrolled.get(actor);
  }

  /** Whether no authority is enrolled yet. */
  get isEmpty(): boolean {
    return this.#authorities.length === 0;
  }

  /** Why the certificate signs nothing any more, if so. */
  ended(actor: string): EndedBy | undefined {
    return this.#ended.get(actor);
  }

  /** Ends a certificate: from here on it signs nothing, issues nothing, and its key is not certified again. */
  end(actor: string, why: EndedBy): void {
    const enrolled = this.#enrolled.get(actor);
    if (enrolled !== undefined) this.#endedKeys.add(keyText(enrolled.key));
    // A revocation says more than the rotation before it.
    if (this.#ended.get(actor) !== 'revoked') this.#ended.set(actor, why);
  }

  /**
   * Enrols a certificate. The first must be an authority's: it is the anchor, and whether it is the right one is
   * for the reader to say. Each later one must be issued by an authority enrolled before it that was not ended.
   *
   * @param der - base64.
   * @returns The rule broken, or `undefined`.
   * @see RFC 5280 section 6.1
   */
  enrol(group: string, role: string | undefined, der: string): string | undefined {
    try {
      const broken = this.#enrol(group, role, Buffer.from(der, 'base64'));
      if (broken === undefined) this.#enrolments.push([group, role ?? null, der]);
      return broken;
    } catch {
      // Parsing throws, and so does each getter of a certificate that is broken further in.
      return 'the certificate cannot be read';
    }
  }

  /** Writes what is enrolled. */
  save(out: SnapshotWriter): void {
    out.json(this.#enrolments);
    out.json([...this.#ended]);
  }

  /** Enrols what {@link save} has written. @throws LedgerError LEDGER_CORRUPT */
  restore(from: SnapshotReader): void {
    for (const [group, role, der] of from.json() as [string, string | null, string][]) {
      const broken = this.enrol(group, role ?? undefined, der);
      if (broken !== undefined)
        throw new LedgerError('LEDGER_CORRUPT', `a state with a bad certificate: ${broken}`);
    }
    for (const [actor, why] of from.json() as [string, EndedBy][]) this.end(actor, why);
  }

  #enrol(group: string, role: string | undefined, der: Buffer): string | undefined {
    const certificate = new X509Certificate(der);
    // A parser may pass over bytes behind the certificate; its hash would not.
    if (!certificate.raw.equals(der)) return 'the certificate is not its DER';
    const actor = sha256(der).toString('base64url');
    if (this.#enrolled.has(actor)) return 'the certificate is enrolled already';
    const key = certificate.publicKey;
    const raw = rawPublicKey(key);
    if (raw === undefined || !isSafePublicKey(raw)) return 'the certificate’s key is not a safe Ed25519 key';
    if (this.#endedKeys.has(raw.toString('base64url')))
      return 'the certificate’s key was revoked or rotated away';
    const notBeforeMs = Date.parse(certificate.validFrom);
    const notAfterMs = Date.parse(certificate.validTo);
    if (Number.isNaN(notBeforeMs) || Number.isNaN(notAfterMs))
      return 'the certificate’s validity cannot be read';
    const broken = this.#chainBroken(certificate, group);
    if (broken !== undefined) return broken;
    if (group === 'ca') this.#authorities.push({ actor, certificate });
    this.#enrolled.set(actor, { group, role, key, notBeforeMs, notAfterMs });
    return undefined;
  }

  #chainBroken(certificate: X509Certificate, group: string): string | undefined {
    if (group === 'ca' && !certificate.ca) return 'the certificate is not an authority’s';
    if (this.isEmpty) {
      if (group !== 'ca') return 'the first entry enrols no authority';
      const isSelfIssued = certificate.subject === certificate.issuer;
      return isSelfIssued && !isIssuedBy(certificate, certificate)
        ? 'a root that did not sign itself'
        : undefined;
    }
    const issuers = this.#authorities.filter((authority) => isIssuedBy(certificate, authority.certificate));
    if (issuers.length === 0) return 'no enrolled authority issued the certificate';
    const isInForce = issuers.some(({ actor }) => this.#ended.get(actor) === undefined);
    return isInForce ? undefined : 'the authority that issued the certificate was revoked';
  }
}

/** The raw key as text, to be looked up by. */
function keyText(key: KeyObject): string {
  return rawPublicKey(key)?.toString('base64url') ?? '';
}

function isIssuedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}
