/**
 * What two of a hospital's staff say together of a patient of theirs: a document, and the signatures of two different people
 * whom the hospital that keeps the record has certified.
 */
import { verifyDocument } from '../../../ledger/consent/index.js';
import type { StateView } from '../../../ledger/custody/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import { isJsonObject, parseJson } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type { Sources } from '../../instance/sources.js';
import type { Logger } from '../../logger.js';
import { presentOf } from '../ca/index.js';
import type { Certified, CertifiedRows } from '../ca/index.js';
import { unfit } from '../exceptional/documents.js';

/** One of the two. */
export interface Attestation {
  /** Id, handle or certificate's fingerprint of who signs. */
  readonly signer: string;
  /** Detached JWS over the document. */
  readonly jws: string;
}

/** A document and its two signatures. */
export interface AttestedDocument {
  readonly document: JsonObject;
  readonly signatures: readonly [Attestation, Attestation];
}

/** Two whose signatures were found good; whether their certificates are in force is asked inside of the batch. */
export interface Attesting {
  readonly signers: readonly { readonly certified: Certified; readonly fingerprint: string }[];
  /** The hospital that they belong to: its end ends what they may say. */
  readonly employer: string;
}

export interface AttestationsOptions {
  readonly certified: CertifiedRows;
  readonly sources: () => Sources;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

/** Two people sign one after the other: it takes them longer than one. */
export const ATTESTED_MS = 3_600_000;
const SIGNATURES = 2;
const TEXT_CHARS_MAX = 1024;
const REFUSED = 'it is not signed by two different people of the hospital that keeps the record';

/** @throws AdapterError ADAPTER_UNPROCESSABLE for another form; MappingError for what is no JSON. */
export function readAttested(body: Buffer): AttestedDocument {
  const value = parseJson(body);
  const { document, signatures } = isJsonObject(value) ? value : {};
  if (!isJsonObject(document) || !Array.isArray(signatures))
    throw unfit('send {"document": …, "signatures": [{"signer": …, "jws": …}, …]}', 'document');
  const [one, other] = signatures.map((given: unknown): Attestation => {
    const { signer, jws } = isJsonObject(given) ? given : {};
    if (typeof signer !== 'string' || typeof jws !== 'string' || jws.length > TEXT_CHARS_MAX)
      throw unfit('a signature has a signer and a jws', 'signatures');
    return { signer, jws };
  });
  if (signatures.length !== SIGNATURES || one === undefined || other === undefined)
    throw unfit('two sign', 'signatures');
  return { document: document as JsonObject, signatures: [one, other] };
}

export class Attestations {
  readonly #options: AttestationsOptions;

  constructor(options: AttestationsOptions) {
    this.#options = options;
  }

  /**
   * The two who signed, of the hospital that is custodian of a source.
   *
   * @throws AdapterError ADAPTER_FORBIDDEN, the same whatever is wrong with the signers.
   */
  async judge({ document, signatures }: AttestedDocument, source: string | undefined): Promise<Attesting> {
    const organisations = await this.#options.certified.organisations();
    const custodian = source === undefined ? undefined : this.#options.sources().get(source)?.custodian;
    const signers = signatures.map(({ signer, jws }) => {
      const certified = organisations.find(
        (one) => one.handle === signer || one.id === signer || presentOf(one).fingerprint === signer,
      );
      if (certified === undefined) throw this.#refused('unknown-signer');
      const { publicKey, fingerprint } = presentOf(certified);
      const verdict = verifyDocument(document, jws, publicKey, fingerprint);
      if (verdict !== 'ok') throw this.#refused(verdict);
      const { group, role, memberOf } = certified;
      const isStaff = group === 'provider' && (role === 'clinician' || role === 'staff');
      if (!isStaff || custodian === undefined || memberOf !== custodian.id)
        throw this.#refused('organisation');
      return { certified, fingerprint };
    });
    if (new Set(signers.map(({ certified }) => certified.handle)).size !== SIGNATURES)
      throw this.#refused('one-person');
    return { signers, employer: custodian?.participant ?? '' };
  }

  /** Asked inside of the batch. @throws AdapterError ADAPTER_FORBIDDEN */
  requireInForce({ signers, employer }: Attesting, view: Pick<StateView, 'get'>): void {
    const { certified: rows, nowMs } = this.#options;
    const organisation = rows.get(employer, view);
    if (organisation === undefined || organisation.revoked !== undefined) throw this.#refused('organisation');
    for (const { certified, fingerprint } of signers) {
      const judged = rows.certificateNow(certified.handle, fingerprint, nowMs(), view);
      if (!judged.ok) throw this.#refused(judged.code);
    }
  }

  #refused(reason: string): AdapterError {
    this.#options.logger.warn('attested document refused', { reason });
    return new AdapterError('ADAPTER_FORBIDDEN', REFUSED);
  }
}
