/** The hospital's desk and its clinicians in the browser, beside the hospital's own FHIR server. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { drain } from '../../adapter/services/drain.js';
import { readPortal } from '../../adapter/services/portal-files.js';
import { serveHttp } from '../../adapter/services/server.js';
import type { HttpServer } from '../../adapter/services/server.js';
import { addSource, syncSource } from '../../adapter/services/source-admin.js';
import { consenting, openBench, push } from '../adapter/support/bench.js';
import type { Bench } from '../adapter/support/bench.js';
import { startMedplum } from '../adapter/support/medplum.js';
import type { MedplumServer } from '../adapter/support/medplum.js';
import { signedTask, taskOf } from '../support/access.js';
import { findChromium, NO_CHROMIUM, openBrowser } from '../support/browser.js';
import type { OpenedBrowser } from '../support/browser.js';
import { takeCertificate, twoOfficers } from '../support/officers.js';
import type { Officers } from '../support/officers.js';
import { enrolOrganisation } from '../support/person.js';
import { askForCertificate, go } from '../support/portal-journey.js';
import { look, visit } from '../support/portal-page.js';

const chromium = findChromium();
const skip =
  chromium === undefined ? NO_CHROMIUM : readPortal() === undefined ? 'the portal is not built' : false;
const SOURCE = 'city';
/** The smallest PNG there is: one pixel. */
const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

let bench: Bench;
let hospital: MedplumServer;
let server: HttpServer;
let opened: OpenedBrowser;
let authority: Officers;
let permitting = '';
let silent = '';

before(async () => {
  if (skip !== false) return;
  bench = await openBench();
  const { instance } = bench;
  hospital = await startMedplum();
  authority = await twoOfficers(instance);
  await addSource(instance, {
    id: SOURCE,
    url: hospital.base,
    name: 'City Hospital',
    credential: { kind: 'bearer', token: hospital.token },
    allowPrivate: [],
    allowResearch: false,
    allowWrites: true,
  });
  // What comes back is read at once, as a running instance does.
  server = await serveHttp(instance, (id) => {
    void syncSource(instance, id).then(() => drain(instance));
  });
  opened = await openBrowser(chromium ?? '');
  const ids: string[] = [];
  for (const [family, given] of [
    ['Holm', 'Ada'],
    ['Rask', 'Bo'],
  ] as const) {
    const { id = '' } = await hospital.put({
      resourceType: 'Patient',
      name: [{ family, given: [given] }],
      birthDate: '1950-04-02',
    } as { resourceType: string });
    ids.push(id);
    await hospital.put({
      resourceType: 'Condition',
      code: { text: 'Asthma' },
      subject: { reference: `Patient/${id}` },
      onsetDateTime: '2020-03-01',
    } as { resourceType: string });
  }
  const [first = '', second = ''] = ids;
  await consenting(bench, first, {}, SOURCE);
  // The second permits the keeping of the record, and nobody to read it.
  await consenting(bench, second, { actions: ['collect'] }, SOURCE);
  await syncSource(instance, SOURCE);
  await drain(instance);
  const nameOf = async (id: string): Promise<string> =>
    (await instance.subjects.find(instance.subjects.keyOf(SOURCE, id)))?.facadeId ?? '';
  permitting = await nameOf(first);
  silent = await nameOf(second);
});
after(async () => {
  if (skip !== false) return;
  await opened.close();
  await server.close();
  await hospital.close();
  await bench.close();
});

for (const how of [
  { width: 1280, dark: false },
  { width: 360, dark: true },
]) {
  const where = `${how.width} px, ${how.dark ? 'dark' : 'light'}`;
  test(
    `a clinician reads, writes, and breaks the glass; the desk reviews, ${where}`,
    { skip, timeout: 240_000 },
    async () => {
      const { context, page, complaints } = await visit(opened.browser, how);
      await askForCertificate(page, server.address, 'Dr Cy Holm', 'A clinician of a hospital');
      await takeCertificate(page, bench.instance, authority);
      await go(page, 'Patients');
      await page.getByText('Ada Holm').waitFor();
      assert.equal(await page.getByText('Bo Rask').count(), 0);
      await look(page, 'patients', how);
      await page.getByRole('button', { name: 'Open the record of Ada Holm' }).click();
      await page.locator('.lane-row').first().waitFor();
      assert.doesNotMatch(page.url(), new RegExp(permitting));

      await page.getByLabel('What', { exact: true }).selectOption('note');
      await page.getByLabel('Text', { exact: true }).fill(`Better today, at ${how.width} px.`);
      await page.getByRole('button', { name: 'Sign and send' }).click();
      await page.getByText('It has come back, and stands on the ledger.').waitFor({ timeout: 60_000 });
      await page.getByLabel('What', { exact: true }).selectOption('image');
      await page.locator('input[type=file]').setInputFiles({
        name: 'chest.png',
        mimeType: 'image/png',
        buffer: Buffer.from(PNG, 'base64'),
      });
      await page.getByAltText('The chosen image').waitFor();
      await page.getByLabel('What it shows').fill('Chest, one view');
      await look(page, 'patient-record', how);
      await page.getByRole('button', { name: 'Sign and send' }).click();
      await page.getByText('It has come back, and stands on the ledger.').waitFor({ timeout: 60_000 });
      assert.ok(
        (await hospital.listing()).filter((name) => name.startsWith('DocumentReference/')).length >= 2,
      );

      // The hospital's permission to write is gone: that is said, and nothing is lost.
      await bench.instance.sources.update(SOURCE, { takesWrites: false });
      await page.getByLabel('What', { exact: true }).selectOption('procedure');
      await page.getByLabel('What was done').fill('Spirometry');
      await page.getByRole('button', { name: 'Sign and send' }).click();
      await page.getByText('takes no writes from here').waitFor();
      assert.equal(await page.getByLabel('What was done').inputValue(), 'Spirometry');
      await bench.instance.sources.update(SOURCE, { takesWrites: true });

      await page.getByRole('button', { name: 'All patients' }).click();
      await page.getByRole('button', { name: 'Declare an emergency' }).click();
      await page.getByLabel('Patient', { exact: true }).fill(`Patient/${silent}`);
      await page.getByLabel('Why, in at least 10 characters').fill(`Found unconscious ${how.width}`);
      await page.getByRole('button', { name: 'Sign and open the record' }).click();
      await page.getByText('Bo Rask').waitFor();
      await page.getByText('Opened in an emergency').waitFor();
      await look(page, 'emergency', how);

      const desk = await visit(opened.browser, how);
      await askForCertificate(desk.page, server.address, 'Di Berg', 'At a hospital’s desk');
      await takeCertificate(desk.page, bench.instance, authority);
      const ministry = await enrolOrganisation(bench.instance, `Ministry ${how.width}`, 'authority');
      await bench.instance.accessRequests.ask(
        signedTask(
          ministry,
          taskOf(ministry, {
            patient: `Patient/${permitting}`,
            custodian: bench.instance.organisation.id,
            purpose: 'HRESCH',
            types: ['Observation'],
          }),
        ),
      );
      await go(desk.page, 'Desk');
      await desk.page.getByText(`Ministry ${how.width}`).waitFor();
      await look(desk.page, 'desk-requests', how);
      await desk.page.getByRole('button', { name: 'Sign my approval' }).click();
      await desk.page.getByText('waits for the patient').first().waitFor();

      await push(bench, {
        resourceType: 'Observation',
        id: `lost${how.width}`,
        status: 'final',
        code: { text: 'secret words' },
      });
      await desk.page.getByRole('tab', { name: 'Sources' }).click();
      await desk.page.getByText('City Hospital').waitFor();
      await look(desk.page, 'desk-sources', how);
      await desk.page.getByRole('tab', { name: 'Set aside' }).click();
      await desk.page.getByRole('button', { name: 'Sign: judge it again' }).first().click();
      await desk.page.getByText('It was judged again, and set aside again.').waitFor();
      assert.equal(await desk.page.getByText('secret words').count(), 0);
      await look(desk.page, 'desk-letters', how);
      await desk.page.getByRole('button', { name: 'Sign: destroy it' }).first().click();
      await desk.page.getByText('Nothing was set aside.').waitFor();

      await desk.page.getByRole('tab', { name: 'Invite' }).click();
      await desk.page.getByLabel('Id of the patient in your system').fill('new-patient');
      await desk.page.getByRole('button', { name: 'Sign and make a code' }).click();
      await desk.page.getByText('Code for patient new-patient').waitFor();
      await look(desk.page, 'desk-invite', how);
      await desk.page.getByRole('tab', { name: 'Emergencies' }).click();
      const emergency = desk.page
        .locator('.mantine-Card-root')
        .filter({ hasText: `Found unconscious ${how.width}` });
      await emergency.getByLabel('What you found').fill('It was one indeed.');
      await look(desk.page, 'desk-emergencies', how);
      await emergency.getByRole('button', { name: 'Sign: it was one' }).click();
      await emergency.getByText('it was one', { exact: true }).waitFor();
      await desk.page.getByRole('tab', { name: 'Duties' }).click();
      await desk.page.getByText('There is none.').waitFor();
      await look(desk.page, 'desk-duties', how);
      // One refusal is expected: the browser writes it down.
      assert.deepEqual(
        complaints.filter((text) => !text.includes('status of 409')),
        [],
      );
      assert.deepEqual(desk.complaints, []);
      await desk.context.close();
      await context.close();
    },
  );
}
