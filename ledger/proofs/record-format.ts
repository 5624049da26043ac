/** The file of a record: the version is on the log, unaltered; opened not at all, whole, or by one fact. */
import { isObject } from './canonical.js';
import type { Members } from './canonical.js';
import { CERTIFICATE_BYTES_MAX } from './certificate.js';
import {
  bytesOf,
  countOf,
  hashOf,
  leafOf,
  Malformed,
  membersOf,
  nameOf,
  pathOf,
  submissionOf,
} from './members.js';
import type { LeafProof, SignedLeaf } from './members.js';
import { recordSignatureJson, toRecordSignature } from './record-signature.js';
import type { RecordSignature } from './record-signature.js';

/** What is shown of a record beside its leaf. */
export type RecordOpening =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'whole';
      /** 32 bytes. */
      readonly salt: Uint8Array;
      /** The exact bytes received. */
      readonly plaintext: Uint8Array;
      /** Of the hospital that it came from, where it signed. */
      readonly signature?: RecordSignature;
    }
  | {
      readonly kind: 'fact';
      /** RFC 8785 form of {name, salt, value}. */
      readonly leaf: Uint8Array;
      readonly index: number;
      readonly count: number;
      readonly inclusion: readonly Uint8Array[];
    };

/** A proof that a record version is on the log, unaltered. */
export interface RecordProof {
  readonly kind: 'record';
  /** Of the record version. */
  readonly handle: string;
  /** The signed note. */
  readonly checkpoint: string;
  readonly entry: LeafProof;
  /** The leaf that signs for the entry, and the entry's draft within what it signs. */
  readonly submission: SignedLeaf['submission'];
  /** DER: the actor's, and that of the authority which issued it. */
  readonly certificates: { readonly actor: Uint8Array; readonly issuing: Uint8Array };
  readonly opening: RecordOpening;
}

/** A fact is among at most 16. */
const FACTS_MAX = 16;
const FACT_PATH_MAX = 4;

/** Members of a record's file beside `format`, `statement` and `checkpoint`. */
export const RECORD_MEMBERS = ['entry', 'submission', 'certificates', 'opening'];

/** @throws Malformed */
export function toRecordProof(file: Members, statement: unknown, checkpoint: string): RecordProof {
  const { handle } = membersOf(statement, ['kind', 'handle']);
  const certificates = membersOf(file['certificates'], ['actor', 'issuing']);
  return {
    kind: 'record',
    handle: nameOf(handle),
    checkpoint,
    entry: leafOf(file['entry']),
    submission: submissionOf(file['submission']),
    certificates: {
      actor: bytesOf(certificates['actor'], CERTIFICATE_BYTES_MAX),
      issuing: bytesOf(certificates['issuing'], CERTIFICATE_BYTES_MAX),
    },
    opening: toOpening(file['opening']),
  };
}

function toOpening(value: unknown): RecordOpening {
  const kind: unknown = isObject(value) ? value['kind'] : undefined;
  if (kind === 'none') {
    membersOf(value, ['kind']);
    return { kind };
  }
  if (kind === 'whole') {
    const isSigned = isObject(value) && value['signature'] !== undefined;
    const names = ['kind', 'salt', 'plaintext', ...(isSigned ? ['signature'] : [])];
    const { salt, plaintext, signature } = membersOf(value, names);
    return {
      kind,
      // A salt of another length would let two openings fit one commitment.
      salt: hashOf(salt),
      plaintext: bytesOf(plaintext),
      ...(isSigned ? { signature: toRecordSignature(signature) } : {}),
    };
  }
  if (kind !== 'fact') throw new Malformed();
  const { leaf, index, count, inclusion } = membersOf(value, ['kind', 'leaf', 'index', 'count', 'inclusion']);
  return {
    kind,
    leaf: bytesOf(leaf),
    index: countOf(index, FACTS_MAX - 1),
    count: countOf(count, FACTS_MAX),
    inclusion: pathOf(inclusion, FACT_PATH_MAX),
  };
}

/** JSON of a record's file behind its statement and checkpoint. @param encode - base64url without padding. */
export function recordJson(proof: RecordProof, encode: (bytes: Uint8Array) => string): object {
  const leaf = ({ index, bytes, inclusion }: LeafProof) => ({
    index,
    bytes: encode(bytes),
    inclusion: inclusion.map(encode),
  });
  const { submission, certificates, opening } = proof;
  return {
    entry: leaf(proof.entry),
    submission: { ...leaf(submission), draftInclusion: submission.draftInclusion.map(encode) },
    certificates: { actor: encode(certificates.actor), issuing: encode(certificates.issuing) },
    opening: openingJson(opening, encode),
  };
}

function openingJson(opening: RecordOpening, encode: (bytes: Uint8Array) => string): object {
  switch (opening.kind) {
    case 'none':
      return opening;
    case 'whole': {
      const { salt, plaintext, signature } = opening;
      const signed = signature === undefined ? {} : { signature: recordSignatureJson(signature, encode) };
      return { kind: 'whole', salt: encode(salt), plaintext: encode(plaintext), ...signed };
    }
    case 'fact':
      break;
  }
  const { kind, leaf, index, count, inclusion } = opening;
  return { kind, leaf: encode(leaf), index, count, inclusion: inclusion.map(encode) };
}
