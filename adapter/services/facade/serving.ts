/** A permitted version as the facade shows it: its name, its bytes, its entry in a Bundle. */
import { isLargeRow } from '../../../ledger/vault/index.js';
import { JsonOutline, parseJson, resolveReference, rewriteResource } from '../../../mappings/index.js';
import type { JsonObject, RewriteOptions } from '../../../mappings/index.js';
import type { Attempt, Conditions, FacadeAnswer, VersionTag } from './answer.js';
import type { BundleEntry } from './bundles.js';
import { largeResource, nativeAsResource, nativeContent } from './contents.js';
import type { FacadeContext } from './context.js';
import { lastUpdatedOf, versionIdOf } from './patient-gate.js';
import type { SourceName } from '../../instance/served-forms.js';
import type { PermittedVersion } from './patient-gate.js';
import { provenBundle } from './proving.js';

/** Told of each reference to a resource of a source. */
export type ReferenceSink = (name: SourceName) => void;

export function tagOf(context: FacadeContext, version: PermittedVersion): VersionTag {
  return {
    type: version.card.gate.type,
    id: version.id,
    versionId: versionIdOf(context, version),
    lastUpdatedMs: lastUpdatedOf(version.card),
  };
}

/**
 * A version as it stands in a Bundle: the received bytes with the facade's ids. What lies in a file has its elements,
 * and says of its data that it is not here: it is read by itself.
 */
function servedBytes(
  context: FacadeContext,
  version: PermittedVersion,
  onReference?: ReferenceSink,
): Buffer | Promise<Buffer> {
  const { contentType } = version.card;
  if (contentType !== undefined) {
    const isLarge = isLargeRow(version.row);
    const data = isLarge ? Buffer.alloc(0) : version.gate.open(version);
    const head = { resourceType: 'Binary', id: version.id, contentType, data: data.toString('base64') };
    const bytes = Buffer.from(JSON.stringify(head), 'utf8');
    return isLarge ? rewriteResource(bytes, { ...rewriting(context, version), omitsData: true }) : bytes;
  }
  const remembered = rememberedForm(context, version, onReference);
  if (remembered !== undefined) return remembered;
  if (!isLargeRow(version.row)) return madeForm(context, version, onReference);
  return outlineOf(context, version).then((outline) =>
    rewriteResource(outline, { ...rewriting(context, version, onReference), omitsData: true }),
  );
}

/** The form that was served before, for a caller who is bound to nothing. */
function rememberedForm(
  { servedForms, sources }: FacadeContext,
  { card: { source }, gate, handle, permit }: PermittedVersion,
  onReference: ReferenceSink | undefined,
): Buffer | undefined {
  if (permit.obligations.length > 0) return undefined;
  const form = servedForms.get(gate.subject.key, handle, sources.get(source)?.baseUrl);
  if (form === undefined) return undefined;
  if (onReference !== undefined) form.refersTo.forEach(onReference);
  return form.bytes;
}

function madeForm(
  context: FacadeContext,
  version: PermittedVersion,
  onReference: ReferenceSink | undefined,
): Buffer {
  const refersTo = new Set<SourceName>();
  const options = rewriting(context, version, (name) => refersTo.add(name));
  const bytes = rewriteResource(version.gate.open(version), options);
  if (onReference !== undefined) refersTo.forEach((name) => onReference(name));
  const { gate, handle, permit } = version;
  if (permit.obligations.length === 0) {
    const form = { bytes, refersTo: [...refersTo], sourceBase: options.sourceBase };
    context.servedForms.keep(gate.subject.key, handle, form, gate.recordEpoch);
  }
  return bytes;
}

/** The elements that a search reads. */
export async function elementsOf(context: FacadeContext, version: PermittedVersion): Promise<JsonObject> {
  // Its content came by itself: no element of the resource was received.
  if (version.card.contentType !== undefined) return {};
  const bytes = isLargeRow(version.row) ? await outlineOf(context, version) : version.gate.open(version);
  return parseJson(bytes) as JsonObject;
}

/** A large resource without its data. */
async function outlineOf({ bodies }: FacadeContext, version: PermittedVersion): Promise<Buffer> {
  const outline = new JsonOutline();
  for await (const piece of version.gate.openLarge(version, bodies.blobs)) outline.push(piece);
  return outline.end();
}

function rewriting(
  { sources, names }: FacadeContext,
  version: PermittedVersion,
  onReference?: ReferenceSink,
): RewriteOptions {
  const { source, links } = version.card;
  const sourceBase = sources.get(source)?.baseUrl;
  return {
    id: version.id,
    facadeId: (type, id) => {
      const name = names.of(source, type, id);
      onReference?.(name);
      return name.facadeId;
    },
    ...(sourceBase === undefined ? {} : { sourceBase }),
    ...(links === undefined ? {} : { links: new Map(links) }),
  };
}

/** `Type/id` at the facade of what a reference in a version names. */
export function nameOf(
  context: FacadeContext,
  { source, links = [] }: PermittedVersion['card'],
  reference: string,
): string | undefined {
  return nameAt(context, source, links, reference);
}

/** The same for what a source says, where some texts were found to mean something. */
export function nameAt(
  { sources, records }: FacadeContext,
  source: string,
  links: readonly (readonly [text: string, name: string])[],
  reference: string,
): string | undefined {
  const baseUrl = sources.get(source)?.baseUrl;
  const urn = new Map(links);
  const target = resolveReference(
    { reference },
    { urn, ...(baseUrl === undefined ? {} : { sourceBase: baseUrl }) },
  );
  if (target.kind !== 'local') return undefined;
  return `${target.type}/${records.facadeId(source, target.type, target.id)}`;
}

/** What a caller that has some version needs to hear; `undefined` where it needs the resource. */
export function unchangedOrFailed(
  tag: VersionTag,
  { match, noneMatch, modifiedSinceMs }: Conditions,
): FacadeAnswer | undefined {
  const has = (list: readonly string[]): boolean => list.includes('*') || list.includes(tag.versionId);
  if (match !== undefined && !has(match)) return { kind: 'precondition-failed' };
  const isUnchanged =
    noneMatch === undefined
      ? modifiedSinceMs !== undefined && Math.floor(tag.lastUpdatedMs / 1000) * 1000 <= modifiedSinceMs
      : has(noneMatch);
  return isUnchanged ? { kind: 'unchanged', ...tag } : undefined;
}

/** One version by itself, or what a caller that has some version needs to hear. */
export async function showOne(
  context: FacadeContext,
  version: PermittedVersion,
  asked: Conditions,
): Promise<Attempt> {
  const tag = tagOf(context, version);
  const shown = [version];
  const short = unchangedOrFailed(tag, asked);
  if (short !== undefined) return { answer: short, shown };
  const { isResourceWanted } = asked;
  if (asked.isProofWanted === true) {
    const bytes = await provenBundle(context, version, await searchEntry(context, version));
    return { answer: { kind: 'bundle', bytes }, shown };
  }
  const { contentType } = version.card;
  const { blobs } = context.bodies;
  if (contentType !== undefined && isResourceWanted !== true) {
    const body = nativeContent(version, blobs);
    return { answer: { kind: 'content', contentType, body, ...tag }, shown };
  }
  if (contentType !== undefined) {
    const body = nativeAsResource(version, contentType, blobs);
    return { answer: { kind: 'content', body, ...tag }, shown };
  }
  if (isLargeRow(version.row)) {
    const outline = rewriteResource(await outlineOf(context, version), rewriting(context, version));
    const body = largeResource(version, outline, blobs);
    return { answer: { kind: 'content', body, ...tag }, shown };
  }
  return { answer: { kind: 'resource', bytes: await servedBytes(context, version), ...tag }, shown };
}

/** Entry of a searchset. @param onReference - Told of what it refers to. */
export function searchEntry(
  context: FacadeContext,
  version: PermittedVersion,
  onReference?: ReferenceSink,
): BundleEntry | Promise<BundleEntry> {
  const fullUrl = `${context.baseUrl()}/${version.card.gate.type}/${version.id}`;
  const entry = (resource: Buffer): BundleEntry => ({ fullUrl, resource, search: { mode: 'match' } });
  const bytes = servedBytes(context, version, onReference);
  return bytes instanceof Promise ? bytes.then(entry) : entry(bytes);
}

/** Entry of a history. @param deletedAt - Where the entry says that this version was deleted. */
export async function historyEntry(
  context: FacadeContext,
  version: PermittedVersion,
  deletedAt: number | undefined,
): Promise<BundleEntry> {
  const { type, id, versionId, lastUpdatedMs } = tagOf(context, version);
  const url = `${type}/${id}`;
  const fullUrl = `${context.baseUrl()}/${url}`;
  if (deletedAt !== undefined) {
    const lastModified = new Date(deletedAt).toISOString();
    return { fullUrl, request: { method: 'DELETE', url }, response: { status: '204', lastModified } };
  }
  const lastModified = new Date(lastUpdatedMs).toISOString();
  return {
    fullUrl,
    resource: await servedBytes(context, version),
    request: { method: 'PUT', url },
    response: { status: '200', etag: `W/"${versionId}"`, lastModified },
  };
}
