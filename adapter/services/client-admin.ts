/** Registering, listing and ending clients: what the command line and the admin socket share. */
import type { JWK } from 'jose';
import { readCertificate } from '../../ledger/participants/index.js';
import type { Client, ClientGroup } from '../instance/clients.js';
import { AdapterError } from '../errors.js';
import type { Instance } from '../instance/instance.js';
import type { Source } from '../instance/sources.js';
import { enrolOrganisation } from './organisations.js';
import { GROUP_PURPOSES, isAssertionKey, parseScope, purposeCode, scopeText } from './tokens/index.js';

export interface AddClientArgs {
  readonly name: string;
  readonly group: string;
  /** PKCS#10 request of the organisation's own keys, PEM. */
  readonly csr: string;
  readonly scopes: readonly string[];
  /** Default: all of the group's. */
  readonly purposes?: readonly string[];
  /** Further public keys: a JWK set. */
  readonly jwks?: unknown;
  readonly jwksUrl?: string;
  /** A source that is there, whose records it pushes too. */
  readonly source?: string;
  /** Id of a new source, which this organisation is the custodian of and this system alone writes. */
  readonly push?: string;
  /** Whether the custodian permits this instance to train on the new source's records, where patients permit it. */
  readonly allowResearch?: boolean;
}

export interface AddedClient {
  readonly id: string;
  readonly name: string;
  /** PEM. */
  readonly certificate: string;
  /** `kid` of the certified key. */
  readonly kid: string;
  readonly tokenPath: string;
}

export interface ListedClient {
  readonly id: string;
  readonly name: string;
  readonly group: string;
  readonly scopes: readonly string[];
  readonly purposes: readonly string[];
  readonly state: 'active' | 'revoked' | 'expired';
}

/**
 * Enrols an organisation and registers its system as a client; both are one batch with the log's entry.
 *
 * @throws AdapterError ADAPTER_USAGE for scopes, purposes, keys or a group that are none; ParticipantError for a request
 * that must not be certified.
 */
export async function addClient(instance: Instance, args: AddClientArgs): Promise<AddedClient> {
  // One after the other: two must not take one name for what they write.
  const before = turns.get(instance) ?? Promise.resolve();
  const turn = before.catch(() => undefined).then(() => add(instance, args));
  turns.set(instance, turn);
  return turn;
}

const turns = new WeakMap<Instance, Promise<unknown>>();

async function add(instance: Instance, args: AddClientArgs): Promise<AddedClient> {
  const group = groupOf(args.group);
  const scopes = args.scopes.map((text) => {
    const scope = parseScope(text);
    if (scope === undefined) throw usage(`${text} is not a scope such as system/Observation.rs`);
    return scopeText(scope);
  });
  if (scopes.length === 0) throw usage('name at least one scope, such as system/Observation.rs');
  const ofGroup: readonly string[] = GROUP_PURPOSES[group];
  const purposes = (args.purposes ?? ofGroup).map((text) => {
    const code = purposeCode(text);
    if (code === undefined || !ofGroup.includes(code))
      throw usage(`${text} is not a purpose of the group ${group}: ${ofGroup.join(', ')}`);
    return code;
  });
  if (purposes.length === 0) throw usage('name at least one purpose of use');
  if (args.source !== undefined && instance.sources.get(args.source) === undefined)
    throw usage(`no source ${args.source}`);
  if (args.push !== undefined) {
    if (args.source !== undefined)
      throw usage('a system writes one source: name it by --source, or a new one by --push');
    if (group !== 'provider') throw usage('only a provider writes records');
    instance.sources.requireFree(args.push);
  }
  const written = args.push ?? args.source;
  const more = keysOf(args.jwks);
  const jwksUrl = args.jwksUrl === undefined ? {} : { jwksUrl: checkedUrl(args.jwksUrl) };
  let client: Client | undefined;
  let added: Source | undefined;
  const enrolled = await enrolOrganisation(instance, args.csr, args.name, group, (organisation) => {
    const certificate = readCertificate(Buffer.from(organisation.certificate, 'base64'));
    const known = instance.clients.get(organisation.id);
    if (known !== undefined)
      throw new AdapterError('ADAPTER_CONFLICT', `${known.id} is a client already, by the same key`);
    const x = certificate.publicKey.toString('base64url');
    const certified: JWK = { kty: 'OKP', crv: 'Ed25519', x, kid: organisation.fingerprint };
    client = {
      id: organisation.id,
      participant: organisation.participant,
      name: organisation.name,
      group,
      fingerprint: organisation.fingerprint,
      notAfter: certificate.notAfter,
      keys: [certified, ...more],
      x25519: certificate.x25519Public.toString('base64url'),
      ...jwksUrl,
      scopes,
      purposes,
      ...(written === undefined ? {} : { source: written }),
      addedAt: instance.nowMs(),
    };
    const row = instance.clients.write(client);
    if (args.push === undefined) return [row];
    const { participant, id, name } = organisation;
    const { source, writes } = instance.sources.prepare(
      {
        id: args.push,
        kind: 'push',
        name: args.name,
        channels: [],
        custodian: { participant, id, name },
        allowResearch: args.allowResearch === true,
      },
      instance.nowMs(),
    );
    added = source;
    return [row, ...writes];
  });
  if (client !== undefined) instance.clients.taken(client);
  if (added !== undefined) instance.sources.taken(added);
  const { id, name, pem, fingerprint } = enrolled;
  return { id, name, certificate: pem, kid: fingerprint, tokenPath: '/auth/token' };
}

export function listClients(instance: Instance): ListedClient[] {
  const now = instance.nowMs();
  return instance.clients.list().map(({ id, name, group, scopes, purposes, revokedAt, notAfter }) => ({
    id,
    name,
    group,
    scopes,
    purposes,
    state: revokedAt === undefined ? (notAfter <= now ? 'expired' : 'active') : 'revoked',
  }));
}

/**
 * Ends a client, and its organisation's part on the log.
 *
 * @param reason - Of RFC 5280; default: it takes part no more.
 * @throws AdapterError ADAPTER_NOT_FOUND, ADAPTER_USAGE
 */
export async function revokeClient(
  instance: Instance,
  id: string,
  reason = 'cessationOfOperation',
): Promise<ListedClient> {
  const known = instance.clients.get(id);
  if (known === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', `no client ${id}`);
  await instance.certification.revoke(known.participant, reason);
  const listed = listClients(instance).find((client) => client.id === id);
  if (listed === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', `no client ${id}`);
  return listed;
}

function groupOf(text: string): ClientGroup {
  if (text === 'provider' || text === 'authority' || text === 'payer') return text;
  throw usage('a client’s group is provider, authority or payer');
}

function keysOf(jwks: unknown): JWK[] {
  if (jwks === undefined) return [];
  const { keys } = jwks as { keys?: unknown };
  if (!Array.isArray(keys)) throw usage('a JWK set is {"keys": […]}');
  return (keys as JWK[]).map((key) => {
    if (typeof key !== 'object' || key === null || !isAssertionKey(key)) {
      throw usage('a client’s key has a kid and is Ed25519, P-384, or RSA of 2048 bits and more');
    }
    if (['d', 'p', 'q', 'k'].some((name) => name in key))
      throw usage('that is a private key: keep it, send the public one');
    return key;
  });
}

function checkedUrl(text: string): string {
  if (!URL.canParse(text)) throw usage(`${text} is not an address`);
  const url = new URL(text);
  const local = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && local))
    throw usage('keys are read over https; http only on this machine');
  return url.href;
}

function usage(message: string): AdapterError {
  return new AdapterError('ADAPTER_USAGE', message);
}
