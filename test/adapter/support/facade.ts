/** Reading over the facade in tests: a bench with a hospital's own system as a client, and its answers. */
import type { Bundle, FhirResource } from 'fhir/r4.js';
import type { AddClientArgs } from '../../../adapter/services/client-admin.js';
import { enrolClient, tokenFor } from '../../support/client.js';
import type { TestClient } from '../../support/client.js';
import { ask } from './bench.js';
import type { Answer, AskOptions, Bench } from './bench.js';

/** One system with a token. */
export interface Reader {
  readonly client: TestClient;
  /** `Organization/<id>`, as consents name it. */
  readonly reference: string;
  get(path: string, options?: AskOptions): Promise<Answer>;
}

/**
 * Enrols a system and gets it a token.
 *
 * @param more - Without a `source` it is a stranger's, with one the custodian's own.
 */
export async function readerOf(
  bench: Bench,
  more: Partial<Omit<AddClientArgs, 'csr'>> = {},
  form: Readonly<Record<string, string>> = {},
): Promise<Reader> {
  const client = await enrolClient(bench.instance, more);
  return readerBy(bench, client, await tokenFor(client, bench.url, form));
}

/** The same system with another token. */
export async function withToken(
  bench: Bench,
  { client }: Reader,
  form: Readonly<Record<string, string>>,
): Promise<Reader> {
  return readerBy(bench, client, await tokenFor(client, bench.url, form));
}

function readerBy(bench: Bench, client: TestClient, token: string): Reader {
  return {
    client,
    reference: `Organization/${client.id}`,
    get: (path, options = {}) =>
      ask(bench.url, path.startsWith(bench.url) ? path.slice(bench.url.length) : `/fhir/${path}`, {
        ...options,
        headers: { authorization: `Bearer ${token}`, ...options.headers },
      }),
  };
}

/** A body as JSON. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- tests say what they expect where they read it
export function json<T = FhirResource>(answer: Answer): T {
  return JSON.parse(answer.body.toString('utf8')) as T;
}

/** Names of a Bundle's resources as `Type/id`. */
export function namesIn(answer: Answer): string[] {
  return (json<Bundle>(answer).entry ?? []).map(
    ({ fullUrl }) => fullUrl?.split('/').slice(-2).join('/') ?? '',
  );
}

/** Address of a link, or `undefined`. */
export function linkIn(answer: Answer, relation: string): string | undefined {
  return json<Bundle>(answer).link?.find((link) => link.relation === relation)?.url;
}

/** Facade id of a source's resource. */
export function facadeIdOf(bench: Bench, type: string, id: string, source = bench.source.id): string {
  return bench.instance.records.facadeId(source, type, id);
}
