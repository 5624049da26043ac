/** A FHIR server of a page: holds what the test puts in it, answers reads and searches. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FhirServer {
  readonly base: string;
  /** Resources by `Type/id`; what was deleted is not there. */
  readonly held: Map<string, object>;
  /** Paths that were asked for, in order. */
  readonly asked: string[];
  /** Status of every answer while it is set. */
  failing: number | undefined;
  close(): Promise<void>;
}

const TYPES = ['Patient', 'Observation', 'Practitioner'];

export async function startFhirServer(port = 0): Promise<FhirServer> {
  const held = new Map<string, object>();
  const asked: string[] = [];
  const state: { failing: number | undefined } = { failing: undefined };
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
    asked.push(request.url ?? '');
    const send = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/fhir+json' }).end(JSON.stringify(body));
    };
    if (state.failing !== undefined) return send(state.failing, { resourceType: 'OperationOutcome' });
    const [, , type = '', id] = pathname.split('/');
    if (type === 'metadata') return send(200, capability());
    if (id !== undefined) {
      const resource = held.get(`${type}/${id}`);
      return send(resource === undefined ? 404 : 200, resource ?? { resourceType: 'OperationOutcome' });
    }
    const wanted = searchParams.get('identifier');
    const found = [...held.values()].filter(
      (resource) =>
        (resource as { resourceType: string }).resourceType === type &&
        (wanted === null || JSON.stringify(resource).includes(`"value":"${wanted.split('|').at(-1)}"`)),
    );
    return send(200, {
      resourceType: 'Bundle',
      type: 'searchset',
      entry: found.map((resource) => ({ resource })),
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}/fhir`,
    held,
    asked,
    get failing() {
      return state.failing;
    },
    set failing(status: number | undefined) {
      state.failing = status;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function capability(): object {
  return {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date: '2026-01-01',
    kind: 'instance',
    fhirVersion: '4.0.1',
    format: ['json'],
    rest: [
      { mode: 'server', resource: TYPES.map((type) => ({ type, interaction: [{ code: 'search-type' }] })) },
    ],
  };
}
