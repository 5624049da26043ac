/**
 * Proofs beside what is served: for each version a `Provenance`, whose signature holds the proof file. It is a timestamp
 * signature: the log says when the version came and that it is unaltered, and not that the hospital signed it.
 */
import { createHash } from 'node:crypto';
import { PROOF_MEDIA_TYPE } from '../../../ledger/proofs/index.js';
import type { RecordOpening } from '../../../ledger/proofs/index.js';
import { isLargeRow } from '../../../ledger/vault/index.js';
import type { BundleEntry } from './bundles.js';
import { writeBundle } from './bundles.js';
import type { FacadeContext } from './context.js';
import type { Pairs } from './listing.js';
import { badParameter } from './listing.js';
import { versionIdOf } from './patient-gate.js';
import type { PermittedVersion } from './patient-gate.js';

/** Parameter that asks for proofs. */
export const PROOF_PARAMETER = '_proof';
/** Versions on a page with proofs: a proof takes some milliseconds. */
export const PROVEN_COUNT_MAX = 50;
/** A page with proofs ends behind the resource that fills it: a proof is about twice its resource, and 5 KB. */
export const PROVEN_BYTES_MAX = 4 * 1024 * 1024;

/** @see ASTM E1762: timestamp signature */
const TIMESTAMP_SIGNATURE = { system: 'urn:iso-astm:E1762-95:2013', code: '1.2.840.10065.1.12.1.15' };
const PARTICIPANT_TYPE = 'http://terminology.hl7.org/CodeSystem/provenance-participant-type';

/**
 * Whether proofs are asked for.
 *
 * @throws AdapterError ADAPTER_BAD_REQUEST for a value that is neither `true` nor `false`, and for two.
 */
export function asksProof(parameters: Pairs): boolean {
  const values = parameters.filter(([name]) => name === PROOF_PARAMETER).map(([, value]) => value);
  if (values.length > 1) throw badParameter(PROOF_PARAMETER, 'repeated');
  const [value = 'false'] = values;
  if (value !== 'true' && value !== 'false') throw badParameter(PROOF_PARAMETER, 'bad-value');
  return value === 'true';
}

/** The parameters that say what is meant. @throws AdapterError as {@link asksProof} does. */
export function withoutProof(parameters: Pairs): Pairs {
  asksProof(parameters);
  return parameters.filter(([name]) => name !== PROOF_PARAMETER);
}

/** Entries with the proofs of versions, in their order, each version once. */
export async function provenances(
  context: FacadeContext,
  versions: readonly PermittedVersion[],
): Promise<BundleEntry[]> {
  const once = [...new Map(versions.map((version) => [version.handle, version])).values()];
  const proofs = await context.proofs.prove(
    once.map((version) => ({ handle: version.handle, opening: openingOf(version) })),
  );
  return proofs.map(({ file, at }, i) => {
    const version = once[i];
    if (version === undefined) throw new Error('a proof without its version');
    const target = `${version.card.gate.type}/${version.id}/_history/${versionIdOf(context, version)}`;
    const time = new Date(at).toISOString();
    const who = { identifier: { value: context.proofs.origin } };
    const resource = {
      resourceType: 'Provenance',
      target: [{ reference: target }],
      recorded: time,
      agent: [{ type: { coding: [{ system: PARTICIPANT_TYPE, code: 'custodian' }] }, who }],
      signature: [
        {
          type: [TIMESTAMP_SIGNATURE],
          when: time,
          who,
          targetFormat: 'application/fhir+json',
          sigFormat: PROOF_MEDIA_TYPE,
          data: file.toString('base64'),
        },
      ],
    };
    return {
      fullUrl: urnOf(target),
      resource: Buffer.from(JSON.stringify(resource), 'utf8'),
      search: { mode: 'include' },
    };
  });
}

/** A version and its proof in one Bundle. */
export async function provenBundle(
  context: FacadeContext,
  version: PermittedVersion,
  { fullUrl, resource }: BundleEntry,
): Promise<Buffer> {
  const proofs = await provenances(context, [version]);
  const entries = proofs.map(({ search: _search, ...entry }) => entry);
  const own = resource === undefined ? { fullUrl } : { fullUrl, resource };
  return writeBundle('collection', [], [own, ...entries]);
}

/**
 * What lies in a file is too large for a proof file, and what is shown with parts taken out does not fit one: that shows the
 * version without opening it.
 */
function openingOf(version: PermittedVersion): RecordOpening {
  if (isLargeRow(version.row) || version.permit.obligations.length > 0) return { kind: 'none' };
  const { plaintext, salt } = version.gate.openSalted(version);
  return { kind: 'whole', salt, plaintext };
}

/** One name for one target: two equal answers are equal bytes. */
function urnOf(target: string): string {
  const bytes = createHash('sha256').update(`provenance\n${target}`).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const text = bytes.toString('hex');
  return `urn:uuid:${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`;
}
