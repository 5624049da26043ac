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
  const parts: Buffer[] = [Buffer.from(`${head},"entry":[`, 'utf8')];
  entries.forEach(({ fullUrl, resource, ...rest }, i) => {
    const start = `${i === 0 ? '' : ','}{"fullUrl":${JSON.stringify(fullUrl)}`;
    const more = Object.entries(rest).map(([name, value]) => `,"${name}":${JSON.stringify(value)}`);
    if (resource === undefined) parts.push(Buffer.from(start, 'utf8'));
    else parts.push(Buffer.from(`${start},"resource":`, 'utf8'), resource);
    parts.push(Buffer.from(`${more.join('')}}`, 'utf8'));
  });
  parts.push(Buffer.from(']}', 'utf8'));
  return Buffer.concat(parts);
}
