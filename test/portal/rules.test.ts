/** A patient says in the page what is answered to requests in advance, and takes it back. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readPortal } from '../../adapter/services/portal-files.js';
import { ask, openBench, push } from '../adapter/support/bench.js';
import type { Bench } from '../adapter/support/bench.js';
import { patient } from '../adapter/support/resources.js';
import { signedTask, taskOf } from '../support/access.js';
import { findChromium, NO_CHROMIUM, openBrowser } from '../support/browser.js';
import type { OpenedBrowser } from '../support/browser.js';
import { enrolOrganisation } from '../support/person.js';
import type { TestPerson } from '../support/person.js';
import { enrolInPage, go } from '../support/portal-journey.js';
import { look, visit } from '../support/portal-page.js';

const chromium = findChromium();
const skip =
  chromium === undefined ? NO_CHROMIUM : readPortal() === undefined ? 'the portal is not built' : false;

let bench: Bench;
let opened: OpenedBrowser;
let insurer: TestPerson;
let practice: TestPerson;

before(async () => {
  if (skip !== false) return;
  bench = await openBench();
  insurer = await enrolOrganisation(bench.instance, 'City Insurance', 'payer');
  practice = await enrolOrganisation(bench.instance, 'Green Practice', 'provider');
  opened = await openBrowser(chromium ?? '');
});
after(async () => {
  if (skip !== false) return;
  await opened.close();
  await bench.close();
});

async function invitationOf(name: string): Promise<string> {
  const answer = await ask(bench.url, `/sources/${bench.source.id}/invitations`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bench.source.secret}` },
    body: JSON.stringify({ patients: [name] }),
  });
  const { invitations } = JSON.parse(answer.body.toString()) as { invitations: { code: string }[] };
  return invitations[0]?.code ?? '';
}

/** Asked for, and approved by the hospital. @returns Where it stands then. */
async function asked(who: TestPerson, own: string, purpose: string): Promise<string> {
  const { accessRequests } = bench.instance;
  const custodian = bench.source.custodian.id;
  const task = taskOf(who, { patient: own, custodian, purpose, types: ['Observation', 'Condition'] });
  const { id } = await accessRequests.ask(signedTask(who, task));
  return (await accessRequests.decideAsCustodian(id, 'approved', 'Cy Holm')).state;
}

for (const how of [
  { width: 1280, dark: false },
  { width: 360, dark: true },
]) {
  test(
    `rules are made, answer, and are taken back, ${how.width} px`,
    { skip, timeout: 180_000 },
    async () => {
      const { context, page, complaints } = await visit(opened.browser, how);
      page.setDefaultTimeout(15_000);
      const name = `p${how.width}`;
      await enrolInPage(page, bench.url, await invitationOf(name));
      await push(bench, patient(name, { version: '1', minute: 1 }));
      const { subjects } = bench.instance;
      const own = `Patient/${(await subjects.find(subjects.keyOf(bench.source.id, name)))?.facadeId ?? ''}`;
      assert.equal(await asked(practice, own, 'TREAT'), 'custodian-approved');

      await go(page, 'To my record', 'Requests');
      const card = page.getByRole('region', { name: 'Answers in advance' });
      await card.getByText('You are asked about each request.').waitFor();
      await card.getByLabel('Whom').selectOption({ label: 'All insurers and banks' });
      await card.getByText('You sign: All insurers and banks: refused, for any purpose.').waitFor();
      await card.getByRole('button', { name: 'Sign this rule' }).click();
      await card.getByRole('button', { name: 'Take it back' }).waitFor();
      assert.equal(await asked(insurer, own, 'CLMATTCH'), 'refused');

      await card.getByLabel('Always allow').check();
      assert.equal(await card.getByRole('button', { name: 'Sign this rule' }).isDisabled(), true);
      await card.getByLabel('Whom').selectOption({ label: 'Green Practice, for treatment' });
      await card.getByLabel('Measurements and findings').check();
      await card
        .getByText(/You sign: Green Practice may read Measurements and findings for treatment, until/)
        .waitFor();
      await look(page, 'rules', how);
      await card.getByRole('button', { name: 'Sign this rule' }).click();
      await card.getByText(/^Green Practice may read Measurements and findings/).waitFor();
      assert.equal(await asked(practice, own, 'TREAT'), 'in-force');
      await page.getByText('Answered by a rule of yours').first().waitFor();

      for (const left of [1, 0]) {
        await card.getByRole('button', { name: 'Take it back' }).first().click();
        if (left > 0)
          await card.getByRole('button', { name: 'Take it back' }).nth(left).waitFor({ state: 'detached' });
      }
      await card.getByText('You are asked about each request.').waitFor();
      assert.equal(await asked(insurer, own, 'CLMATTCH'), 'custodian-approved');
      assert.deepEqual(complaints, []);
      await context.close();
    },
  );
}
