/** Operating an instance: dead letters, sources and metrics, by commands and over the operator's socket. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { operatorSocketPath } from '../../../adapter/instance/running.js';
import type { AddedClient } from '../../../adapter/services/client-admin.js';
import type { ListedDeadLetter, ShownDeadLetter } from '../../../adapter/services/dead-letters.js';
import type { SourceHealth } from '../../../adapter/services/source-health.js';
import { generateSeed, privateKeyObject } from '../../../ledger/log/index.js';
import { makeCsr } from '../../../ledger/participants/index.js';
import { generateX25519, x25519PublicKey } from '../../../ledger/vault/index.js';
import { tokenFor } from '../../support/client.js';
import { removeFolder, temporaryFolder } from '../../support/instance.js';
import { startFhirServer } from '../support/fhir-server.js';
import type { FhirServer } from '../support/fhir-server.js';
import { heartRate } from '../support/resources.js';
import { run, up } from './cli.js';
import type { Finished, Up } from './cli.js';

const dir = temporaryFolder();
const data = join(dir, 'data');
let running: Up;
let hospital: FhirServer;
let token: string;
before(async () => {
  hospital = await startFhirServer();
  running = await up(['--data', data], dir);
  const seed = generateSeed();
  const x25519 = generateX25519();
  const csr = await makeCsr({ seed, x25519Public: x25519PublicKey(x25519) });
  writeFileSync(join(dir, 'city.csr'), csr.pem);
  const flags = [
    '--name',
    'City',
    '--group',
    'provider',
    '--csr',
    join(dir, 'city.csr'),
    '--scope',
    'system/*.cruds',
  ];
  const added = await firebreak('client', 'add', ...flags, '--push', 'city', '--json');
  assert.equal(added.code, 0, added.stderr);
  const { id, kid } = JSON.parse(added.stdout) as AddedClient;
  token = await tokenFor({ id, kid, key: privateKeyObject(seed), x25519 }, running.address, {
    scope: 'system/*.cruds',
  });
});
after(async () => {
  running.child.kill('SIGKILL');
  await hospital.close();
  removeFolder(dir);
});

function firebreak(...args: string[]): Promise<Finished> {
  return run(['--data', data, ...args], dir);
}

/** Pushes something that cannot be a record, and waits until it is set aside. */
async function orphan(id: string, element: object = {}): Promise<void> {
  const { subject: _subject, ...rest } = heartRate(id, 'p', 70) as unknown as Record<string, unknown>;
  const answer = await fetch(`${running.address}/fhir/Observation/${id}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/fhir+json' },
    body: JSON.stringify({ ...rest, ...element }),
  });
  assert.equal(answer.status, 202);
  for (let i = 0; i < 200; i++) {
    const ticket = await fetch(answer.headers.get('content-location') ?? '', {
      headers: { authorization: `Bearer ${token}` },
    });
    if (ticket.status === 200) return;
    await sleep(25);
  }
  assert.fail('it is at work still');
}

function operator(method: string, path: string): Promise<{ status: number; body: unknown; text: string }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: operatorSocketPath(data), method, path }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        const isJson = /json/.test(response.headers['content-type'] ?? '');
        resolve({
          status: response.statusCode ?? 0,
          body: isJson ? (JSON.parse(text) as unknown) : undefined,
          text,
        });
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}

test('dead letters by commands: list, show, replay, discard', async () => {
  await orphan('a1');
  await orphan('a2', { note: [{ text: 'canary-9d1' }] });
  const listed = JSON.parse((await firebreak('dead-letters', 'list', '--json')).stdout) as ListedDeadLetter[];
  assert.deepEqual(
    listed.map(({ source, type, code, expression }) => [source, type, code, expression]),
    [1, 2].map(() => ['city', 'Observation', 'MAPPING_NO_PATIENT', 'Observation.subject']),
  );
  const [first, second] = listed;
  const one = await firebreak('dead-letters', 'list', '--limit', '1');
  assert.match(one.stdout, /MAPPING_NO_PATIENT[\s\S]*and more/);
  assert.equal((await firebreak('dead-letters', 'list', '--source', 'other')).stdout, 'no dead letters\n');

  const shown = await firebreak('dead-letters', 'show', String(Number(second?.seq)));
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, /reason {5}MAPPING_NO_PATIENT at Observation\.subject\n/);
  assert.match(shown.stdout, /to do {6}it says nowhere whose it is/);
  assert.doesNotMatch(shown.stdout, /canary/);
  const whole = JSON.parse(
    (await firebreak('dead-letters', 'show', second?.seq ?? '', '--json')).stdout,
  ) as ShownDeadLetter;
  assert.match(whole.ticket ?? '', /^[0-9a-f]{44}$/);
  assert.doesNotMatch(JSON.stringify(whole), /canary|"a2"/);

  const again = await firebreak('dead-letters', 'replay', first?.seq ?? '');
  assert.deepEqual([again.code, again.stdout], [1, '1 replayed, 1 set aside once more\n']);

  const asked = await firebreak('dead-letters', 'discard', '--source', 'city');
  assert.deepEqual([asked.code, asked.stdout], [1, '2 would be discarded; add --yes to do it\n']);
  const gone = await firebreak('dead-letters', 'discard', first?.seq ?? '', '--yes', '--json');
  assert.deepEqual([gone.code, JSON.parse(gone.stdout)], [0, { discarded: 1 }]);
  const rest = await firebreak('dead-letters', 'discard', '--code', 'MAPPING_NO_PATIENT', '--yes');
  assert.deepEqual([rest.code, rest.stdout], [0, '1 discarded\n']);
  assert.equal((await firebreak('dead-letters', 'list')).stdout, 'no dead letters\n');
});

test('wrong usage says what is right', async () => {
  const cases: [string[], number, RegExp][] = [
    [['show', '12'], 3, /1 of these numbers name no dead letter/],
    [['show', 'x'], 2, /named by its number/],
    [['discard'], 2, /name dead letters by number, or by --source, --code or --type/],
    [['discard', '12', '--yes'], 3, /no dead letter/],
    [['discard', '12', '--source', 'city', '--yes'], 2, /by their numbers, or by source/],
    [['list', '--limit', '0'], 2, /--limit takes a whole number/],
  ];
  for (const [args, code, says] of cases) {
    const finished = await firebreak('dead-letters', ...args);
    assert.equal(finished.code, code, `${args.join(' ')}: ${finished.stderr}`);
    assert.match(finished.stderr, says);
  }
});

test('the operator’s socket: this user’s alone, and the same answers over HTTP', async () => {
  assert.equal(statSync(operatorSocketPath(data)).mode & 0o777, 0o600);
  await orphan('b1');
  await orphan('b2');
  const first = (await operator('GET', '/dead-letters?limit=1')).body as {
    deadLetters: ListedDeadLetter[];
    after: string;
  };
  const next = (await operator('GET', `/dead-letters?limit=1&after=${first.after}`)).body as typeof first;
  assert.equal(first.deadLetters.length + next.deadLetters.length, 2);
  assert.equal(next.after, undefined);
  const seq = first.deadLetters[0]?.seq ?? '';
  assert.equal(
    ((await operator('GET', `/dead-letters/${seq}`)).body as ShownDeadLetter).code,
    'MAPPING_NO_PATIENT',
  );
  assert.deepEqual((await operator('POST', `/dead-letters/${seq}/replay`)).body, {
    replayed: 1,
    deadAgain: 1,
  });
  assert.deepEqual((await operator('DELETE', `/dead-letters/${seq}`)).body, { discarded: 1 });
  assert.equal((await operator('GET', `/dead-letters/${seq}`)).status, 404);
  // A filter that is not known would widen what is destroyed.
  assert.equal((await operator('DELETE', '/dead-letters?sorce=city')).status, 400);
  assert.equal((await operator('DELETE', '/dead-letters?source=a&source=b')).status, 400);
  assert.equal((await operator('DELETE', '/dead-letters')).status, 400);
  assert.deepEqual((await operator('DELETE', '/dead-letters?source=city')).body, { discarded: 1 });
  assert.equal((await operator('GET', '/nothing')).status, 404);
  // Nothing of it is on the port.
  assert.equal((await fetch(`${running.address}/dead-letters`)).status, 404);
});

test('metrics of each source: counts, depth, rate and lag', async () => {
  await orphan('c1');
  const { text } = await operator('GET', '/metrics');
  assert.match(text, /^firebreak_source_events_received\{source="city"\} [1-9]\d*$/m);
  assert.match(text, /^firebreak_source_queue_depth\{source="city"\} 0$/m);
  assert.match(text, /^firebreak_source_events_per_second\{source="city"\} 0\.\d+$/m);
  assert.match(text, /^firebreak_source_lag_seconds\{source="city"\} 0$/m);
  assert.match(text, /^firebreak_source_silent_seconds\{source="city"\} \d/m);
  assert.match(text, /^firebreak_dead_letters_present\{source="city"\} [1-9]\d*$/m);
  assert.match(text, /^firebreak_waiting\{what="patients"\} 0$/m);
  await firebreak('dead-letters', 'discard', '--source', 'city', '--yes');
});

test('doctor looks at every source and says what to do', async () => {
  const well = await firebreak('source', 'add', hospital.base, '--id', 'north');
  assert.equal(well.code, 0, well.stderr);
  const good = await firebreak('doctor');
  assert.match(good.stdout, /ok {3}source city {4}push; 0 events at work/);
  assert.match(good.stdout, /ok {3}source north {3}fhir; a FHIR server, FHIR 4\.0\.1/);

  await orphan('d1');
  await hospital.close();
  const bad = await firebreak('doctor', '--json');
  assert.equal(bad.code, 1);
  const { findings } = JSON.parse(bad.stdout) as {
    findings: { check: string; ok: boolean; detail: string }[];
  };
  const of = (check: string) => findings.filter((one) => one.check === check);
  assert.match(
    of('source city')[1]?.detail ?? '',
    /dead letters: 1 set aside\. firebreak dead-letters list --source city/,
  );
  assert.ok(
    of('source north').some(
      ({ ok, detail }) => !ok && /server: .*\. is it up, and does this machine reach it\?/.test(detail),
    ),
  );
  const health = (await operator('GET', '/sources')).body as SourceHealth[];
  assert.deepEqual(
    health.map(({ id, ok }) => [id, ok]),
    [
      ['city', true],
      ['north', false],
    ],
  );

  await firebreak('source', 'pause', 'north');
  assert.match(
    (await firebreak('doctor')).stdout,
    /ok {3}source north {3}state: paused\. firebreak source resume north/,
  );
});

test('doctor without an instance says when sources are asked', async () => {
  const alone = await run(['--data', join(dir, 'none'), 'doctor'], dir);
  assert.match(
    alone.stdout,
    /ok {3}sources {8}no folder yet: firebreak source add URL, or firebreak client add --push ID/,
  );
});
