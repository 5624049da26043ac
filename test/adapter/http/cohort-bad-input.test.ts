/** What cohorts and their exports refuse, each by its name: with an OperationOutcome, nothing exported and no ε spent. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { AggregateAnswer, ShownCohort } from '../../../adapter/http/contract/index.js';
import { definitionOf, signedCohort } from '../../support/cohorts.js';
import type { BulkManifest } from '../../support/cohorts.js';
import { enrolOrganisation, enrolPerson } from '../../support/person.js';
import type { TestPerson } from '../../support/person.js';
import {
  ask,
  consenting,
  failedChecks,
  issueOf,
  logSize,
  openBench,
  push,
  typesSince,
} from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';
import { CohortBench, json } from '../support/cohort-bench.js';
import { heartRate, patient } from '../support/resources.js';

const PATIENTS = 8;
const BUDGET = 3;
const table = {
  view: 'patient',
  columns: ['gender', 'birth_date'],
  quasiIdentifiers: { gender: { categories: true }, birth_date: { prefixes: [4] } },
  k: 3,
};
const histogram = {
  kind: 'histogram',
  view: 'patient',
  columns: ['gender'],
  bins: [['male', 'female']],
  epsilon: 0.5,
};

describe('bad input to cohorts', () => {
  let bench: Bench;
  let ministry: TestPerson;
  let institute: TestPerson;
  let staff: TestPerson;
  /** Approved for patients and observations alone. */
  let cohort: ShownCohort;
  const requests = new CohortBench(
    () => bench,
    () => ministry,
    () => staff,
  );
  const { as, permit, post, define, approved, kickOff, finished, exported } = requests;

  before(async () => {
    bench = await openBench({ privacyBudget: BUDGET });
    const { instance } = bench;
    ministry = await enrolOrganisation(instance, 'Ministry of Health', 'authority');
    institute = await enrolOrganisation(instance, 'Institute', 'authority');
    staff = await enrolPerson(instance, 'staff');
    for (let i = 0; i < PATIENTS; i++) {
      await permit(await consenting(bench, `p${i}`));
      await push(
        bench,
        { ...patient(`p${i}`, { version: '1', minute: 1 }), birthDate: `19${50 + 3 * i}-03-01` },
        heartRate(`h${i}`, `p${i}`, 60 + i, { version: '1', minute: 1 }),
      );
    }
    cohort = await approved();
    assert.equal(await budgetLeft(), BUDGET - 0.1);
  });
  after(async () => {
    assert.deepEqual(await failedChecks(bench.instance), []);
    await bench.close();
  });

  /** What a question that was answered before tells, for nothing. */
  async function budgetLeft(): Promise<number> {
    const answer = json<AggregateAnswer>(await post(`/cohorts/${cohort.id}/feasibility`));
    return answer.left;
  }

  /**
   * Refused with one issue, and neither the log nor the budget knows of it.
   *
   * @param says - `status issue-type`, then what the diagnostics say.
   */
  async function refused(says: readonly [string, RegExp], act: () => Promise<Answer>): Promise<void> {
    const left = await budgetLeft();
    const begun = logSize(bench.instance);
    const answer = await act();
    const { code, diagnostics = '' } = issueOf(answer);
    assert.equal(`${answer.status} ${code}`, says[0], diagnostics);
    assert.match(diagnostics, says[1]);
    await bench.instance.cohortExports.idle();
    assert.deepEqual(
      (await typesSince(bench.instance, begun)).filter((type) => !type.startsWith('access.')),
      [],
    );
    assert.equal(await budgetLeft(), left);
  }

  const defined = (more: object): Promise<Answer> =>
    post('/cohorts', definitionOf(more as Record<string, unknown>));
  const asked = (more: object): Promise<Answer> =>
    post(`/cohorts/${cohort.id}/aggregate`, JSON.stringify({ ...histogram, ...more }));

  it('a table of a view whose resources are not asked for', () =>
    refused(['422 processing', /view patient is of Patient, which is not among the types/], () =>
      defined({ types: ['Observation'], table }),
    ));

  it('a column that the view has not', () =>
    refused(['422 processing', /no column gendr.*did you mean gender/], () =>
      defined({ table: { ...table, columns: ['gendr', 'birth_date'] } }),
    ));

  it('a quasi-identifier that is not among the columns', () =>
    refused(['422 processing', /column gender is not asked for/], () =>
      defined({ table: { ...table, columns: ['birth_date'] } }),
    ));

  it('a definition that a hospital never saw: the approval is of another', () =>
    refused(['422 processing', /definition/], async () => {
      const one = await define({ cohort: 'seen' });
      const wider = await define({ cohort: 'wider', types: ['Patient', 'Observation', 'Condition'] });
      await post('/cohorts/requests', signedCohort(ministry, requests.log, one));
      const mixed = { id: one.id, definitionHash: wider.definitionHash };
      return post('/cohorts/decisions', signedCohort(staff, requests.log, mixed, 'approved'));
    }));

  it('a purpose that is not research', () =>
    refused(['422 processing', /purpose/], () => defined({ purpose: 'CLMATTCH' })));

  it('an export of a type outside what was approved', () =>
    refused(['403 forbidden', /^ADAPTER_FORBIDDEN/], () => kickOff(cohort, '?_type=Patient,Condition')));

  for (const [name, filter] of [
    ['a name', 'Patient?name=Smith'],
    ['an address behind a code', 'Patient?code=1&address=Main'],
    ['a day of birth', 'Patient?birthdate=ge1990-01-01'],
    ['a chain to the patient', 'Observation?subject.name=Smith'],
    ['a value', 'Observation?value-quantity=gt90'],
    ['a reversed chain', 'Patient?_has:Observation:patient:code=8867-4'],
    ['the text of a code', 'Observation?code:text=rate'],
  ] as const)
    for (const prefer of ['respond-async', 'respond-async, handling=lenient'])
      it(`_typeFilter on what is hidden: ${name} (${prefer.slice(15) || 'strict'})`, async () => {
        await refused(['400 not-supported', /^ADAPTER_NOT_SUPPORTED/], () =>
          kickOff(cohort, `?_typeFilter=${encodeURIComponent(filter)}`, { prefer }),
        );
        const parameters = {
          resourceType: 'Parameters',
          parameter: [{ name: '_typeFilter', valueString: filter }],
        };
        await refused(['400 not-supported', /^ADAPTER_NOT_SUPPORTED/], async () =>
          ask(bench.url, `/fhir/Group/${cohort.id}/$export`, {
            method: 'POST',
            body: JSON.stringify(parameters),
            headers: { ...(await as(ministry)), prefer, 'content-type': 'application/fhir+json' },
          }),
        );
      });

  it('_typeFilter on a type outside what was approved', () =>
    refused(['403 forbidden', /^ADAPTER_FORBIDDEN/], () =>
      kickOff(cohort, `?_typeFilter=${encodeURIComponent('Condition?code=1')}`),
    ));

  it('_elements of a type outside what was approved', () =>
    refused(['403 forbidden', /^ADAPTER_FORBIDDEN/], () => kickOff(cohort, '?_elements=Condition.code')));

  it('another’s cohort', () =>
    refused(['404 not-found', /^ADAPTER_NOT_FOUND/], async () =>
      ask(bench.url, `/fhir/Group/${cohort.id}/$export`, {
        headers: { ...(await as(institute)), prefer: 'respond-async' },
      }),
    ));

  it('a quasi-identifier left undeclared', () =>
    refused(['422 processing', /ANONYMITY_UNDECLARED.*birth_date/], async () => {
      const careless = { ...table, quasiIdentifiers: { gender: { categories: true } } };
      const one = await approved({ cohort: 'careless', profile: 'safe-harbor', table: careless });
      return finished(await kickOff(one));
    }));

  it('a k that no widening reaches', () =>
    refused(['422 processing', /ANONYMITY_K_NOT_REACHABLE/], async () => {
      const one = await approved({ cohort: 'k', profile: 'safe-harbor', table: { ...table, k: 50 } });
      return finished(await kickOff(one));
    }));

  it('a question on a column that the view has not, or a view outside what was approved', async () => {
    await refused(['422 processing', /did you mean gender/], () => asked({ columns: ['gendr'] }));
    await refused(['422 processing', /not approved for Condition/], () => asked({ view: 'condition' }));
  });

  for (const epsilon of [0, -1, 11, '1', null])
    it(`ε of ${JSON.stringify(epsilon)}`, () =>
      refused(['422 processing', /ε lies above 0/], () => asked({ epsilon })));

  it('a budget that is spent: what is left stays left, and what was answered is answered still', async () => {
    const first = json<AggregateAnswer>(await asked({ epsilon: 2.5 }));
    assert.equal(first.repeated, false);
    await refused(['422 processing', /BUDGET_SPENT: 0\.4 of ε is left/], () =>
      asked({ epsilon: 1, bins: [['other', 'unknown']] }),
    );
    assert.equal(json<AggregateAnswer>(await asked({ epsilon: 2.5 })).repeated, true);
  });

  it('and what is good is exported after all of these', async () => {
    const { output }: BulkManifest = await exported(cohort);
    assert.deepEqual(
      output.map(({ count }) => count),
      [PATIENTS, PATIENTS],
    );
  });
});
