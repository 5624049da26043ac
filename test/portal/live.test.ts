/** Open pages hear of what happens, by one connection for all tabs, and find back when it is lost. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { Instance } from '../../adapter/instance/instance.js';
import type { Source } from '../../adapter/instance/sources.js';
import { discardDeadLetters } from '../../adapter/services/dead-letters.js';
import { readPortal } from '../../adapter/services/portal-files.js';
import { serveHttp } from '../../adapter/services/server.js';
import { consenting, push, sign } from '../adapter/support/bench.js';
import type { Bench } from '../adapter/support/bench.js';
import { heartRate, patient } from '../adapter/support/resources.js';
import { signedTask, taskOf } from '../support/access.js';
import { findChromium, NO_CHROMIUM, openBrowser } from '../support/browser.js';
import type { OpenedBrowser } from '../support/browser.js';
import { addImportSource, openTestInstance, removeFolder, temporaryFolder } from '../support/instance.js';
import { invitationOf } from '../support/invitations.js';
import { takeCertificate, twoOfficers } from '../support/officers.js';
import { enrolOrganisation } from '../support/person.js';
import {
  askForCertificate,
  enrolInPage,
  go,
  PASSPHRASE,
  readForm,
  signShown,
} from '../support/portal-journey.js';
import { look, quiet, visit } from '../support/portal-page.js';

const chromium = findChromium();
const skip =
  chromium === undefined ? NO_CHROMIUM : readPortal() === undefined ? 'the portal is not built' : false;

interface World {
  readonly instance: Instance;
  readonly source: Source;
  readonly url: string;
  readonly bench: Bench;
  serve(): Promise<void>;
  stopServing(): Promise<void>;
  close(): Promise<void>;
}

let world: World;
let opened: OpenedBrowser;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

/** An instance whose server can go and come back under the same address. */
async function openWorld(): Promise<World> {
  const dir = temporaryFolder();
  const openedInstance = await openTestInstance(dir, { port: await freePort() });
  const { instance, logged } = openedInstance;
  const source = await addImportSource(instance);
  let server = await serveHttp(instance, () => undefined);
  const url = server.address;
  const bench: Bench = { dir, instance, source, url, caughtUp: [], logged, close: async () => undefined };
  return {
    instance,
    source,
    url,
    bench,
    serve: async () => {
      server = await serveHttp(instance, () => undefined);
    },
    stopServing: () => server.close(),
    close: async () => {
      await server.close();
      await openedInstance.close();
      removeFolder(dir);
    },
  };
}

before(async () => {
  if (skip !== false) return;
  world = await openWorld();
  opened = await openBrowser(chromium ?? '');
});
after(async () => {
  if (skip !== false) return;
  await opened.close();
  await world.close();
});

async function patientAtHome(page: Page, name: string): Promise<string> {
  await enrolInPage(page, world.url, await invitationOf(world.url, world.source, name));
  await go(page, 'To my record', 'Permissions');
  await readForm(page);
  await signShown(page);
  await go(page, 'My record');
  const { subjects } = world.instance;
  const subject = await subjects.find(subjects.keyOf(world.source.id, name));
  return `Patient/${subject?.facadeId ?? ''}`;
}

/** A request that the hospital has approved. */
async function askFor(own: string, name: string): Promise<void> {
  const { instance, source } = world;
  const ministry = await enrolOrganisation(instance, name, 'authority');
  const task = taskOf(ministry, { patient: own, custodian: source.custodian.id, purpose: 'HRESCH' });
  const { id } = await instance.accessRequests.ask(signedTask(ministry, task));
  await instance.accessRequests.decideAsCustodian(id, 'approved', 'Cy Holm');
}

/** Connections to `/events` that a page has opened. */
function streamsOf(page: Page): { count: number } {
  const seen = { count: 0 };
  page.on('request', (request) => {
    if (new URL(request.url()).pathname === '/events') seen.count += 1;
  });
  return seen;
}

for (const how of [
  { width: 1280, dark: false },
  { width: 360, dark: true },
]) {
  const where = `${how.width} px, ${how.dark ? 'dark' : 'light'}`;
  test(`what happens is shown without a reload, ${where}`, { skip, timeout: 120_000 }, async () => {
    const { context, page, complaints } = await visit(opened.browser, how);
    page.setDefaultTimeout(20_000);
    const name = `live${how.width}`;
    const own = await patientAtHome(page, name);
    await page.getByText('What happened lately').waitFor();
    await askFor(own, `First Ministry ${how.width}`);
    await page.getByText('Something new waits for you.').waitFor();
    await page.getByText('1 request to see your record waits').waitFor();
    await look(page, 'news', how);
    await page.getByRole('status').getByRole('button', { name: 'Hide' }).click();
    assert.equal(await page.getByText('Something new waits for you.').count(), 0);

    await go(page, 'Requests');
    await page.getByText(`First Ministry ${how.width}`).first().waitFor();
    await askFor(own, `Second Ministry ${how.width}`);
    await page.getByText(`Second Ministry ${how.width}`).first().waitFor();

    // The record is read again when its reader asks for it: reading is an access.
    await push(world.bench, patient(name), heartRate(`h${name}`, name, 70));
    const news = page.getByText('Something new is in your record.');
    await news.waitFor();
    await page.getByRole('status').getByRole('button', { name: 'Hide' }).click();
    await go(page, 'My record', 'Measurements');
    await page.getByLabel('Find').waitFor();
    await look(page, 'measures-small', how);
    const reads: string[] = [];
    page.on('request', (request) => {
      if (request.url().includes('$everything')) reads.push(request.url());
    });
    await push(world.bench, heartRate(`i${name}`, name, 90));
    await news.waitFor();
    assert.deepEqual(reads, []);
    await Promise.all([
      page.waitForRequest((request) => request.url().includes('$everything')),
      page.getByRole('button', { name: 'Show it' }).click(),
    ]);
    await quiet(page);
    assert.equal(reads.length, 1);
    assert.deepEqual(complaints, []);
    await context.close();
  });
}

test('what waits for an answer is told of as it comes', { skip, timeout: 60_000 }, async () => {
  const { context, page, complaints } = await visit(opened.browser);
  page.setDefaultTimeout(20_000);
  await enrolInPage(page, world.url, await invitationOf(world.url, world.source, 'waits'));
  await go(page, 'To my record');
  await page.getByText('What happened lately').waitFor();
  await quiet(page);
  await push(world.bench, patient('waits'));
  await page.getByText('Something new waits for you.').waitFor();
  await page.getByText('waits for your answer').waitFor();
  await page.getByRole('status').getByRole('link', { name: 'Show it' }).click();
  await page.getByText('Something new waits for you.').waitFor({ state: 'detached' });
  assert.deepEqual(complaints, []);
  await context.close();
});

test('a lost connection is told of, heals, and misses nothing', { skip, timeout: 120_000 }, async () => {
  const { context, page } = await visit(opened.browser);
  page.setDefaultTimeout(30_000);
  const own = await patientAtHome(page, 'healing');
  await go(page, 'Requests');
  // The page's own script, too, comes from the server that is stopped now.
  await quiet(page);
  await world.stopServing();
  await page.getByText('The connection is lost.').waitFor();
  await askFor(own, 'Ministry of the Dark');
  await world.serve();
  await page.getByText('Ministry of the Dark').first().waitFor();
  await page
    .getByText('Something new waits for you.')
    .or(page.getByText('The connection is back.'))
    .waitFor();
  await askFor(own, 'Ministry of the Dawn');
  await page.getByText('Ministry of the Dawn').first().waitFor();
  await context.close();
});

test('one tab listens for all; when it is closed another does', { skip, timeout: 120_000 }, async () => {
  const { context, page: first } = await visit(opened.browser);
  first.setDefaultTimeout(20_000);
  const own = await patientAtHome(first, 'tabs');
  const second = await context.newPage();
  const streams = streamsOf(second);
  await second.goto(`${world.url}/app/me`);
  await second.getByLabel('Passphrase').fill(PASSPHRASE);
  await second.getByRole('button', { name: 'Unlock' }).click();
  await go(second, 'Requests');
  await askFor(own, 'Ministry of One');
  await second.getByText('Ministry of One').first().waitFor();
  await go(first, 'Requests');
  await first.getByText('Ministry of One').first().waitFor();
  assert.equal(streams.count, 0);
  await first.close();
  const deadline = Date.now() + 20_000;
  while (streams.count === 0 && Date.now() < deadline) await second.waitForTimeout(100);
  assert.equal(streams.count, 1);
  await askFor(own, 'Ministry of Two');
  await second.getByText('Ministry of Two').first().waitFor();
  await context.close();
});

test(
  'a desk sees what its sources do; a clinician, whose list is other',
  { skip, timeout: 180_000 },
  async () => {
    const { bench, instance, url } = world;
    const authority = await twoOfficers(instance);
    const desk = await visit(opened.browser);
    await askForCertificate(desk.page, url, 'Di Berg', 'At a hospital’s desk');
    await takeCertificate(desk.page, instance, authority);
    await go(desk.page, 'Desk');
    await desk.page.getByRole('tab', { name: 'Sources' }).click();
    const received = desk.page.getByRole('row', { name: 'Received since the start' });
    await received.waitFor();
    const hadCome = instance.inbox.traffic.of(world.source.id).received;
    const paths: string[] = [];
    desk.page.on('request', (request) => paths.push(new URL(request.url()).pathname));
    const lost = { resourceType: 'Observation', status: 'final', code: { text: 'secret words' } };
    await push(bench, { ...lost, id: 'lost1' });
    await received.getByText(String(hadCome + 1), { exact: true }).waitFor();
    await desk.page.getByRole('tab', { name: 'Set aside' }).click();
    const letters = desk.page.getByRole('button', { name: 'Sign: judge it again' });
    await letters.first().waitFor();
    const first = await letters.count();
    await push(bench, { ...lost, id: 'lost2' });
    await letters.nth(first).waitFor();
    // What somebody else does at the desk, or by the command, is seen as well.
    await discardDeadLetters(instance, [], { source: world.source.id });
    await desk.page.getByText('Nothing was set aside.').waitFor();
    // Many events are one word: the desk is no load for whom it watches.
    paths.length = 0;
    await push(bench, ...Array.from({ length: 200 }, (_, i) => ({ ...lost, id: `many${i}` })));
    await letters.nth(50).waitFor();
    await quiet(desk.page);
    assert.ok(paths.filter((path) => path === '/desk/dead-letters').length <= 10, paths.join());
    await discardDeadLetters(instance, [], { source: world.source.id });
    assert.deepEqual(desk.complaints, []);
    await desk.context.close();

    const doctor = await visit(opened.browser);
    await askForCertificate(doctor.page, url, 'Dr Cy Holm', 'A clinician of a hospital');
    await takeCertificate(doctor.page, instance, authority);
    await go(doctor.page, 'Patients');
    await doctor.page.getByText('Only patients whose permission you have are listed').waitFor();
    await quiet(doctor.page);
    const lists: string[] = [];
    doctor.page.on('request', (request) => {
      if (request.url().includes('/fhir/Patient?')) lists.push(request.url());
    });
    // Who permits the keeping alone changes nobody's list, and nobody is told.
    const news = doctor.page.getByText('The list of your patients may have changed.');
    await consenting(bench, 'silent', { actions: ['collect'] });
    await push(bench, { ...patient('silent'), name: [{ text: 'Bo Rask' }] });
    await quiet(doctor.page);
    assert.equal(await news.count(), 0);
    const identifier = randomUUID();
    const wallet = await consenting(bench, 'listed', { identifier });
    await push(bench, { ...patient('listed'), name: [{ text: 'Ada Holm' }] });
    await news.waitFor();
    await quiet(doctor.page);
    // Reading the list is an access: it is read when somebody asks for it.
    assert.deepEqual(lists, []);
    await look(doctor.page, 'patients-news', {});
    await doctor.page.getByRole('status').getByRole('link', { name: 'Show it' }).click();
    await doctor.page.getByText('Ada Holm').waitFor();
    assert.equal(lists.length, 1);
    await news.waitFor({ state: 'detached' });
    await sign(bench, wallet, { identifier, status: 'inactive' });
    await news.waitFor();
    await doctor.page.getByRole('status').getByRole('link', { name: 'Show it' }).click();
    await doctor.page.getByText('Ada Holm').waitFor({ state: 'detached' });
    assert.deepEqual(doctor.complaints, []);
    await doctor.context.close();
  },
);
