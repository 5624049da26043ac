/** The parts that requests and certificates share: names, keys, extensions. @see RFC 5280 section 4, RFC 8410 */
import { bitStringDer, childrenOf, encodeDer, expect, oidDer, readDer, Tag, textOf, utf8Der } from './der.js';
import type { DerValue } from './der.js';
import { ParticipantError } from './errors.js';

/** The one signature algorithm of the profile: id-Ed25519, without parameters. @see RFC 8410 section 3 */
export const ED25519_ALGORITHM = encodeDer(Tag.sequence, oidDer('1.3.101.112'));

/** SubjectPublicKeyInfo of an Ed25519 key. @see RFC 8410 section 4 */
export function spkiDer(raw: Uint8Array): Buffer {
  return encodeDer(Tag.sequence, ED25519_ALGORITHM, bitStringDer(raw));
}

/** The 32 raw bytes of an Ed25519 SubjectPublicKeyInfo; `undefined` for a key of another kind. */
export function rawKeyOf(spki: DerValue): Buffer | undefined {
  const raw = spki.raw.subarray(-32);
  return spkiDer(raw).equals(spki.raw) ? raw : undefined;
}

const OID_COMMON_NAME = oidDer('2.5.4.3');
const OID_ORGANISATION = oidDer('2.5.4.10');

function attribute(oid: Buffer, text: string | undefined): Buffer {
  return text === undefined
    ? Buffer.alloc(0)
    : encodeDer(Tag.set, encodeDer(Tag.sequence, oid, utf8Der(text)));
}

/** The attributes of a name that the profile knows. */
export interface Name {
  readonly commonName?: string;
  readonly organisation?: string;
}

/** A name: its common name, then its organisation. */
export function nameDer(name: Name): Buffer {
  return encodeDer(
    Tag.sequence,
    attribute(OID_COMMON_NAME, name.commonName),
    attribute(OID_ORGANISATION, name.organisation),
  );
}

/**
 * Reads a name.
 *
 * @returns The attributes known, and whether there are no others (nor one twice, nor of an odd string type).
 * @throws ParticipantError PARTICIPANT_BAD_DER
 */
export function readName(value: DerValue | undefined): Name & { readonly exact: boolean } {
  let exact = true;
  let commonName: string | undefined;
  let organisation: string | undefined;
  for (const set of childrenOf(expect(value, Tag.sequence))) {
    const attributes = childrenOf(expect(set, Tag.set));
    exact &&= attributes.length === 1;
    for (const one of attributes) {
      const [oid, string] = childrenOf(expect(one, Tag.sequence));
      if (oid === undefined || string === undefined)
        throw new ParticipantError('PARTICIPANT_BAD_DER', 'no attribute');
      const text = textOf(string);
      if (text !== undefined && commonName === undefined && oid.raw.equals(OID_COMMON_NAME))
        commonName = text;
      else if (text !== undefined && organisation === undefined && oid.raw.equals(OID_ORGANISATION))
        organisation = text;
      else exact = false;
    }
  }
  return {
    ...(commonName === undefined ? {} : { commonName }),
    ...(organisation === undefined ? {} : { organisation }),
    exact,
  };
}

/** One extension. */
export interface Extension {
  readonly critical: boolean;
  readonly value: Buffer;
}

/** Extensions by the hexadecimal form of their OID's DER, as {@link oidKey} gives it. */
export type Extensions = ReadonlyMap<string, Extension>;

/** Names an extension in {@link Extensions}. */
export function oidKey(dotted: string): string {
  return oidDer(dotted).toString('hex');
}

const TRUE = Buffer.of(0x01, 0x01, 0xff);

/** One extension around its DER value. */
export function extensionDer(dotted: string, value: Uint8Array, critical = false): Buffer {
  const octets = encodeDer(Tag.octetString, value);
  return critical
    ? encodeDer(Tag.sequence, oidDer(dotted), TRUE, octets)
    : encodeDer(Tag.sequence, oidDer(dotted), octets);
}

/**
 * Reads a SEQUENCE of extensions.
 *
 * @throws ParticipantError PARTICIPANT_BAD_DER also when one stands twice.
 */
export function readExtensions(value: DerValue | undefined): Extensions {
  const extensions = new Map<string, Extension>();
  for (const one of childrenOf(expect(value, Tag.sequence))) {
    const parts = childrenOf(expect(one, Tag.sequence));
    const critical = parts.length === 3;
    // A criticality of FALSE is the default, which DER leaves out.
    if (parts.length < 2 || parts.length > 3 || (critical && parts[1]?.raw.equals(TRUE) !== true)) {
      throw new ParticipantError('PARTICIPANT_BAD_DER', 'no extension');
    }
    const key = expect(parts[0], Tag.oid).raw.toString('hex');
    if (extensions.has(key)) throw new ParticipantError('PARTICIPANT_BAD_DER', 'an extension stands twice');
    extensions.set(key, { critical, value: expect(parts.at(-1), Tag.octetString).content });
  }
  return extensions;
}

/** Bits of a keyUsage as they stand in its first byte. @see RFC 5280 section 4.2.1.3 */
export const KeyUsage = { digitalSignature: 0x80, keyCertSign: 0x04, cRLSign: 0x02 } as const;

/** A keyUsage, with its trailing zero bits left out as DER wants. */
export function keyUsageDer(bits: number): Buffer {
  let unused = 0;
  while (unused < 7 && ((bits >> unused) & 1) === 0) unused++;
  return encodeDer(Tag.bitString, Buffer.of(unused, bits));
}

/** @throws ParticipantError PARTICIPANT_BAD_DER */
export function readKeyUsage(value: Buffer): number {
  return expect(readDer(value), Tag.bitString).content[1] ?? 0;
}

/** basicConstraints. @param pathLength - An authority's: how many authorities may stand under it. */
export function basicConstraintsDer(pathLength?: number): Buffer {
  return pathLength === undefined
    ? encodeDer(Tag.sequence)
    : encodeDer(Tag.sequence, TRUE, encodeDer(Tag.integer, Buffer.of(pathLength)));
}

/**
 * Whether basicConstraints say CA:TRUE.
 *
 * @throws ParticipantError PARTICIPANT_BAD_DER
 */
export function readIsAuthority(value: Buffer): boolean {
  const [first] = childrenOf(expect(readDer(value), Tag.sequence));
  if (first === undefined || first.tag === Tag.integer) return false;
  if (!first.raw.equals(TRUE)) throw new ParticipantError('PARTICIPANT_BAD_DER', 'no basic constraints');
  return true;
}
