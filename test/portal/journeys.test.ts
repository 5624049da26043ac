/**
 * The five groups in browsers of their own, against a running `firebreak up --demo`: each is enrolled in the page, a hospital's
 * record comes in, a ministry and an insurer ask, the hospital and then the patient answer, it is read, and taken back. A claim is
 * compared with the record, a cohort is exported, and after the withdrawal neither is to be had.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { KnownOrganisations } from '../../adapter/http/contract/index.js';
import { readPortal } from '../../adapter/services/portal-files.js';
import { startMedplum } from '../adapter/support/medplum.js';
import type { MedplumServer } from '../adapter/support/medplum.js';
import { findChromium, NO_CHROMIUM, openBrowser } from '../support/browser.js';
import type { OpenedBrowser } from '../support/browser.js';
import { eventually, runFirebreak, startUp } from '../support/firebreak-process.js';
import { firebreakAt, walletAt } from '../support/http-wallets.js';
import { removeFolder, temporaryFolder } from '../support/instance.js';
import {
  again,
  approveAtDesk,
  askClaim,
  askForAccess,
  checkProof,
  exportCohort,
  exportedLines,
  permitBy,
  withdraw,
} from '../support/portal-groups.js';
import { askForCertificate, enrolInPage, go, readForm, signShown } from '../support/portal-journey.js';
import { look, visit } from '../support/portal-page.js';
import type { Visit, Visitor } from '../support/portal-page.js';

const chromium = findChromium();
const skip =
  chromium === undefined ? NO_CHROMIUM : readPortal() === undefined ? 'the portal is not built' : false;
const HOSPITAL = 'City Hospital';
/** Who permit research besides the patient of the journey: fewer than eleven are not counted aloud. */
const OTHERS = 12;
const VISIT = {
  coding: [{ system: 'http://snomed.info/sct', code: '185345009', display: 'Encounter for symptom' }],
};
const VISITED = { start: '2021-05-03T07:00:00Z', end: '2021-05-03T09:30:00Z' };

const folder = temporaryFolder();
const data = join(folder, 'data');
let demo: Awaited<ReturnType<typeof startUp>>;
let hospital: MedplumServer;
let opened: OpenedBrowser;
const visitors: Visitor[] = [];

before(async () => {
  if (skip !== false) return;
  hospital = await startMedplum();
  demo = await startUp(data, '--demo', '--json', '--patients', '3');
  await eventually('the summary', () => {
    assert.ok(demo.isRunning, demo.stderr);
    return demo.stdout.endsWith('\n');
  });
  opened = await openBrowser(chromium ?? '');
});
after(async () => {
  if (skip === false) {
    await opened.close();
    await demo.dispose();
    await hospital.close();
  }
  removeFolder(folder);
});

async function somebody(how: Visit = {}): Promise<Page> {
  const visitor = await visit(opened.browser, how);
  visitor.page.setDefaultTimeout(30_000);
  visitors.push(visitor);
  return visitor.page;
}

/** One of the demo's own people: the officers of its certification authority. */
async function demoPerson(name: string): Promise<Page> {
  const page = await somebody();
  await page.goto(`${demo.address}/app/wallet`);
  await page.getByRole('button', { name, exact: true }).click();
  await page.getByText('Fingerprint').first().waitFor();
  return page;
}

function heartRate(subject: object, value: number): { resourceType: string } {
  return {
    resourceType: 'Observation',
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: '8867-4', display: 'Heart rate' }] },
    subject,
    effectiveDateTime: '2021-05-03T10:00:00Z',
    valueQuantity: { value, unit: '/min', system: 'http://unitsofmeasure.org', code: '/min' },
  } as { resourceType: string };
}

interface Recorded {
  readonly patient: string;
  /** As insurers name them, by the hospital's own ids. */
  readonly visit: string;
  readonly provider: string;
}

/** What a hospital's own server holds of a patient. */
async function record(): Promise<Recorded> {
  const { id = '' } = await hospital.put({
    resourceType: 'Patient',
    name: [{ family: 'Holm', given: ['Ada'] }],
    birthDate: '1950-04-02',
  } as { resourceType: string });
  const clinic = await hospital.put({ resourceType: 'Organization', name: HOSPITAL } as {
    resourceType: string;
  });
  const subject = { reference: `Patient/${id}` };
  const provider = `Organization/${clinic.id ?? ''}`;
  const visited = await hospital.put({
    resourceType: 'Encounter',
    status: 'finished',
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
    type: [VISIT],
    subject,
    serviceProvider: { reference: provider },
    period: VISITED,
  } as { resourceType: string });
  for (const resource of [
    { resourceType: 'Condition', code: { text: 'Asthma' }, subject, onsetDateTime: '2020-03-01' },
    {
      resourceType: 'Procedure',
      status: 'completed',
      code: { text: 'Appendectomy' },
      subject,
      performedPeriod: { start: '2021-05-03T08:00:00Z', end: '2021-05-03T09:30:00Z' },
    },
    heartRate(subject, 72),
  ])
    await hospital.put(resource);
  return { patient: id, visit: `Encounter/${visited.id ?? ''}`, provider };
}

/** Other patients of the hospital. */
async function others(): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < OTHERS; i++) {
    const { id = '' } = await hospital.put({
      resourceType: 'Patient',
      name: [{ family: `Other${i}`, given: ['Pat'] }],
      gender: 'female',
      birthDate: '1955-04-02',
    } as { resourceType: string });
    await hospital.put(heartRate({ reference: `Patient/${id}` }, 60 + i));
    ids.push(id);
  }
  return ids;
}

test('five groups, from enrolment to withdrawal', { skip, timeout: 480_000 }, async () => {
  // The hospital's operator names its server; its patient has a record there.
  const { patient: patientId, visit: encounter, provider } = await record();
  const otherIds = await others();
  const token = join(folder, 'token');
  writeFileSync(token, hospital.token, { mode: 0o600 });
  const made = await runFirebreak('--data', data, 'keys', 'new', '--out', join(folder, 'city'));
  assert.equal(made.code, 0, made.stderr);
  const terms = [
    '--csr',
    join(folder, 'city.csr'),
    '--token-file',
    token,
    '--allow-private',
    '--allow-writes',
  ];
  const source = ['source', 'add', hospital.base, '--id', 'city', '--name', HOSPITAL, '--json', ...terms];
  const added = await runFirebreak('--data', data, ...source);
  assert.equal(added.code, 0, added.stderr);
  const { secret } = JSON.parse(added.stdout) as { secret: string };

  // Certification authority: two officers certify all who ask.
  const officers = [
    await demoPerson('Be an officer of the certification authority'),
    await demoPerson('Be the second officer'),
  ] as const;
  const joined = async (page: Page, name: string, role: string, organisation: string): Promise<void> => {
    await askForCertificate(page, demo.address, name, role, organisation);
    for (const officer of officers) {
      await go(officer, 'Ledger');
      await go(officer, 'Certificates');
      await officer.getByText(name).first().waitFor();
      await officer.getByRole('button', { name: 'Sign my approval' }).click();
      await officer
        .getByText(/You have approved it|Nobody waits for a certificate/)
        .first()
        .waitFor();
    }
    await page.getByRole('button', { name: 'Look again' }).click();
    await page.getByText('You have your certificate').waitFor();
  };
  const whole = 'Somebody who acts for an authority, an insurer or a hospital as a whole';
  const ministry = await somebody();
  await joined(ministry, 'Mo Lind', whole, 'authority or research: Ministry of Health');
  const insurer = await somebody();
  await joined(insurer, 'Ina Falk', whole, 'insurer or bank: Nordic Insurance');
  const clinician = await somebody();
  await joined(clinician, 'Dr Cy Holm', 'A clinician of a hospital', HOSPITAL);
  const desk = await somebody();
  await joined(desk, 'Di Berg', 'At a hospital’s desk', HOSPITAL);

  // The hospital's desk invites the patient, who makes a wallet on a phone and permits treatment.
  await go(desk, 'Desk');
  await desk.getByRole('tab', { name: 'Invite' }).click();
  await desk.getByLabel('Id of the patient in your system').fill(patientId);
  await desk.getByRole('button', { name: 'Sign and make a code' }).click();
  await desk.getByText(`Code for patient ${patientId}`).waitFor();
  const code = await desk.getByText(/^[A-Za-z0-9_-]{22}$/).textContent();
  const patient = await somebody({ width: 360 });
  await enrolInPage(patient, demo.address, code ?? '');
  const own = (await patient.getByText(/^Patient\//).textContent()) ?? '';
  await go(patient, 'To my record');
  await go(patient, 'Permissions');
  await readForm(patient);
  await signShown(patient);

  // The clinician reads the record, and what is written comes back from the hospital's own server.
  await go(clinician, 'Patients');
  await eventually('the record is there', async () => {
    await go(clinician, 'Ledger');
    await go(clinician, 'Patients');
    await clinician.getByText('Only patients whose permission you have are listed').waitFor();
    return (await clinician.getByText('Ada Holm').count()) > 0;
  });
  await clinician.getByRole('button', { name: 'Open the record of Ada Holm' }).click();
  await clinician.getByText('Appendectomy').first().waitFor();
  await clinician.getByLabel('What', { exact: true }).selectOption('note');
  await clinician.getByLabel('Text', { exact: true }).fill('Breathes well.');
  await clinician.getByRole('button', { name: 'Sign and send' }).click();
  await clinician.getByText('It has come back, and stands on the ledger.').waitFor({ timeout: 60_000 });

  // Ministry and insurer ask; the hospital agrees to both, the patient to one.
  const asks = async (page: Page, how: Visit): Promise<void> => {
    await go(page, 'Ask for access');
    await page.getByText('You have asked for nothing yet').waitFor();
    await page.getByLabel('Patient', { exact: true }).fill('Ada Holm');
    await page.getByText('An id begins with Patient/').waitFor();
    await page.getByLabel('Patient', { exact: true }).fill(own);
    await page.getByLabel('Hospital that keeps the record').selectOption({ label: HOSPITAL });
    for (const type of ['Illnesses', 'Operations and treatments', 'Measurements and findings'])
      await page.getByLabel(type).check();
    await page.getByLabel('Why', { exact: true }).fill('Study 7 of recovery after operations');
    await look(page, 'access-ask', how);
    await page.getByRole('button', { name: 'Sign and ask' }).click();
    await page.getByText('waits for the hospital').waitFor();
  };
  await asks(ministry, {});
  await asks(insurer, {});
  await approveAtDesk(desk, 2);
  await go(patient, 'My record', 'Requests');
  const requestOf = (name: string): ReturnType<Page['locator']> =>
    patient.locator('.mantine-Card-root').filter({ hasText: `${name} asks to read your record` });
  await requestOf('Ministry of Health').getByRole('button', { name: 'Sign my approval' }).click();
  await requestOf('Ministry of Health').getByRole('button', { name: 'Withdraw' }).waitFor();
  await requestOf('Nordic Insurance').getByRole('button', { name: 'Sign my refusal' }).click();
  await requestOf('Nordic Insurance').getByText('refused', { exact: true }).waitFor();

  await again(insurer, 'Ask for access');
  await insurer.getByText('refused', { exact: true }).waitFor();
  assert.equal(await insurer.getByRole('button', { name: 'Read it' }).count(), 0);
  await again(ministry, 'Ask for access');
  await ministry.getByRole('button', { name: 'Read it' }).click();
  await ministry.getByText('Appendectomy').first().waitFor();
  await ministry.getByText('Heart rate').first().waitFor();
  assert.equal(await ministry.getByText('Ada Holm').count(), 0);
  await look(ministry, 'access-read', {});

  // The patient sees both readings, and takes the permission back.
  await go(patient, 'My record', 'Accesses');
  await patient.getByText('Ministry of Health').first().waitFor();
  await patient.getByText('Dr Cy Holm').first().waitFor();
  await look(patient, 'journey-accesses', { width: 360 });
  await go(patient, 'My record', 'Requests');
  await requestOf('Ministry of Health').getByRole('button', { name: 'Withdraw' }).click();
  await patient.getByText('This permits nothing any more').waitFor();
  await ministry.getByRole('button', { name: 'All requests' }).click();
  await again(ministry, 'Ask for access');
  await ministry.getByText('taken back').waitFor();
  assert.equal(await ministry.getByRole('button', { name: 'Read it' }).count(), 0);
  await look(ministry, 'access', {});

  // The insurer asks again, for one claim. Hospital and patient agree, and the claim is compared with the record, unseen.
  await askForAccess(insurer, {
    patient: own,
    hospital: HOSPITAL,
    types: ['Bills'],
    reason: 'Claim c7 of May 2021',
  });
  await approveAtDesk(desk, 1);
  await go(patient, 'My record', 'Requests');
  await patient.getByRole('button', { name: 'Sign my approval' }).click();
  await patient.getByRole('button', { name: 'Withdraw' }).waitFor();
  await permitBy(patient, 'This insurer, this claim', async (page) => {
    await page.getByLabel('Which insurer').selectOption({ label: 'Nordic Insurance' });
    await page.getByLabel('Number of the claim').fill('c7');
  });
  const claim = {
    resourceType: 'Claim',
    id: 'c7',
    status: 'active',
    use: 'claim',
    patient: { reference: own },
    provider: { reference: provider },
    billablePeriod: VISITED,
    item: [
      { sequence: 1, productOrService: VISIT, encounter: [{ reference: encounter }] },
      {
        sequence: 2,
        productOrService: { coding: [{ system: 'http://snomed.info/sct', code: '232717009' }] },
      },
    ],
  };
  const proof = await askClaim(insurer, claim);
  await insurer.getByText('Supported: 1.').waitFor();
  await insurer.getByRole('cell', { name: 'not supported' }).waitFor();
  assert.equal(await insurer.getByText('Ada Holm').count(), 0);
  await checkProof(insurer, proof);
  await go(patient, 'My record', 'Claims about me');
  const told = patient.getByRole('article', { name: 'Claim/c7' });
  await told.getByText('Supported: 1.').waitFor();
  await told.getByRole('button', { name: 'Line by line' }).click();
  await look(patient, 'journey-claims', { width: 360 });

  // The ministry defines a cohort. Others permit research by wallets of their own, the patient in the page.
  const { recipients } = (await (
    await fetch(`${demo.address}/pki/organisations`)
  ).json()) as KnownOrganisations;
  const ministryId = recipients.find(({ name }) => name === 'Ministry of Health')?.id ?? '';
  const city = firebreakAt(demo.address, secret);
  const research = {
    actor: `Organization/${ministryId}`,
    actions: ['access', 'use', 'disclose'],
    purpose: 'HRESCH',
  };
  for (const id of otherIds) await walletAt(city, 'city', id, [{ actions: ['collect'] }, research]);
  await permitBy(patient, 'Health research, without my name', async (page) => {
    await page.getByLabel('Who does the research').selectOption({ label: 'Ministry of Health' });
  });
  await go(ministry, 'Research');
  await ministry.getByLabel('Title').fill('Heart rates');
  await ministry.getByLabel('Study').fill('Study 7, vote 12/2026');
  await ministry.getByLabel('Who is in').fill('http://loinc.org|8867-4');
  await ministry.getByRole('button', { name: 'Define it' }).click();
  const cohort = ministry.getByRole('article', { name: 'Heart rates' });
  await cohort.getByRole('button', { name: 'Sign and ask the hospitals' }).click();
  await cohort.getByText(`${HOSPITAL}: asked for`).waitFor();
  await again(desk, 'Desk');
  await desk.getByRole('tab', { name: 'Research' }).click();
  await desk.getByRole('button', { name: 'Sign my approval' }).click();
  await desk.getByText(`${HOSPITAL}: approved`).waitFor();
  await again(ministry, 'Research');
  await exportCohort(cohort, `${OTHERS + 1} patients`);
  const lines = await exportedLines(ministry, cohort, 'Patient');
  assert.equal(lines.length, OTHERS + 1);
  assert.doesNotMatch(lines.join(), /Holm|Other\d|1950-04-02|1955-04-02/);
  assert.ok(!lines.join().includes(own));
  await look(ministry, 'journey-cohort', {});

  // All is taken back: nothing more is compared, nothing more exported, and what was exported is not given out again.
  await withdraw(patient, 'Nordic Insurance');
  await withdraw(patient, 'Ministry of Health');
  await again(insurer, 'Claims');
  await insurer.getByLabel('The claim').fill(JSON.stringify(claim));
  await insurer.getByRole('button', { name: 'Ask', exact: true }).click();
  await insurer.getByText('nothing of that name is to be had').waitFor();
  await again(ministry, 'Research');
  await cohort
    .getByRole('button', { name: /^Save Patient.*ndjson/ })
    .first()
    .click();
  await cohort.getByRole('alert').first().waitFor();
  await exportCohort(cohort, `${OTHERS} patients`);
  assert.equal((await exportedLines(ministry, cohort, 'Patient')).length, OTHERS);
  await go(patient, 'My record', 'Accesses');
  await patient.getByText('Nordic Insurance').first().waitFor();
  await look(patient, 'journey-accesses-end', { width: 360 });

  await withdraw(patient, HOSPITAL);
  await go(clinician, 'Ledger');
  await go(clinician, 'Patients');
  await clinician.getByText('No patient permits you to read a record now').waitFor();

  // Anyone checks the ledger that holds it all.
  const anyone = await somebody();
  await anyone.goto(`${demo.address}/app/`);
  await anyone.getByText('You see this ledger for the first time').waitFor();
  await anyone.getByText('A request was decided').first().waitFor();
  const key = await (await fetch(`${demo.address}/log/vkey`)).text();
  const verified = await runFirebreak('--data', data, 'verify', demo.address, '--vkey', key.trim());
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  for (const { complaints, context } of visitors) {
    // The browser writes down what was refused after the withdrawal: not there, and gone.
    assert.deepEqual(
      complaints.filter((text) => !/status of (404|410)/.test(text)),
      [],
    );
    await context.close();
  }
});
