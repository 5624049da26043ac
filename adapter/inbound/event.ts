/**
 * What every inbound channel makes of what it hears: one event, one resource version (or its deletion, or the
 * news that it changed and must be fetched).
 */
export type Channel = 'hook' | 'history' | 'import';

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
  /** Exactly as received; empty for `delete` and `fetch`. */
  readonly bytes: Buffer;
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
