/** Adding, listing and reading sources: what the command line and the admin socket share. */
import { AdapterError } from '../errors.js';
import type { HistoryProgress } from '../inbound/history.js';
import { readHistory } from '../inbound/history.js';
import { SourceClient } from '../inbound/source-client.js';
import type { Instance } from '../instance/instance.js';
import { enrolOrganisation } from './organisations.js';

export interface AddSourceArgs {
  readonly id: string;
  readonly url: string;
  readonly name: string;
  readonly bearerToken?: string;
  /** PEM; without it the instance is custodian. */
  readonly csr?: string;
  readonly allowResearch: boolean;
  /** Makes adding the same source again answer what is there. */
  readonly ifMissing?: boolean;
}

export interface AddedSource {
  readonly id: string;
  readonly hookPath: string;
  readonly secret: string;
  /** The hospital's certificate, where it sent a request. */
  readonly certificate?: string;
}

export interface ListedSource {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly baseUrl?: string;
  /** Types read so far. */
  readonly types: number;
}

/**
 * Adds a FHIR server, after it has answered for itself.
 *
 * @throws AdapterError ADAPTER_USAGE for an address that is none, ADAPTER_SOURCE_UNREACHABLE or
 * ADAPTER_SOURCE_REFUSED when it does not answer as a FHIR server, ADAPTER_CONFLICT for an id in use.
 */
export async function addSource(instance: Instance, args: AddSourceArgs): Promise<AddedSource> {
  const existing = instance.sources.get(args.id);
  if (existing !== undefined) {
    if (args.ifMissing !== true) throw new AdapterError('ADAPTER_CONFLICT', `source ${args.id} exists`);
    await instance.sources.update(args.id, { baseUrl: checkedUrl(args.url) });
    return { id: existing.id, hookPath: `/hooks/${existing.id}`, secret: existing.secret };
  }
  const baseUrl = checkedUrl(args.url);
  const client = new SourceClient({ baseUrl, bearerToken: args.bearerToken });
  const types = await client.searchableTypes();
  if (types.length === 0)
    throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'the server offers nothing to search');
  const enrolled = args.csr === undefined ? undefined : await enrolOrganisation(instance, args.csr, args.name, 'provider');
  const { participant, id, name } = enrolled ?? instance.organisation;
  const source = await instance.sources.add(
    {
      id: args.id,
      kind: 'fhir',
      name: args.name,
      baseUrl,
      ...(args.bearerToken === undefined ? {} : { bearerToken: args.bearerToken }),
      custodian: { participant, id, name },
      allowResearch: args.allowResearch,
    },
    instance.nowMs(),
  );
  return {
    id: source.id,
    hookPath: `/hooks/${source.id}`,
    secret: source.secret,
    ...(enrolled === undefined ? {} : { certificate: enrolled.pem }),
  };
}

export function listSources(instance: Instance): ListedSource[] {
  return instance.sources.list().map(({ id, kind, name, baseUrl, syncedTo }) => ({
    id,
    kind,
    name,
    ...(baseUrl === undefined ? {} : { baseUrl }),
    types: Object.keys(syncedTo).length,
  }));
}

/** Reads what a source holds, or what is new since the last time. */
export async function syncSource(
  instance: Instance,
  id: string,
  onProgress: (progress: HistoryProgress) => void = () => undefined,
  signal?: AbortSignal,
): Promise<HistoryProgress> {
  const client = instance.client(id);
  if (client === undefined)
    throw new AdapterError('ADAPTER_NOT_FOUND', `no FHIR server is registered as ${id}`);
  return readHistory(id, {
    client,
    inbox: instance.inbox,
    sources: instance.sources,
    statistics: instance.statistics,
    nowMs: instance.nowMs,
    onProgress,
    ...(signal === undefined ? {} : { signal }),
  });
}

function checkedUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${text} is not an address`, { cause });
  }
  const local = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && local)) {
    throw new AdapterError('ADAPTER_USAGE', 'a FHIR server is read over https; http only on this machine');
  }
  if (url.username !== '' || url.password !== '') {
    throw new AdapterError('ADAPTER_USAGE', 'credentials do not belong in an address; use --token-file');
  }
  return url.href.replace(/\/+$/, '');
}
