import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openInstance } from '../../../adapter/instance/instance.js';
import type { Enrolled } from '../../../adapter/http/contract/index.js';
import { serveHttp } from '../../../adapter/services/server.js';
import { createLogger } from '../../../adapter/logger.js';
import { generateSeed } from '../../../ledger/log/index.js';
import { makeCsr, readCertificate } from '../../../ledger/participants/index.js';
import { generateX25519, x25519PublicKey } from '../../../ledger/vault/index.js';
import { addImportSource, removeFolder, temporaryFolder, testConfig } from '../../support/instance.js';
import {
  ask,
  failedChecks,
  issueOf,
  logSize,
  openBench,
  readLog,
  refusalOf,
  typesSince,
} from '../support/bench.js';
import type { Answer, Bench } from '../support/bench.js';

let bench: Bench;
before(async () => {
  bench = await openBench();
});
after(() => bench.close());

async function newCsr(): Promise<string> {
  return (await makeCsr({ seed: generateSeed(), x25519Public: x25519PublicKey(generateX25519()) })).pem;
}

function invite(
  body: string,
  authorization = `Bearer ${bench.source.secret}`,
  source = 'ward',
): Promise<Answer> {
  return ask(bench.url, `/sources/${source}/invitations`, {
    method: 'POST',
    headers: { authorization },
    body,
  });
}

async function invitationFor(patient: string): Promise<string> {
  const { status, body } = await invite(JSON.stringify({ patients: [patient] }));
  assert.equal(status, 201);
  const { invitations } = JSON.parse(body.toString()) as { invitations: { patient: string; code: string }[] };
  assert.equal(invitations[0]?.patient, patient);
  return invitations[0].code;
}

function enrol(body: object, url = bench.url): Promise<Answer> {
  return ask(url, '/pki/enrol', { method: 'POST', body: JSON.stringify(body) });
}

test('an invited patient gets a certificate for the own key, and the log an entry that does not name anyone', async () => {
  const size = logSize(bench.instance);
  const csr = await newCsr();
  const invitation = await invitationFor('p-enrol');
  const answer = await enrol({ invitation, csr });
  assert.equal(answer.status, 201);
  const enrolled = JSON.parse(answer.body.toString()) as Enrolled;
  assert.match(enrolled.patient.reference, /^Patient\/[a-z2-7]{32}$/);
  assert.match(enrolled.custodian.reference, /^Organization\/p-/);
  const pem = enrolled.certificate.replaceAll(/-----[^-]+-----|\s/g, '');
  assert.ok(readCertificate(Buffer.from(pem, 'base64')).notAfter > Date.now());
  assert.deepEqual(await typesSince(bench.instance, size), ['participant.enrolled']);
  const entry = (await readLog(bench.instance)).at(-1);
  assert.deepEqual(Object.keys(entry?.body ?? {}).toSorted(), ['commitment', 'group', 'handle']);
  assert.deepEqual(await failedChecks(bench.instance), []);

  const again = await enrol({ invitation, csr });
  assert.deepEqual(
    JSON.parse(again.body.toString()),
    enrolled,
    'the answer was lost, and is given once more',
  );
  assert.equal(
    refusalOf(await enrol({ invitation, csr: await newCsr() })),
    '403 forbidden ADAPTER_FORBIDDEN',
  );
  assert.deepEqual(await typesSince(bench.instance, size), ['participant.enrolled']);
});

test('one invitation used twice at once enrols one', async () => {
  const invitation = await invitationFor('p-race');
  const csrs = await Promise.all(Array.from({ length: 6 }, newCsr));
  const size = logSize(bench.instance);
  const answers = await Promise.all(csrs.map((csr) => enrol({ invitation, csr })));
  assert.deepEqual(answers.map(({ status }) => String(status)).toSorted(), [
    '201',
    '403',
    '403',
    '403',
    '403',
    '403',
  ]);
  assert.deepEqual(await typesSince(bench.instance, size), ['participant.enrolled']);
});

test('only the source invites, and only by ids that are ids', async () => {
  const good = '{"patients":["a"]}';
  for (const secret of ['', 'Bearer', 'Bearer nonsense', `Basic ${bench.source.secret}`])
    assert.equal(refusalOf(await invite(good, secret)), '401 login ADAPTER_UNAUTHORIZED');
  assert.equal(refusalOf(await invite(good, undefined, 'nobody')), '404 not-found ADAPTER_NOT_FOUND');
  for (const patients of [
    undefined,
    null,
    {},
    'a',
    [],
    [''],
    ['..'],
    ['a/b'],
    [7],
    ['a'.repeat(65)],
    ['a', null],
  ])
    assert.equal(
      refusalOf(await invite(JSON.stringify({ patients }))),
      '422 processing ADAPTER_UNPROCESSABLE',
      JSON.stringify(patients),
    );
  for (const body of ['null', '[]', '7', '"a"', '{}'])
    assert.equal(refusalOf(await invite(body)), '422 processing ADAPTER_UNPROCESSABLE', body);
  assert.equal(refusalOf(await invite('{')), '400 structure MAPPING_NOT_JSON');
  assert.equal(refusalOf(await invite('')), '400 structure MAPPING_NOT_JSON');
  const many = JSON.stringify({ patients: Array.from({ length: 10_001 }, (_, i) => `p${i}`) });
  assert.equal(refusalOf(await invite(many)), '422 processing ADAPTER_UNPROCESSABLE');
  assert.equal(refusalOf(await invite(' '.repeat(1024 * 1024 + 1))), '413 too-long ADAPTER_BODY_TOO_LARGE');
});

test('a bad request for a certificate leaves the invitation good', async () => {
  const invitation = await invitationFor('p-bad');
  const csr = await newCsr();
  const lines = csr.split('\n');
  const flipped = [...lines];
  flipped[lines.length - 3] = (lines.at(-3) ?? '').replace(/[A-Za-y]/, (letter) =>
    letter === 'A' ? 'B' : 'A',
  );
  const size = logSize(bench.instance);
  for (const bad of [
    '',
    'nonsense',
    csr.slice(0, 200),
    flipped.join('\n'),
    csr.replaceAll('REQUEST', 'THING'),
  ]) {
    const answer = await enrol({ invitation, csr: bad });
    assert.equal(answer.status, 400, bad);
    assert.match(issueOf(answer).diagnostics ?? '', /^PARTICIPANT_/);
  }
  for (const body of [{ invitation }, { csr }, { invitation: 7, csr }, { invitation, csr: { pem: csr } }, []])
    assert.equal(refusalOf(await enrol(body)), '422 processing ADAPTER_UNPROCESSABLE');
  for (const foreign of ['', 'x', `${invitation}x`, '../ca/root'])
    assert.equal(refusalOf(await enrol({ invitation: foreign, csr })), '403 forbidden ADAPTER_FORBIDDEN');
  assert.equal(
    refusalOf(await enrol({ invitation, csr: 'x'.repeat(70_000) })),
    '413 too-long ADAPTER_BODY_TOO_LARGE',
  );
  assert.equal(logSize(bench.instance), size);
  assert.equal((await enrol({ invitation, csr })).status, 201);
});

test('an invitation of another instance, and one a week old, enrol nobody', async () => {
  const dir = temporaryFolder();
  let nowMs = Date.now();
  const logger = createLogger('error', () => undefined);
  const other = await openInstance({ config: testConfig(dir), demo: false, logger, nowMs: () => nowMs });
  const server = await serveHttp(other, () => undefined);
  try {
    await addImportSource(other);
    const { invitations } = await other.enrolment.invite('ward', ['a', 'b']);
    const [first, second] = invitations.map(({ code }) => code);
    const csr = await newCsr();
    assert.equal(refusalOf(await enrol({ invitation: first, csr })), '403 forbidden ADAPTER_FORBIDDEN');
    nowMs += 7 * 86_400_000;
    assert.equal((await enrol({ invitation: first, csr }, server.address)).status, 201);
    nowMs += 1;
    assert.equal(
      refusalOf(await enrol({ invitation: second, csr }, server.address)),
      '403 forbidden ADAPTER_FORBIDDEN',
    );
  } finally {
    await server.close();
    await other.close();
    removeFolder(dir);
  }
});
