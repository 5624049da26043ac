/**
 * Signed documents behind consent entries. What a document means is not known here: a reader, handed in with the trust,
 * takes it apart and compiles it; that the patient signed it is judged here.
 */
import type { Policy } from '../consent/policy.js';
import { equal, fromBase64url, textOf, toBase64url, utf8 } from './bytes.js';
import { canonicalText, isObject } from './canonical.js';
import type { Members } from './canonical.js';
import type { CertificateBook } from './certificate-book.js';
import type { Certificate } from './certificate.js';
import { holderOf, judgeOpening, Refused, require } from './judge.js';
import type { Entry, Judging } from './judge.js';
import { isBounded } from './json-bounds.js';
import type { JsonBounds } from './json-bounds.js';
import { hasNamesOnce } from './json-names.js';
import type { Opening } from './statements.js';
import type { ProofRefusal, ShownDocument } from './verdict.js';

/** What a reader is told of a document. */
export interface DocumentContext {
  /** Names the consent on the log. */
  readonly handle: string;
  /** Leaf of its entry. */
  readonly version: number;
  /** The patient, by a name of the check's own. */
  readonly subject: string;
  /** When it was logged, ms. */
  readonly nowMs: number;
}

/** A document, taken apart: a consent, or what ends all that a patient has permitted. */
export type ReadDocument = ReadConsentDocument | ReadEnd;

/** The patient has ended the enrolment: whatever consent the entry names is withdrawn by it. */
export interface ReadEnd {
  readonly document: { readonly [name: string]: unknown };
  readonly jws: string;
  readonly cosigned?: never;
  readonly policy?: never;
}

/** A consent, a refusal or a withdrawal. */
export interface ReadConsentDocument {
  /** What was signed, as parsed; `id` and `meta` are not covered by the signature. */
  readonly document: { readonly [name: string]: unknown };
  /** Compact JWS with detached payload. */
  readonly jws: string;
  /** Of a document on paper, to which two of the hospital's staff testify: the other one's signature. */
  readonly cosigned?: string;
  /** Reference of the patient that it speaks of. */
  readonly patient: string;
  /** For the patient's layer. */
  readonly policy: Policy;
}

/**
 * Reads what stands behind a consent entry, as parsed JSON in which no object names a member twice; `undefined` for what
 * is no signed consent. Must not throw.
 */
export type ReadConsent = (value: unknown, context: DocumentContext) => ReadDocument | undefined;

/** A document whose signature is good. */
export type JudgedDocument = ReadDocument & { readonly shown: ShownDocument };

/** The one subject of a check. */
export const SUBJECT = 'subject';
const SIGNATURE_BYTES = 64;
const JWS_CHARS_MAX = 1024;
/** What is taken apart by functions that call themselves must not be deep; an instance takes no deeper documents either. */
const OPENED_BOUNDS: JsonBounds = { depthMax: 64, valuesMax: 1_000_000, membersMax: 100_000 };

/**
 * Judges a document against its entry.
 *
 * @returns Without a reader only what is shown, the signature unjudged.
 * @throws Refused
 */
export function judgeDocument(
  opening: Opening,
  { entry, index }: { readonly entry: Entry; readonly index: number },
  judging: Judging,
  book: CertificateBook,
): JudgedDocument | ShownDocument {
  judgeOpening(opening, entry.body['commitment'], judging);
  const { bytes } = opening;
  const { readConsent, crypto } = judging.trust;
  if (readConsent === undefined) return { bytes };
  const handle = String(entry.body['handle']);
  const read = readConsent(parsed(bytes), { handle, version: index, subject: SUBJECT, nowMs: entry.at });
  require(read !== undefined, 'document-malformed');
  require(read.policy !== undefined || entry.type === 'consent.withdrawn', 'document-malformed');
  const text = canonicalText(unnamed(read.document));
  require(text !== undefined, 'document-signature');
  const signers = [read.jws, ...(read.cosigned === undefined ? [] : [read.cosigned])].map((jws) => {
    const signed = readJws(jws);
    require(signed !== undefined, 'document-signature');
    const signer = book.certify(signed.kid, entry.at);
    const message = utf8(`${signed.header}.${toBase64url(utf8(text))}`);
    require(crypto.verifyEd25519(signer.key, message, signed.signature), 'document-signature');
    return signer;
  });
  const [signer, other] = signers;
  require(signer !== undefined, 'document-signature');
  require(other === undefined ? isPatient(signer) : areStaffOfOne(signer, other), 'document-signer');
  return { ...read, shown: { bytes, signedBy: holderOf(signer) } };
}

/** Strictly, as the instance read it when it was submitted. @throws Refused */
function parsed(bytes: Uint8Array): unknown {
  const { text, value } = parseOpened(bytes, 'document-malformed');
  require(hasNamesOnce(text), 'document-malformed');
  return value;
}

/** Parses an opened text within bounds. @throws Refused With this code for what is no JSON, or beyond the bounds. */
export function parseOpened(bytes: Uint8Array, code: ProofRefusal): { text: string; value: unknown } {
  const text = textOf(bytes);
  require(text !== undefined && isBounded(text, OPENED_BOUNDS), code);
  try {
    return { text, value: JSON.parse(text) };
  } catch {
    throw new Refused(code);
  }
}

/** What is shown of a judged document. */
export function shownOf(document: JudgedDocument | ShownDocument): ShownDocument {
  return 'shown' in document ? document.shown : document;
}

function isPatient({ group }: Certificate): boolean {
  return group === 'patient';
}

/** Two people of one hospital. */
function areStaffOfOne(one: Certificate, other: Certificate): boolean {
  const areTwo = one.commonName !== other.commonName && !equal(one.key, other.key);
  return areTwo && isStaff(one) && isStaff(other) && one.organisation === other.organisation;
}

function isStaff({ group, role }: Certificate): boolean {
  return group === 'provider' && (role === 'clinician' || role === 'staff');
}

/** The document without what servers set after the signing. */
function unnamed(document: Members): Members {
  return Object.fromEntries(Object.entries(document).filter(([name]) => name !== 'id' && name !== 'meta'));
}

/** A detached JWS, taken apart. */
export interface Jws {
  readonly header: string;
  readonly kid: string;
  readonly signature: Uint8Array;
}

/** @see RFC 7515 section 7.1 and appendix F, RFC 8037 section 3.1 */
export function readJws(jws: string): Jws | undefined {
  const [header = '', payload, signature = '', ...more] = jws.length > JWS_CHARS_MAX ? [] : jws.split('.');
  const headerText = textOf(fromBase64url(header) ?? Uint8Array.of(0xff));
  const bytes = fromBase64url(signature);
  if (payload !== '' || more.length > 0 || headerText === undefined || bytes?.length !== SIGNATURE_BYTES)
    return undefined;
  try {
    const value: unknown = JSON.parse(headerText);
    if (!isObject(value)) return undefined;
    const { alg, kid } = value;
    // The one way of writing it: what it says besides, such as extensions to be understood, is not known here.
    const isKnown = alg === 'EdDSA' && typeof kid === 'string' && kid !== '';
    const isPlain =
      isKnown &&
      [
        { alg, kid },
        { kid, alg },
      ].some((one) => JSON.stringify(one) === headerText);
    return isPlain ? { header, kid, signature: bytes } : undefined;
  } catch {
    return undefined;
  }
}
