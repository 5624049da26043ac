/** A FHIR server whose every answer a test can bend: what it offers, pages by offset, its history, and who fails when. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Shown {
  readonly resourceType: string;
  readonly id: string;
  readonly meta?: { readonly versionId?: string; readonly lastUpdated?: string };
}

/** One change, as a history tells it. */
interface Change {
  readonly name: string;
  readonly resource?: Shown;
}

export interface ShownServer {
  readonly base: string;
  /** What it holds, by `Type/id`, in the order in which it is listed. */
  readonly held: Map<string, Shown>;
  /** Methods and paths that were asked for. */
  readonly asked: string[];
  /** Interactions of each type that it offers. */
  offers: Record<string, readonly string[]>;
  /** Entries of a page, whatever was asked for. */
  pageMax: number;
  /** Resources that a search shows at most, whatever it counts. */
  searchMax: number;
  /** Runs before each answer: what it answers goes out in its place. */
  onAsk: (method: string, path: string) => number | undefined;
  put(resource: Shown): void;
  remove(name: string): void;
  /** Holds nothing any more, and never did. */
  reset(): void;
  close(): Promise<void>;
}

const SEARCH = ['search-type', 'read'] as const;

export async function startShownServer(): Promise<ShownServer> {
  const held = new Map<string, Shown>();
  const changes: Change[] = [];
  const asked: string[] = [];
  const shown: Pick<ShownServer, 'offers' | 'pageMax' | 'searchMax' | 'onAsk'> = {
    offers: { Patient: SEARCH, Observation: SEARCH, Practitioner: SEARCH },
    pageMax: 500,
    searchMax: Infinity,
    onAsk: () => undefined,
  };
  let base = '';

  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    const method = request.method ?? 'GET';
    const path = pathname.replace('/fhir/', '');
    asked.push(`${method} ${path}${searchParams.has('_summary') ? '?_summary' : ''}`);
    const send = (status: number, body: object, headers: Record<string, string> = {}): void => {
      response
        .writeHead(status, { 'content-type': 'application/fhir+json', ...headers })
        .end(method === 'HEAD' ? undefined : JSON.stringify(body));
    };
    const refusal = searchParams.has('_summary') ? undefined : shown.onAsk(method, path);
    if (refusal !== undefined) return send(refusal, { resourceType: 'OperationOutcome' });
    const [type = '', id] = path.split('/');
    if (type === 'metadata') return send(200, capability(shown.offers));
    if (id !== undefined && id !== '_history') {
      const resource = held.get(`${type}/${decodeURIComponent(id)}`);
      if (resource === undefined) return send(404, { resourceType: 'OperationOutcome' });
      const version = resource.meta?.versionId;
      return send(200, resource, version === undefined ? {} : { etag: `W/"${version}"` });
    }
    const found = [...held.values()].filter(({ resourceType }) => resourceType === type);
    if (searchParams.get('_summary') === 'count')
      return send(200, { resourceType: 'Bundle', type: 'searchset', total: found.length });
    const all =
      id === '_history'
        ? changes.filter(({ name }) => name.startsWith(`${type}/`)).toReversed()
        : found.slice(0, shown.searchMax).map(entryOf);
    const offset = Number(searchParams.get('_offset') ?? '0');
    const page = all.slice(offset, offset + shown.pageMax);
    const next = offset + shown.pageMax < all.length ? offset + shown.pageMax : undefined;
    return send(200, {
      resourceType: 'Bundle',
      type: id === '_history' ? 'history' : 'searchset',
      entry: page.map(({ name, resource }) => ({
        fullUrl: `${base}/${name}`,
        ...(resource === undefined ? {} : { resource }),
        ...(id === '_history'
          ? { request: { method: resource === undefined ? 'DELETE' : 'PUT', url: name } }
          : {}),
      })),
      link: next === undefined ? [] : [{ relation: 'next', url: `${base}/${path}?_offset=${next}` }],
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/fhir`;
  return Object.assign(shown, {
    base,
    held,
    asked,
    put: (resource: Shown) => {
      const name = `${resource.resourceType}/${resource.id}`;
      held.set(name, resource);
      changes.push({ name, resource });
    },
    remove: (name: string) => {
      held.delete(name);
      changes.push({ name });
    },
    reset: () => {
      held.clear();
      changes.length = 0;
      asked.length = 0;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

function entryOf(resource: Shown): Change {
  return { name: `${resource.resourceType}/${resource.id}`, resource };
}

function capability(offers: Record<string, readonly string[]>): object {
  return {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date: '2026-01-01',
    kind: 'instance',
    fhirVersion: '4.0.1',
    format: ['json'],
    rest: [
      {
        mode: 'server',
        resource: Object.entries(offers).map(([type, codes]) => ({
          type,
          interaction: codes.map((code) => ({ code })),
        })),
      },
    ],
  };
}
