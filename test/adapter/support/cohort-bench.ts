/** A requester of cohorts over HTTP, and the hospital's staff who approve them, on a bench with consenting patients. */
import assert from 'node:assert/strict';
import type { ShownCohort } from '../../../adapter/http/contract/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import { definitionOf, signedCohort } from '../../support/cohorts.js';
import type { BulkManifest } from '../../support/cohorts.js';
import type { TestPerson } from '../../support/person.js';
import { bearer, signIn } from '../../support/session.js';
import type { Wallet } from '../../support/wallet.js';
import { ask, sign } from './bench.js';
import type { Answer, Bench } from './bench.js';

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the test says what it expects
export const json = <T>({ body }: Answer): T => JSON.parse(body.toString()) as T;

/** Lines of an NDJSON file. */
export function linesOf({ body }: Answer): JsonObject[] {
  return body
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as JsonObject);
}

export class CohortBench {
  readonly #bench: () => Bench;
  readonly #requester: () => TestPerson;
  readonly #staff: () => TestPerson;
  readonly #tokens = new Map<string, string>();

  constructor(bench: () => Bench, requester: () => TestPerson, staff: () => TestPerson) {
    this.#bench = bench;
    this.#requester = requester;
    this.#staff = staff;
  }

  get log(): string {
    return this.#bench().instance.identity.origin;
  }

  /** What a patient says to research by the requester. */
  readonly permit = (
    wallet: Wallet,
    type: 'permit' | 'deny' = 'permit',
    requester = this.#requester(),
  ): Promise<void> =>
    sign(this.#bench(), wallet, {
      type,
      actor: `Organization/${requester.id}`,
      actions: ['access', 'use', 'disclose'],
      purpose: 'HRESCH',
    });

  readonly as = async (who: TestPerson, purpose = 'HRESCH'): Promise<{ authorization: string }> => {
    const { url } = this.#bench();
    const token = this.#tokens.get(url + who.id) ?? (await signIn(url, who, { purpose }));
    this.#tokens.set(url + who.id, token);
    return bearer(token);
  };

  readonly post = async (path: string, body = '', who: TestPerson | 'nobody' = this.#requester()) =>
    ask(this.#bench().url, path, {
      method: 'POST',
      body,
      headers: who === 'nobody' ? {} : await this.as(who),
    });

  readonly get = async (
    path: string,
    headers: Record<string, string> = {},
    who = this.#requester(),
  ): Promise<Answer> => {
    const { url } = this.#bench();
    return ask(url, path.replace(url, ''), { headers: { ...(await this.as(who)), ...headers } });
  };

  readonly define = async (
    more: Readonly<Record<string, unknown>> = {},
    who = this.#requester(),
  ): Promise<ShownCohort> => {
    const answer = await this.post('/cohorts', definitionOf(more), who);
    assert.equal(answer.status, 201, answer.body.toString());
    return json<ShownCohort>(answer);
  };

  readonly approved = async (
    more: Readonly<Record<string, unknown>> = {},
    who = this.#requester(),
  ): Promise<ShownCohort> => {
    const cohort = await this.define(more, who);
    const asked = await this.post('/cohorts/requests', signedCohort(who, this.log, cohort), who);
    assert.equal(asked.status, 202, asked.body.toString());
    const decision = signedCohort(this.#staff(), this.log, cohort, 'approved');
    const answer = await this.post('/cohorts/decisions', decision);
    assert.equal(answer.status, 200, answer.body.toString());
    assert.equal(json<ShownCohort>(answer).state, 'approved');
    return cohort;
  };

  readonly kickOff = (cohort: ShownCohort, query = '', headers = {}): Promise<Answer> =>
    this.get(`/fhir/Group/${cohort.id}/$export${query}`, { prefer: 'respond-async', ...headers });

  readonly finished = async (started: Answer): Promise<Answer> => {
    assert.equal(started.status, 202, started.body.toString());
    await this.#bench().instance.cohortExports.idle();
    return this.get(String(started.headers['content-location']));
  };

  readonly exported = async (cohort: ShownCohort, query = ''): Promise<BulkManifest> => {
    const answer = await this.finished(await this.kickOff(cohort, query));
    assert.equal(answer.status, 200, answer.body.toString());
    return json<BulkManifest>(answer);
  };

  readonly rowsOf = async (manifest: BulkManifest, type: string): Promise<JsonObject[]> => {
    const found = manifest.output.filter((one) => one.type === type);
    return (await Promise.all(found.map(async ({ url }) => linesOf(await this.get(url))))).flat();
  };
}
