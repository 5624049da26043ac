import assert from 'node:assert/strict';
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Instance } from '../../../adapter/instance/instance.js';
import { drain } from '../../../adapter/services/drain.js';
import { askLeave } from '../../../adapter/services/proofs/leave.js';
import { serveHttp } from '../../../adapter/services/server.js';
import { vaultOfStore } from '../../../adapter/services/vault-rows.js';
import { openLargePermitted } from '../../../ledger/custody/index.js';
import { storeReader, verifyLog } from '../../../ledger/verify/index.js';
import { addImportSource, openTestInstance, removeFolder, temporaryFolder } from '../../support/instance.js';
import {
  consenting,
  deadLetters,
  hook,
  issueOf,
  logSize,
  openBench,
  push,
  readLog,
  refusalOf,
  sign,
  typesSince,
} from '../support/bench.js';
import type { Answer, AskOptions, Bench } from '../support/bench.js';
import { heartRate, patient } from '../support/resources.js';

const BYTES_MAX = 24 * 1024 * 1024;

let bench: Bench;
before(async () => {
  bench = await openBench({ imageBytesMax: BYTES_MAX, bodyBytesMax: 8 * 1024 * 1024 });
  await consenting(bench, 'p1');
  await push(bench, patient('p1'));
});
after(() => bench.close());

/** Files that are there before and after a test are not its own. */
let stood: readonly string[] = [];
beforeEach(() => {
  stood = files(bench.dir);
});

function files(dir: string): string[] {
  const folder = join(dir, 'blobs');
  return existsSync(folder) ? readdirSync(folder) : [];
}

function newFiles(): string[] {
  return files(bench.dir).filter((name) => !stood.includes(name));
}

/** Files go just after the batch that lets go of them: waits for that a little. */
async function left(count: number, what?: string): Promise<void> {
  for (let tries = 0; newFiles().length !== count && tries < 100; tries++)
    await new Promise((next) => setTimeout(next, 20));
  assert.equal(newFiles().length, count, what);
}

/** A Binary of some MiB as its JSON; numbers and spacing as no writer of ours would have them. */
function binary(id: string, mebibytes = 5, subject = 'Patient/p1', version?: string): Buffer {
  const data = randomBytes((mebibytes * 1024 * 1024 * 3) / 4).toString('base64');
  const meta = version === undefined ? '' : `"meta": {"versionId":"${version}"},`;
  const owner = `"securityContext": {"reference":"${subject}"}`;
  return Buffer.from(
    `{"resourceType" : "Binary", ${meta} "id":"${id}","contentType":"image/png","data":"${data}", ${owner} }`,
  );
}

/** What the record of a resource holds now, read through the gate. */
async function kept(
  instance: Instance,
  id: string,
  type = 'Binary',
  subjectId = 'p1',
  range?: readonly [number, number],
) {
  const view = { get: (key: string) => instance.store.getSync(key) };
  const state = instance.records.state(view, instance.records.resourceKey('ward', type, id));
  const subject = await instance.subjects.find(instance.subjects.keyOf('ward', subjectId));
  assert.ok(state?.handle !== undefined && subject !== undefined);
  for await (const { handle, version, row, card } of instance.records.cards(instance.store, subject)) {
    if (handle !== state.handle) continue;
    const { permit } = await askLeave(instance, subject, {
      actor: { references: [`Organization/${instance.organisation.id}`] },
      action: 'access',
      purposes: ['http://terminology.hl7.org/CodeSystem/v3-ActReason|TREAT'],
      resource: { ...card.gate, labels: card.gate.labels },
    });
    const name = { recordKey: subject.recordKey, instance: instance.records.instance, handle, version, row };
    const opened = openLargePermitted(permit, subject.key, name, instance.bodies.blobs, range);
    const parts: Buffer[] = [];
    for await (const part of opened.body) parts.push(part);
    return { bytes: Buffer.concat(parts), handle, card, salt: opened.salt };
  }
  throw new Error('not kept');
}

async function taken(path: string, options: AskOptions): Promise<[string, string[]]> {
  const size = logSize(bench.instance);
  const answer = await hook(bench, path, options);
  assert.equal(answer.status, 200, answer.body.toString('utf8'));
  await drain(bench.instance);
  return [issueOf(answer).diagnostics ?? '', await typesSince(bench.instance, size)];
}

const sha256 = (...parts: Buffer[]): Buffer =>
  parts.reduce((sum, part) => sum.update(part), createHash('sha256')).digest();

/** A hook whose body comes in pieces, its length untold; `breakAfter` ends the connection after so many. */
function pieces(path: string, body: readonly Buffer[], breakAfter = Infinity): Promise<Answer | undefined> {
  const { hostname, port } = new URL(bench.url);
  return new Promise((resolve) => {
    const request = httpRequest(
      {
        hostname,
        port,
        path: `/hooks/ward${path}`,
        method: 'PUT',
        headers: {
          'content-type': 'application/fhir+json',
          authorization: `Bearer ${bench.source.secret}`,
          'transfer-encoding': 'chunked',
        },
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(parts),
          }),
        );
      },
    );
    request.on('error', () => resolve(undefined));
    const send = async (): Promise<void> => {
      for (const [i, part] of body.entries()) {
        if (i === breakAfter) {
          request.destroy();
          return;
        }
        await new Promise<void>((next) => request.write(part, () => next()));
      }
      request.end();
    };
    void send();
  });
}

test('an image larger than is held is kept byte for byte, and its commitments are those of any record', async () => {
  const body = binary('x1');
  const size = logSize(bench.instance);
  assert.deepEqual(await taken('/Binary/x1', { method: 'PUT', body, headers: { 'if-match': 'W/"1"' } }), [
    '1 accepted, 0 known',
    ['record.stored'],
  ]);
  const { bytes, handle, card, salt } = await kept(bench.instance, 'x1');
  assert.ok(bytes.equals(body));
  assert.equal(card.gate.type, 'Binary');
  assert.equal(card.versionId, '1');
  const [name, second] = newFiles();
  assert.ok(name !== undefined && second === undefined);
  const file = readFileSync(join(bench.dir, 'blobs', name));
  const entry = (await readLog(bench.instance))
    .slice(size)
    .find(({ body: stated }) => stated['handle'] === handle);
  assert.equal(entry?.body['commitment'], sha256(salt, sha256(body)).toString('base64url'));
  assert.equal(entry?.body['ciphertext'], sha256(file).toString('base64url'));
  assert.equal(file.includes(body.subarray(1000, 1032)), false);
  const part = await kept(bench.instance, 'x1', 'Binary', 'p1', [500_000, 500_100]);
  assert.ok(part.bytes.equals(body.subarray(500_000, 500_100)));
});

test('it comes without a length told, in any pieces, posted or put', async () => {
  const body = binary('x2', 6);
  const cut = Array.from({ length: 7 }, (_, i) => body.subarray(i * 1_000_003, (i + 1) * 1_000_003));
  assert.equal((await pieces('/Binary/x2', cut))?.status, 200);
  await drain(bench.instance);
  assert.ok((await kept(bench.instance, 'x2')).bytes.equals(body));
  const posted = binary('x3');
  assert.equal((await taken('', { body: posted }))[0], '1 accepted, 0 known');
  assert.ok((await kept(bench.instance, 'x3')).bytes.equals(posted));
  const small = JSON.stringify(heartRate('h1', 'p1', 70));
  assert.equal((await pieces('/Observation/h1', [Buffer.from(small)]))?.status, 200);
  await drain(bench.instance);
});

test('so do a Media and a DocumentReference that carry it within', async () => {
  const data = randomBytes(4 * 1024 * 1024).toString('base64');
  const subject = { reference: 'Patient/p1' };
  const media = Buffer.from(
    JSON.stringify({ resourceType: 'Media', id: 'm1', status: 'completed', subject, content: { data } }),
  );
  assert.deepEqual((await taken('', { body: media }))[1], ['record.stored']);
  assert.ok((await kept(bench.instance, 'm1', 'Media')).bytes.equals(media));
});

test('a Binary may come as its content itself, of any size', async () => {
  const small = Buffer.from('\x89PNG, a small one');
  const headers = { 'content-type': 'image/png', 'x-security-context': 'Patient/p1' };
  assert.deepEqual((await taken('/Binary/n1', { method: 'PUT', body: small, headers }))[1], [
    'record.stored',
  ]);
  const one = await kept(bench.instance, 'n1');
  assert.ok(one.bytes.equals(small));
  assert.equal(one.card.contentType, 'image/png');
  const large = randomBytes(5 * 1024 * 1024);
  assert.deepEqual((await taken('/Binary/n2', { method: 'PUT', body: large, headers }))[1], [
    'record.stored',
  ]);
  assert.ok((await kept(bench.instance, 'n2')).bytes.equals(large));
  const xml = { 'content-type': 'application/fhir+xml' };
  const refused = await hook(bench, '/Binary/n3', { method: 'PUT', body: '<Binary/>', headers: xml });
  assert.equal(refusalOf(refused), '415 not-supported ADAPTER_UNSUPPORTED_MEDIA');
});

test('a redelivery and an equal version leave nothing behind', async () => {
  const body = binary('d1', 5, 'Patient/p1', '7');
  assert.equal((await taken('', { body }))[0], '1 accepted, 0 known');
  assert.deepEqual(await taken('', { body }), ['0 accepted, 1 known', []]);
  const bare = binary('d2');
  await taken('', { body: bare });
  assert.deepEqual(await taken('', { body: bare }), ['1 accepted, 0 known', []]);
  const next = binary('d2');
  await left(2);
  assert.equal((await hook(bench, '', { body: next })).status, 200);
  await drain(bench.instance);
  await left(3);
});

test('who signs the body is believed at its end, who has the wrong token before its first byte', async () => {
  const body = binary('s1');
  const signature = createHmac('sha256', bench.source.secret).update(body).digest('hex');
  const { port } = new URL(bench.url);
  const signed = (given: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/fhir+json', 'x-hub-signature': `sha256=${given}` };
      const request = httpRequest({ port, path: '/hooks/ward', method: 'POST', headers }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode ?? 0));
      });
      request.on('error', reject).end(body);
    });
  assert.equal(await signed('0'.repeat(64)), 401);
  await left(0);
  assert.equal(await signed(signature), 200);
  await drain(bench.instance);
  assert.ok((await kept(bench.instance, 's1')).bytes.equals(body));
  const wrong = { authorization: 'Bearer nobody', expect: '100-continue' };
  assert.equal(
    (await hook(bench, '/Binary/s2', { method: 'PUT', headers: wrong, body: binary('s2') })).status,
    401,
  );
});

test('what is too large, cut off, broken or of another name is refused, and nothing of it stays', async () => {
  const size = logSize(bench.instance);
  const answers: Record<string, string> = {};
  const put = async (what: string, path: string, body: Buffer): Promise<void> => {
    answers[what] = refusalOf(await hook(bench, path, { method: path === '' ? 'POST' : 'PUT', body }));
  };
  await put('too large', '/Binary/b1', Buffer.concat([binary('b1', 5), Buffer.alloc(BYTES_MAX, ' ')]));
  await put(
    'too large for what is no image',
    '',
    Buffer.from(JSON.stringify({ resourceType: 'Bundle', x: 'x'.repeat(9 << 20) })),
  );
  await put('another id', '/Binary/b2', binary('b3'));
  await put('another type', '/Media/b4', binary('b4'));
  await put('no end', '/Binary/b5', binary('b5').subarray(0, -1));
  await put('no JSON', '/Binary/b6', Buffer.concat([binary('b6'), Buffer.from('}')]));
  await put(
    'an escape within data',
    '/Binary/b7',
    Buffer.from(binary('b7').toString().replace('"data":"', '"data":"\\u0041')),
  );
  await put(
    'hidden elsewhere',
    '/Binary/b8',
    Buffer.from(binary('b8').toString().replace('"data"', '"date"')),
  );
  assert.deepEqual(answers, {
    'too large': '413 too-long ADAPTER_BODY_TOO_LARGE',
    'too large for what is no image': '413 too-long ADAPTER_BODY_TOO_LARGE',
    'another id': '400 invalid ADAPTER_BAD_REQUEST',
    'another type': '400 invalid ADAPTER_BAD_REQUEST',
    'no end': '400 structure MAPPING_NOT_JSON',
    'no JSON': '400 structure MAPPING_NOT_JSON',
    'an escape within data': '400 structure MAPPING_NOT_JSON',
    'hidden elsewhere': '413 too-long MAPPING_LINE_TOO_LONG',
  });
  const half = Array.from({ length: 12 }, () => randomBytes(1024 * 1024));
  assert.equal(
    await pieces(
      '/Binary/b9',
      [
        Buffer.from('{"resourceType":"Binary","data":"'),
        ...half.map((part) => Buffer.from(part.toString('hex'))),
      ],
      10,
    ),
    undefined,
  );
  const untold = [
    Buffer.from('{"data":"'),
    ...Array.from({ length: 26 }, () => Buffer.alloc(1024 * 1024, 'A')),
  ];
  const refused = await pieces('/Binary/b10', untold);
  assert.ok(refused === undefined || refused.status === 413);
  await left(0);
  assert.equal(logSize(bench.instance), size);
});

test('without an answer of the patient it waits, sealed; a yes releases it, a no removes it', async () => {
  const body = binary('w1', 5, 'Patient/w');
  await taken('', { body });
  await left(1);
  assert.equal((await bench.instance.inbox.waiting()).events >= 1, true);
  assert.deepEqual(await taken('', { body }), ['1 accepted, 0 known', []]);
  await left(1, 'the same bytes again say nothing new');
  const size = logSize(bench.instance);
  await consenting(bench, 'w');
  await drain(bench.instance);
  assert.ok((await typesSince(bench.instance, size)).includes('record.stored'));
  assert.ok((await kept(bench.instance, 'w1', 'Binary', 'w')).bytes.equals(body));

  await taken('', { body: binary('w2', 5, 'Patient/v') });
  await left(2);
  await consenting(bench, 'v', { type: 'deny' });
  await drain(bench.instance);
  await left(1);
  await taken('', { body: binary('w3', 5, 'Patient/v') });
  await left(1);
});

test('one that belongs to what refers to it waits for that; one of nobody is the custodian’s', async () => {
  const owned = binary('o1', 5, 'Observation/none').toString().replace('"securityContext"', '"extra"');
  const document = {
    resourceType: 'DocumentReference',
    id: 'dr1',
    status: 'current',
    subject: { reference: 'Patient/p1' },
    content: [{ attachment: { url: 'Binary/o1' } }],
  };
  await push(bench, document);
  assert.deepEqual((await taken('', { body: Buffer.from(owned) }))[1], ['record.stored']);
  assert.equal((await kept(bench.instance, 'o1')).bytes.toString(), owned);
  await push(bench, { resourceType: 'Practitioner', id: 'doc' });
  assert.deepEqual(await taken('', { body: binary('o2', 5, 'Practitioner/doc') }), [
    '1 accepted, 0 known',
    [],
  ]);
  await left(2);
  await taken('', { body: binary('o2', 5, 'Practitioner/doc') });
  assert.equal((await bench.instance.bodies.sweep()) <= 1, true);
  await left(2);
});

test('an erasure takes the file with it, of the record and of what waits', async () => {
  await consenting(bench, 'e');
  const body = binary('e1', 5, 'Patient/e');
  await taken('', { body });
  await left(1);
  const { report } = await erase('Binary/e1');
  assert.equal(report.outcome, 'erased');
  await left(0);
  assert.deepEqual((await taken('', { body }))[1], []);
  await left(0);
  await taken('', { body: binary('e2', 5, 'Patient/e') });
  await erase('Patient/e');
  await left(0);
});

async function erase(name: string) {
  const order = { duty: 'objection', by: 'M. Keller', reason: 'letter of 3 May' } as const;
  return { report: await bench.instance.erasures.erase({ name, order }) };
}

test('the vault compares with the log, file by file', async () => {
  const check = async (): Promise<string[]> => {
    const { store, bodies } = bench.instance;
    const report = await verifyLog(storeReader(store), { vault: await vaultOfStore(store, bodies.blobs) });
    return report.checks.flatMap(({ ok, failure }) => (ok ? [] : [failure?.code ?? '?']));
  };
  await taken('', { body: binary('v1') });
  assert.deepEqual(await check(), []);
  const [name = ''] = newFiles();
  const path = join(bench.dir, 'blobs', name);
  const bytes = readFileSync(path);
  const changed = Buffer.from(bytes);
  changed[1_000_000] = (changed[1_000_000] ?? 0) ^ 1;
  writeFileSync(path, changed);
  assert.notDeepEqual(await check(), []);
  await assert.rejects(kept(bench.instance, 'v1'), { code: 'VAULT_UNSEAL_FAILED' });
  writeFileSync(path, bytes);
  assert.deepEqual(await check(), []);
});

/** A server that has one image, and says so as FHIR servers do. */
async function startImageServer(answer: (response: ServerResponse, request: IncomingMessage) => void) {
  const server = createServer((request, response) => answer(response, request));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}/fhir`,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

test('a hook without content makes us read it from the source, as a resource or as its content', async () => {
  let body = binary('f1', 6, 'Patient/p1', '1');
  let native: Buffer | undefined;
  let status = 200;
  const hospital = await startImageServer((response) => {
    if (status !== 200) response.writeHead(status).end();
    else if (native === undefined)
      response.writeHead(200, { 'content-type': 'application/fhir+json' }).end(body);
    else {
      const headers = { 'content-type': 'image/png', etag: 'W/"3"', 'x-security-context': 'Patient/p1' };
      response.writeHead(200, headers).end(native);
    }
  });
  try {
    await bench.instance.sources.update('ward', { baseUrl: hospital.base });
    assert.deepEqual((await taken('/Binary/f1', { method: 'PUT', body: '' }))[1], ['record.stored']);
    assert.ok((await kept(bench.instance, 'f1')).bytes.equals(body));
    assert.deepEqual((await taken('/Binary/f1', { method: 'PUT', body: '' }))[1], [], 'it is known');
    await left(1);
    body = binary('f1', 5, 'Patient/p1', '2');
    assert.deepEqual((await taken('/Binary/f1', { method: 'PUT', body: '' }))[1], [
      'record.stored',
      'record.superseded',
    ]);
    await left(2);
    native = randomBytes(100_000);
    assert.deepEqual((await taken('/Binary/f1', { method: 'PUT', body: '' }))[1], [
      'record.stored',
      'record.superseded',
    ]);
    const now = await kept(bench.instance, 'f1');
    assert.ok(now.bytes.equals(native));
    assert.deepEqual([now.card.contentType, now.card.versionId], ['image/png', '3']);
    status = 410;
    assert.deepEqual((await taken('/Binary/f1', { method: 'DELETE' }))[1], ['record.deleted']);
  } finally {
    await hospital.close();
  }
});

test('after a crash what nothing names is removed, and what is missing is told', async () => {
  const dir = temporaryFolder();
  try {
    let opened = await openTestInstance(dir);
    const server = await serveHttp(opened.instance, () => undefined);
    const own: Bench = {
      ...bench,
      dir,
      instance: opened.instance,
      url: server.address,
      source: await addImportSource(opened.instance),
    };
    await consenting(own, 'p1');
    const body = binary('c1');
    assert.equal((await hook(own, '', { body })).status, 200);
    const waits = binary('c2', 5, 'Patient/nobody-yet');
    assert.equal((await hook(own, '', { body: waits })).status, 200);
    await drain(opened.instance);
    await server.close();
    await opened.close();
    const [first = '', second = ''] = files(dir);
    assert.notEqual(second, '');
    const orphan = 'ab'.repeat(16);
    writeFileSync(join(dir, 'blobs', orphan), 'left by a crash');
    writeFileSync(join(dir, 'blobs', `${'cd'.repeat(16)}.tmp`), 'left by a crash');

    opened = await openTestInstance(dir);
    assert.deepEqual(files(dir).toSorted(), [first, second].toSorted());
    assert.ok((await kept(opened.instance, 'c1')).bytes.equals(body), 'what was acknowledged is there');
    const again: Bench = { ...own, instance: opened.instance };
    const wallet = await consenting(again, 'nobody-yet');
    await sign(again, wallet);
    assert.ok(
      (await kept(opened.instance, 'c2', 'Binary', 'nobody-yet')).bytes.equals(waits),
      'and what waited',
    );
    await opened.close();

    truncateSync(join(dir, 'blobs', first), 100);
    rmSync(join(dir, 'blobs', second));
    opened = await openTestInstance(dir);
    assert.match(opened.logged(), /sealed files of records are missing or cut off.*"count":2/);
    await opened.close();
  } finally {
    removeFolder(dir);
  }
});

test('nothing has become a dead letter', async () => {
  assert.deepEqual(await deadLetters(bench.instance), []);
});
