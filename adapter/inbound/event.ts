/**
 * What every inbound channel makes of what it hears: one event, one resource version (or its deletion, or the
 * news that it changed and must be fetched).
 */
export type Channel = 'hook' | 'history' | 'import' | 'bulk' | 'reconciliation' | 'push';

/** The bytes of a version that are too many to be held: sealed in a file of their own as they came. */
export interface LargeBody {
  /** Of the file: 32 hexadecimal digits. */
  readonly name: string;
  /** What opens it, base64url: it lies in the event's sealed row alone, until the record takes it over. */
  readonly dataKey: string;
  readonly plainBytes: number;
  /** SHA-256 of what was received, base64url. */
  readonly plainHash: string;
  /** SHA-256 of the file, base64url. */
  readonly ciphertextHash: string;
  /** Where a Binary came as its content itself and not as a resource: of which type. */
  readonly contentType?: string;
  /** SHA-1 (base64) of each text of data that was left out, in their order; of a content itself, its own. */
  readonly dataDigests?: readonly string[];
}

export interface FhirEvent {
  /** Id of the source, our own name for that server. */
  readonly source: string;
  readonly channel: Channel;
  /** `put`: bytes are a version; `delete`: gone at the source; `fetch`: changed, to be read back. */
  readonly kind: 'put' | 'delete' | 'fetch';
  readonly type: string;
  /** Logical id at the source; empty when the resource has none, which the worker refuses by name. */
  readonly id: string;
  /** `meta.versionId`, or the version of `If-Match`; absent where the source gives none. */
  readonly version?: string;
  /** When it reached us, ms. */
  readonly receivedAt: number;
  /** The Bundle's `fullUrl`s that the resource refers to, each with the `Type/id` it stands for. */
  readonly urn?: readonly (readonly [string, string])[];
  /** The patient that partitions the work, as far as it can be told without mapping. */
  readonly lane: string;
  /** Exactly as received; empty for `delete` and `fetch`. With `large`, the resource without its data. */
  readonly bytes: Buffer;
  /** Where what was received lies, when it is not `bytes`. */
  readonly large?: LargeBody;
  /** The push that it came by, and its place there: what becomes of it is told there. */
  readonly ticket?: PushTicket;
  /** The version of the current one that this may take the place of, and of no other; `*`: of any. */
  readonly ifMatch?: string;
  /** The hospital's own signature over `bytes`, checked when they came. */
  readonly signed?: HospitalSignature;
}

/** A push, and the place of an event in it. */
export interface PushTicket {
  readonly name: string;
  readonly index: number;
}

/**
 * What shows that a hospital signed a resource's bytes: one signature over the root of all that it signed with it.
 * Binary values are base64url.
 */
export interface HospitalSignature {
  /** Handle of the hospital's `participant.enrolled`. */
  readonly participant: string;
  /** Detached JWS; its header names the certificate. */
  readonly jws: string;
  readonly source: string;
  /** How many resources were signed together, and which of them this is. */
  readonly count: number;
  readonly index: number;
  readonly salt: string;
  readonly root: string;
  /** Way from this one's leaf to the root. */
  readonly inclusion: readonly string[];
}

/** Bytes of an event for the inbox: u32-BE length of its JSON header, header, the received bytes. */
export function encodeEvent(event: FhirEvent): Buffer {
  const { bytes, lane: _lane, ...header } = event;
  const head = Buffer.from(JSON.stringify(header), 'utf8');
  const out = Buffer.allocUnsafe(4 + head.length + bytes.length);
  out.writeUInt32BE(head.length, 0);
  head.copy(out, 4);
  bytes.copy(out, 4 + head.length);
  return out;
}

/** Inverse of {@link encodeEvent}. */
export function decodeEvent(row: Buffer): Omit<FhirEvent, 'lane'> {
  const length = row.readUInt32BE(0);
  const header = JSON.parse(row.toString('utf8', 4, 4 + length)) as Omit<FhirEvent, 'bytes' | 'lane'>;
  return { ...header, bytes: row.subarray(4 + length) };
}
