/** Pushing in tests: a hospital's system that writes its own source, and what became of what it sent. */
import type { Bundle, BundleEntry, OperationOutcome, OperationOutcomeIssue } from 'fhir/r4.js';
import type { AddClientArgs } from '../../../adapter/services/client-admin.js';
import { leafSalt, SALT_URL, signedDocument, signedLeaf } from '../../../adapter/services/push/index.js';
import { signDocument } from '../../../ledger/consent/index.js';
import { leafHash, rootOf } from '../../../ledger/log/index.js';
import { drain } from '../../../adapter/services/drain.js';
import { enrolClient, tokenFor } from '../../support/client.js';
import type { TestClient } from '../../support/client.js';
import { ask } from './bench.js';
import type { Answer, AskOptions, Bench } from './bench.js';
import { json } from './facade.js';

export interface Pusher {
  readonly client: TestClient;
  /** Id of its source. */
  readonly source: string;
  readonly token: string;
  send(method: string, path: string, body?: object | string | Buffer, options?: AskOptions): Promise<Answer>;
  /** Address of the ticket, as a path of the instance. */
  ticket(answer: Answer): string;
  get(path: string, options?: AskOptions): Promise<Answer>;
  /** Waits until a push has been worked on, and answers its report. */
  became(answer: Answer): Promise<Bundle>;
}

let count = 0;

export async function pusherOf(
  bench: Bench,
  more: Partial<Omit<AddClientArgs, 'csr'>> = {},
  form: Readonly<Record<string, string>> = {},
): Promise<Pusher> {
  count += 1;
  const source = more.push ?? more.source ?? `city-${count}`;
  const scopes = more.scopes ?? ['system/*.cruds'];
  const client = await enrolClient(bench.instance, {
    name: 'City Hospital',
    ...(more.source === undefined ? { push: source } : {}),
    ...more,
    scopes,
  });
  const token = await tokenFor(client, bench.url, { scope: scopes.join(' '), ...form });
  const asked = (path: string, options: AskOptions): Promise<Answer> =>
    ask(bench.url, path, {
      ...options,
      headers: { authorization: `Bearer ${token}`, ...options.headers },
    });
  const pusher: Pusher = {
    client,
    source,
    token,
    send: (method, path, body, options = {}) => {
      const bytes =
        body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
      return asked(`/fhir${path}`, {
        method,
        ...options,
        ...(bytes === undefined ? {} : { body: bytes }),
        headers: {
          ...(bytes === undefined ? {} : { 'content-type': 'application/fhir+json' }),
          ...options.headers,
        },
      });
    },
    ticket: (answer) => new URL(answer.headers['content-location'] ?? 'missing:').pathname,
    get: (path, options = {}) => asked(path, options),
    became: async (answer) => {
      if (answer.status !== 202)
        throw new Error(`answered ${answer.status}: ${answer.body.toString('utf8')}`);
      await drain(bench.instance);
      const report = await asked(pusher.ticket(answer), {});
      if (report.status !== 200) throw new Error(`its ticket was answered ${report.status}`);
      return json<Bundle>(report);
    },
  };
  return pusher;
}

/** `201 stored` and such, an entry each. */
export function statesOf({ entry = [] }: Bundle): string[] {
  return entry.map((one) => `${(one.response?.status ?? '').split(' ')[0]} ${stateOf(one)}`);
}

export function stateOf({ response }: BundleEntry): string {
  return extensionOf(response, 'state')?.valueCode ?? '';
}

export function leafOf({ response }: BundleEntry): number | undefined {
  return extensionOf(response, 'leaf')?.valueUnsignedInt;
}

/** The one issue of a report's first entry. */
export function issueIn({ entry }: Bundle): OperationOutcomeIssue {
  const outcome = entry?.[0]?.response?.outcome as OperationOutcome | undefined;
  const issue = outcome?.issue[0];
  if (issue === undefined) throw new Error('an entry without its outcome');
  return issue;
}

export function handleOf({ response }: BundleEntry): string | undefined {
  return extensionOf(response, 'handle')?.valueString;
}

function extensionOf(response: BundleEntry['response'], name: string) {
  return response?.extension?.find(({ url }) => url === `urn:firebreak:push:${name}`);
}

/** A transaction or batch of PUTs, and what else is given. */
export function bundleOf(
  type: 'transaction' | 'batch',
  ...entries: readonly {
    resource?: { resourceType: string; id?: string };
    request?: object;
    fullUrl?: string;
  }[]
): object {
  return {
    resourceType: 'Bundle',
    type,
    entry: entries.map(({ resource, request, fullUrl }) => ({
      ...(fullUrl === undefined ? {} : { fullUrl }),
      ...(resource === undefined ? {} : { resource }),
      request: request ?? { method: 'PUT', url: `${resource?.resourceType}/${resource?.id}` },
    })),
  };
}

/** A Provenance that signs resources as they stand in a Bundle made by `JSON.stringify`. */
export function signatureOf(
  bench: Bench,
  pusher: Pusher,
  targets: readonly { resourceType: string; id?: string }[],
  salt = Buffer.alloc(32, 7),
): { resource: { resourceType: string }; request: object } {
  const leaves = targets.map((target, i) =>
    leafHash(signedLeaf(leafSalt(salt, i), Buffer.from(JSON.stringify(target), 'utf8'))),
  );
  const { origin } = bench.instance.identity;
  const document = signedDocument({ origin, source: pusher.source }, targets.length, rootOf(leaves));
  const jws = signDocument(document, pusher.client.key, pusher.client.kid);
  const resource = {
    resourceType: 'Provenance',
    extension: [{ url: SALT_URL, valueBase64Binary: salt.toString('base64') }],
    target: targets.map(({ resourceType, id }) => ({ reference: `${resourceType}/${id}` })),
    recorded: '2026-01-01T08:00:00Z',
    agent: [{ who: { reference: `Organization/${pusher.client.id}` } }],
    signature: [
      {
        type: [{ system: 'urn:iso-astm:E1762-95:2013', code: '1.2.840.10065.1.12.1.5' }],
        when: '2026-01-01T08:00:00Z',
        who: { reference: `Organization/${pusher.client.id}` },
        sigFormat: 'application/jose',
        data: Buffer.from(jws, 'latin1').toString('base64'),
      },
    ],
  };
  return { resource, request: { method: 'POST', url: 'Provenance' } };
}
