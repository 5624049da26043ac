/** Adding, showing, changing and reading sources: what the command line and the admin socket share. */
import { isIP } from 'node:net';
import { join } from 'node:path';
import { AdapterError } from '../errors.js';
import { checkedRange, PRIVATE_RANGES } from '../inbound/addresses.js';
import { isLoopbackHost } from '../inbound/connections.js';
import type { HistoryProgress } from '../inbound/history.js';
import { readHistory } from '../inbound/history.js';
import type { Instance } from '../instance/instance.js';
import { SOURCE_ALGORITHMS } from '../instance/source-keys.js';
import type { SourceAlgorithm } from '../instance/source-keys.js';
import { SOURCE_CHANNELS, sourceRowKey } from '../instance/sources.js';
import type { Credential, Source, SourceChannel, SourceServer, SourceState } from '../instance/sources.js';
import { channelStates, partFromSource } from './channels/index.js';
import { compactAway, probesOf, rowRange } from './erasure/compaction.js';
import { enrolOrganisation } from './organisations.js';
import type { Reached } from './source-clients.js';
import type { LastExport } from '../inbound/bulk/index.js';
import { forgetExports, lastExport } from './source-export.js';
import { chooseChannels, discover } from './source-discovery.js';
import type { ChosenChannel, Discovery } from './source-discovery.js';

/** What whoever adds a source has to show to be let in. */
export type GivenCredential =
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | {
      readonly kind: 'smart';
      readonly clientId: string;
      /** Needed where it is of another origin than the server: else it is found. */
      readonly tokenUrl?: string;
      readonly scope?: string;
      readonly algorithm?: string;
    };

export interface AddSourceArgs {
  readonly id: string;
  readonly url: string;
  readonly name: string;
  readonly credential?: GivenCredential;
  /** PEM; without it the instance is custodian. */
  readonly csr?: string;
  readonly allowResearch: boolean;
  /** Lets the hospital's clinicians write to its server through us. */
  readonly allowWrites?: boolean;
  /** Makes adding the same source again answer what is there. */
  readonly ifMissing?: boolean;
  readonly with?: readonly string[];
  readonly without?: readonly string[];
  /** Ranges; an empty list is all private ones. */
  readonly allowPrivate?: readonly string[];
  readonly requestsPerSecond?: number;
}

export interface AddedSource {
  readonly id: string;
  readonly hookPath: string;
  readonly secret: string;
  /** The hospital's certificate, where it sent a request. */
  readonly certificate?: string;
  /** Absent where the source was there already. */
  readonly found?: Discovery;
  readonly channels: readonly ChosenChannel[];
}

export interface ListedSource {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly state: SourceState;
  readonly baseUrl?: string;
  readonly channels: readonly SourceChannel[];
  /** Types read so far. */
  readonly types: number;
}

export interface ShownSource extends ListedSource {
  readonly hookPath: string;
  readonly server?: SourceServer;
  /** Its kind, and what of it is no secret. */
  readonly credential: Readonly<Record<string, string>> | null;
  readonly custodian: { readonly id: string; readonly name: string };
  readonly allowsResearch: boolean;
  readonly takesWrites: boolean;
  readonly allowPrivate: readonly string[];
  readonly requestsPerSecond: number;
  readonly addedAt: string;
  /** Up to when each type has been read. */
  readonly syncedTo: Readonly<Record<string, string>>;
  /** The last export that was read to its end. */
  readonly lastExport?: LastExport;
}

const SCOPE = 'system/*.rs';
const CLIENT_ID = /^[\x21-\x7e]{1,256}$/;
const SCOPE_TEXT = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/;
const TOKEN = /^[\x21-\x7e]+$/;
const TOKEN_CHARS_MAX = 32_768;
const RATE_MAX = 100_000;

/** What a server says of itself and how it would be heard; nothing is stored but our keys, where it asks for them. */
export async function exploreSource(
  instance: Instance,
  args: AddSourceArgs,
): Promise<{ found: Discovery; channels: ChosenChannel[] }> {
  const reached = reachedOf(args);
  const found = await instance.sourceClients.trying(reached, discover);
  return { found, channels: chooseChannels(found, wishesOf(args)) };
}

/**
 * Adds a FHIR server, after it has answered for itself and let us in.
 *
 * @throws AdapterError ADAPTER_USAGE for an address that is none, ADAPTER_SOURCE_UNREACHABLE or
 * ADAPTER_SOURCE_REFUSED when it does not answer as a FHIR server or refuses us, ADAPTER_CONFLICT for an id in use.
 */
export async function addSource(instance: Instance, args: AddSourceArgs): Promise<AddedSource> {
  const existing = instance.sources.get(args.id);
  const isBack = existing?.state === 'removed' && existing.baseUrl === checkedUrl(args.url);
  if (existing !== undefined && !isBack) {
    if (existing.state === 'removed') {
      throw new AdapterError(
        'ADAPTER_CONFLICT',
        `source ${args.id} was another server, whose records are kept under that name; choose another id`,
      );
    }
    if (args.ifMissing !== true) throw new AdapterError('ADAPTER_CONFLICT', `source ${args.id} exists`);
    const { channels } = await instance.sources.update(args.id, { baseUrl: checkedUrl(args.url) });
    return {
      id: existing.id,
      hookPath: `/hooks/${existing.id}`,
      secret: existing.secret,
      channels: channels.map((channel) => ({ channel, offered: true, chosen: true, why: 'as before' })),
    };
  }
  const { found, channels } = await exploreSource(instance, args);
  if (found.searchable.length === 0)
    throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'the server offers nothing to search');
  const reached = reachedOf(args);
  const credential = credentialOf(args.credential, reached.baseUrl, found);
  const full: Reached & { baseUrl: string } = {
    ...reached,
    ...(credential === undefined ? {} : { credential }),
  };
  await instance.sourceClients.trying(full, (client) => client.match(probeType(found), '_count=1'));
  const { software, version, fhirVersion } = found;
  const server: SourceServer = {
    ...(software === undefined ? {} : { software }),
    ...(version === undefined ? {} : { version }),
    ...(fhirVersion === undefined ? {} : { fhirVersion }),
  };
  const chosen = channels.filter((one) => one.chosen).map(({ channel }) => channel);
  const takesWrites = args.allowWrites === true;
  const common = { ...full, name: args.name, channels: chosen, server, takesWrites };
  if (existing !== undefined) {
    const { secret } = await instance.sources.update(args.id, { ...common, state: 'active' });
    return { id: args.id, hookPath: `/hooks/${args.id}`, secret, found, channels };
  }
  const enrolled =
    args.csr === undefined ? undefined : await enrolOrganisation(instance, args.csr, args.name, 'provider');
  const { participant, id, name } = enrolled ?? instance.organisation;
  const source = await instance.sources.add(
    {
      ...common,
      id: args.id,
      kind: 'fhir',
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
    found,
    channels,
  };
}

export function listSources(instance: Instance): ListedSource[] {
  return instance.sources.list().map(listed);
}

/** All that is known of a source, save its secrets. @throws AdapterError ADAPTER_NOT_FOUND */
export function showSource(instance: Instance, id: string): ShownSource {
  const source = sourceOf(instance, id);
  const { server, custodian, permissions, allowPrivate, requestsPerSecond, addedAt, syncedTo } = source;
  const last = lastExport(instance, id);
  return {
    ...listed(source),
    hookPath: `/hooks/${id}`,
    ...(server === undefined ? {} : { server }),
    credential: shown(source.credential),
    custodian: { id: custodian.id, name: custodian.name },
    allowsResearch: permissions.research !== undefined,
    takesWrites: source.takesWrites === true,
    allowPrivate: allowPrivate ?? [],
    requestsPerSecond: requestsPerSecond ?? instance.config.sourceRequestsPerSecond,
    addedAt: new Date(addedAt).toISOString(),
    syncedTo: Object.fromEntries(
      Object.entries(syncedTo).map(([type, atMs]) => [type, new Date(atMs).toISOString()]),
    ),
    ...(last === undefined ? {} : { lastExport: last }),
  };
}

/** Nothing is heard of it until it goes on. @throws AdapterError ADAPTER_NOT_FOUND, ADAPTER_CONFLICT */
export async function pauseSource(instance: Instance, id: string): Promise<ListedSource> {
  refuseRemoved(sourceOf(instance, id));
  return listed(await instance.sources.update(id, { state: 'paused' }));
}

/** @throws AdapterError ADAPTER_NOT_FOUND, ADAPTER_CONFLICT */
export async function resumeSource(instance: Instance, id: string): Promise<ListedSource> {
  refuseRemoved(sourceOf(instance, id));
  return listed(await instance.sources.update(id, { state: 'active' }));
}

/**
 * Ends a source. Its records are kept; what we read it with is destroyed, on the disk too.
 *
 * @returns Whether nothing of its row is left on the disk: a reader of an older state may hold it for a while.
 * @throws AdapterError ADAPTER_NOT_FOUND, ADAPTER_CONFLICT for one of files.
 */
export async function removeSource(
  instance: Instance,
  id: string,
): Promise<ListedSource & { readonly areBytesGone: boolean }> {
  const { kind } = sourceOf(instance, id);
  if (kind !== 'fhir') throw new AdapterError('ADAPTER_CONFLICT', `source ${id} has no server to part from`);
  // Paused first: nothing is made there again while it is left.
  if (Object.keys(channelStates(instance).of(id).subscriptions).length > 0) {
    await instance.sources.update(id, { state: 'paused' });
    await partFromSource(instance, id);
  }
  const key = sourceRowKey(id);
  const before = instance.store.getSync(key);
  const removed = await instance.sources.remove(id);
  instance.sourceClients.of(id);
  await forgetExports(instance, id);
  const areBytesGone = await compactAway(
    instance.store,
    join(instance.config.dataDir, 'store'),
    [rowRange(key)],
    before === undefined ? [] : probesOf(before),
  );
  return { ...listed(removed), areBytesGone };
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
  if (instance.sources.get(id)?.state === 'paused')
    throw new AdapterError('ADAPTER_CONFLICT', `source ${id} is paused; firebreak source resume ${id}`);
  return readHistory(id, {
    client,
    inbox: instance.inbox,
    records: instance.records,
    store: instance.store,
    sources: instance.sources,
    statistics: instance.statistics,
    nowMs: instance.nowMs,
    onProgress,
    ...(signal === undefined ? {} : { signal }),
  });
}

function sourceOf(instance: Instance, id: string): Source {
  const source = instance.sources.get(id);
  if (source === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', `no source ${id.slice(0, 64)}`);
  return source;
}

function refuseRemoved({ id, state }: Source): void {
  if (state === 'removed')
    throw new AdapterError('ADAPTER_CONFLICT', `source ${id} was removed; add it again`);
}

function listed({ id, kind, name, state, baseUrl, channels, syncedTo }: Source): ListedSource {
  return {
    id,
    kind,
    name,
    state,
    ...(baseUrl === undefined ? {} : { baseUrl }),
    channels,
    types: Object.keys(syncedTo).length,
  };
}

function shown(credential: Credential | undefined): Readonly<Record<string, string>> | null {
  if (credential === undefined) return null;
  if (credential.kind !== 'smart') return { kind: credential.kind };
  const { kind, clientId, tokenUrl, scope, algorithm } = credential;
  return { kind, clientId, tokenUrl, scope, algorithm };
}

/** How a server is reached before we know how it lets us in: what SMART guards is not asked for yet. */
function reachedOf(args: AddSourceArgs): Reached & { readonly baseUrl: string } {
  const { credential, allowPrivate, requestsPerSecond } = args;
  const given =
    credential === undefined || credential.kind === 'smart' ? undefined : checkedSecret(credential);
  if (requestsPerSecond !== undefined && !(requestsPerSecond >= 0.01 && requestsPerSecond <= RATE_MAX))
    throw usage(`a rate is from 0.01 to ${RATE_MAX} requests a second`);
  return {
    baseUrl: checkedUrl(args.url),
    ...(given === undefined ? {} : { credential: given }),
    ...(allowPrivate === undefined
      ? {}
      : { allowPrivate: allowPrivate.length === 0 ? PRIVATE_RANGES : allowPrivate.map(checkedRange) }),
    ...(requestsPerSecond === undefined ? {} : { requestsPerSecond }),
  };
}

function checkedSecret(
  credential: Exclude<GivenCredential, { kind: 'smart' }>,
): Exclude<Credential, { kind: 'smart' }> {
  if (credential.kind === 'bearer') {
    if (!TOKEN.test(credential.token) || credential.token.length > TOKEN_CHARS_MAX)
      throw usage('a bearer token is one line of printable characters');
    return credential;
  }
  const { username, password } = credential;
  // RFC 7617: the name ends at the first colon, and neither holds control characters.
  if (username === '' || username.includes(':') || /\p{Cc}/u.test(username + password))
    throw usage('a name has no colon, and neither it nor the password has control characters');
  return credential;
}

/**
 * The token's address is taken from the server only where it is of the server's own origin: one that names another's
 * would have us ask there, and show what we get there to it.
 */
function credentialOf(
  given: GivenCredential | undefined,
  baseUrl: string,
  found: Discovery,
): Credential | undefined {
  if (given === undefined) return undefined;
  if (given.kind !== 'smart') return checkedSecret(given);
  const { clientId, scope = SCOPE } = given;
  if (!CLIENT_ID.test(clientId)) throw usage('a client id is one line of printable characters');
  if (!SCOPE_TEXT.test(scope)) throw usage('scopes are such as system/*.rs, apart by one blank');
  const offered = found.smart?.tokenUrl;
  if (given.tokenUrl === undefined && offered === undefined)
    throw usage('the server does not say where tokens are to be had; name it by --token-url');
  // To the letter: the server compares it with the assertion's audience.
  const tokenUrl = given.tokenUrl ?? offered ?? '';
  checkedUrl(tokenUrl);
  if (given.tokenUrl === undefined && new URL(tokenUrl).origin !== new URL(baseUrl).origin) {
    throw usage(
      `the server has tokens given at another place, ${new URL(tokenUrl).origin}: if that is right, name it by --token-url`,
    );
  }
  const algorithm = given.algorithm ?? found.smart?.algorithms[0] ?? SOURCE_ALGORITHMS[0];
  if (!isAlgorithm(algorithm)) throw usage(`keys sign by ${SOURCE_ALGORITHMS.join(' or ')}`);
  return { kind: 'smart', clientId, tokenUrl, scope, algorithm };
}

function isAlgorithm(text: string): text is SourceAlgorithm {
  return SOURCE_ALGORITHMS.some((one) => one === text);
}

function wishesOf(args: AddSourceArgs): { with: SourceChannel[]; without: SourceChannel[] } {
  return { with: channelsOf(args.with), without: channelsOf(args.without) };
}

function channelsOf(names: readonly string[] = []): SourceChannel[] {
  return names.map((name) => {
    const found = SOURCE_CHANNELS.find((one) => one === name);
    if (found === undefined) throw usage(`${name.slice(0, 64)} is no channel: ${SOURCE_CHANNELS.join(', ')}`);
    return found;
  });
}

/** A type by which it is tried whether we may read. */
export function probeType({ searchable }: Pick<Discovery, 'searchable'>): string {
  return searchable.includes('Patient') ? 'Patient' : (searchable[0] ?? 'Patient');
}

function checkedUrl(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${text.slice(0, 200)} is not an address`, { cause });
  }
  if (url.username !== '' || url.password !== '') {
    throw usage('credentials do not belong in an address; use --token-file or --basic-file');
  }
  // 2130706433 and 0x7f.1 are 127.0.0.1 too: whoever means an address can write it.
  if (isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0 && !text.toLowerCase().includes(`//${url.hostname}`)) {
    throw usage(`write the address as ${url.hostname}`);
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopbackHost(url.hostname))) {
    throw usage('a FHIR server is read over https; http only on this machine');
  }
  return url.href.replace(/\/+$/, '');
}

function usage(message: string): AdapterError {
  return new AdapterError('ADAPTER_USAGE', message);
}
