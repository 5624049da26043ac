/** Signed documents of wallets: their form, and who signed them. */
import { createHash } from 'node:crypto';
import { documentKid, verifyDocument } from '../../../ledger/consent/index.js';
import type { StateView } from '../../../ledger/custody/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import { readCertificate } from '../../../ledger/participants/index.js';
import type { Store } from '../../../ledger/store.js';
import { openRow } from '../../../ledger/vault/index.js';
import { isJsonObject, parseJson } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type {
  LinkDocument,
  RenewalDocument,
  RotationDocument,
  UnlinkDocument,
} from '../../http/contract/index.js';
import type { Logger } from '../../logger.js';
import { derOf } from '../ca/index.js';
import type { Certified, CertifiedRows } from '../ca/index.js';
import { requireFresh, unfit } from '../exceptional/documents.js';

export type SignedByWallet = LinkDocument | UnlinkDocument | RenewalDocument | RotationDocument;

/** A document with its signature, and what came with it. */
export interface SentDocument<D extends SignedByWallet> {
  readonly document: D;
  readonly jws: string;
  /** Texts beside the document, such as a request. */
  readonly beside: Readonly<Record<string, string>>;
}

/** Whose signature was found good; whether its certificate is in force is asked inside of the batch. */
export interface WalletSigner {
  readonly certified: Certified;
  /** Of the certificate that signed, which need not be the newest one. */
  readonly fingerprint: string;
  /** The record that it was enrolled for. */
  readonly subjectKey: string;
}

const COMMON = ['kind', 'log', 'signer', 'at'];
const TEXT_CHARS_MAX = 1000;
const BESIDE_CHARS_MAX = 16 * 1024;
const REFUSED = 'it is not signed by a wallet that is enrolled here';
/** Checked in place of a key that is not known, so that the answer takes as long. */
const NOBODYS_KEY = Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex');

/**
 * Reads a document of one kind.
 *
 * @param more - Members that it has beside the common ones.
 * @param beside - Texts that come beside it.
 * @throws AdapterError ADAPTER_UNPROCESSABLE naming the member that is at fault; MappingError for what is no JSON.
 */
export function readSent<D extends SignedByWallet>(
  body: Buffer,
  kind: D['kind'],
  more: readonly string[] = [],
  beside: readonly string[] = [],
): SentDocument<D> {
  const value = parseJson(body);
  const sent = isJsonObject(value) ? value : {};
  const { document, jws } = sent;
  if (!isJsonObject(document) || typeof jws !== 'string')
    throw unfit(`send ${['document', 'jws', ...beside].join(', ')}`, 'document');
  if (document['kind'] !== kind) throw unfit(`the kind is “${kind}”`, 'document.kind');
  const known = new Set([...COMMON, ...more]);
  for (const name of known) {
    const text: unknown = document[name];
    if (typeof text !== 'string' || text === '' || text.length > TEXT_CHARS_MAX)
      throw unfit(`${name} is missing or too long`, `document.${name}`);
  }
  for (const name of Object.keys(document))
    if (!known.has(name)) throw unfit('a member that is not known', `document.${name.slice(0, 64)}`);
  const texts: Record<string, string> = {};
  for (const name of beside) {
    const text: unknown = sent[name];
    if (typeof text !== 'string' || text === '' || text.length > BESIDE_CHARS_MAX)
      throw unfit(`${name} is missing or too long`, name);
    texts[name] = text;
  }
  return { document: document as unknown as D, jws, beside: texts };
}

/** base64url SHA-256 of a text, as documents name what comes beside them. */
export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

export interface WalletSignersOptions {
  readonly store: Store;
  readonly indexKey: Buffer;
  readonly certified: CertifiedRows;
  /** Origin of the log. */
  readonly origin: string;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

/** Finds out who signed. */
export class WalletSigners {
  readonly #options: WalletSignersOptions;

  constructor(options: WalletSignersOptions) {
    this.#options = options;
  }

  /**
   * The wallet that signed a document just now, for this log.
   *
   * @throws AdapterError ADAPTER_FORBIDDEN, the same whatever is wrong with the signer; ADAPTER_UNPROCESSABLE for a
   * document of another log or time.
   */
  of({ document, jws }: SentDocument<SignedByWallet>): WalletSigner {
    const { certified: rows, origin, nowMs } = this.#options;
    const certified = rows.get(document.signer);
    const isPatient = certified?.group === 'patient';
    const kid = documentKid(jws) ?? '';
    const certificate = isPatient
      ? certified.certificates
          .map((one) => readCertificate(derOf(one)))
          .find((one) => one.fingerprint === kid)
      : undefined;
    const key = certificate?.publicKey ?? NOBODYS_KEY;
    const verdict = verifyDocument(document as unknown as JsonObject, jws, key, certificate?.fingerprint);
    const subjectKey = isPatient ? this.subjectOf(certified.handle) : undefined;
    if (certified === undefined || certificate === undefined) throw this.refused('unknown-signer');
    if (verdict !== 'ok') throw this.refused(verdict);
    if (subjectKey === undefined) throw this.refused('unknown-patient');
    requireFresh(document, origin, nowMs());
    return { certified, fingerprint: kid, subjectKey };
  }

  /** Asked inside of the batch. @throws AdapterError ADAPTER_FORBIDDEN */
  requireInForce({ certified, fingerprint }: WalletSigner, view: Pick<StateView, 'get'>): void {
    const { certified: rows, nowMs } = this.#options;
    const judged = rows.certificateNow(certified.handle, fingerprint, nowMs(), view);
    if (!judged.ok) throw this.refused(judged.code);
  }

  /** The record that an enrolment is for. */
  subjectOf(participant: string): string | undefined {
    const { store, indexKey } = this.#options;
    const key = `participant/${participant}`;
    const sealed = store.getSync(key);
    if (sealed === undefined) return undefined;
    const row = JSON.parse(openRow(indexKey, key, sealed).toString('utf8')) as { subject?: string };
    return row.subject;
  }

  /** One answer for all that is wrong with a signer; which it was goes to the log of operation. */
  refused(reason: string): AdapterError {
    this.#options.logger.warn('document of a wallet refused', { reason });
    return new AdapterError('ADAPTER_FORBIDDEN', REFUSED);
  }
}
