/** Bundles of served resources, put together from bytes: a resource is not parsed and written anew. */

/** One entry. */
export interface BundleEntry {
  readonly fullUrl: string;
  /** Absent in a history's entry of a deletion. */
  readonly resource?: Buffer;
  /** Members of `search`. */
  readonly search?: { readonly mode: 'match' | 'include' };
  /** For a history. */
  readonly request?: { readonly method: string; readonly url: string };
  readonly response?: { readonly status: string; readonly etag?: string; readonly lastModified: string };
}

/** A link of a Bundle. */
export interface BundleLink {
  readonly relation: 'self' | 'next';
  readonly url: string;
}

/**
 * Writes a Bundle. It states neither id, time nor total: nothing in it hangs on what is left out.
 *
 * @see HL7 FHIR R4, Bundle
 */
export function writeBundle(
  type: 'searchset' | 'history' | 'collection',
  links: readonly BundleLink[],
  entries: readonly BundleEntry[],
): Buffer {
  const linked = links.length === 0 ? '' : `,"link":${JSON.stringify(links)}`;
  const head = `{"resourceType":"Bundle","type":"${type}"${linked}`;
  if (entries.length === 0) return Buffer.from(`${head}}`, 'utf8');
  // Texts and resources by turns, written once into bytes of the right length: a page may have a thousand entries.
  const texts: string[] = [];
  const resources: (Buffer | undefined)[] = [];
  let before = `${head},"entry":[`;
  for (const entry of entries) {
    const { fullUrl, resource } = entry;
    before += `{"fullUrl":${JSON.stringify(fullUrl)}`;
    texts.push(resource === undefined ? before : `${before},"resource":`);
    resources.push(resource);
    before = `${membersOf(entry)}},`;
  }
  texts.push(`${before.slice(0, -1)}]}`);
  return joined(texts, resources);
}

const MATCH = ',"search":{"mode":"match"}';

function membersOf({ search, request, response }: BundleEntry): string {
  let text = '';
  if (search !== undefined) text = search.mode === 'match' ? MATCH : ',"search":{"mode":"include"}';
  if (request !== undefined) text += `,"request":${JSON.stringify(request)}`;
  if (response !== undefined) text += `,"response":${JSON.stringify(response)}`;
  return text;
}

/** @param resources - One between each two texts. */
function joined(texts: readonly string[], resources: readonly (Buffer | undefined)[]): Buffer {
  let length = 0;
  for (const text of texts) length += Buffer.byteLength(text, 'utf8');
  for (const resource of resources) length += resource?.length ?? 0;
  const out = Buffer.allocUnsafe(length);
  let at = 0;
  texts.forEach((text, i) => {
    at += out.write(text, at, 'utf8');
    const resource = resources[i];
    if (resource === undefined) return;
    out.set(resource, at);
    at += resource.length;
  });
  return out;
}
