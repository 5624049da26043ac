import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { cancelSourceExport, exportSource } from '../../../adapter/services/source-export.js';
import type { ExportArgs } from '../../../adapter/services/source-export.js';
import { removeSource, showSource } from '../../../adapter/services/source-admin.js';
import { syncAsAsked } from '../../../adapter/services/source-sync.js';
import type { ExportProgress, ExportResult } from '../../../adapter/inbound/bulk/index.js';
import { drain } from '../../../adapter/services/drain.js';
import { consenting, deadLetters, failedChecks, logSize, openBench, typesSince } from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import {
  addExportSource,
  bytesOf,
  deletion,
  HURRIED,
  sendFile,
  startExportServer,
} from '../support/export-server.js';
import type { ExportServer } from '../support/export-server.js';
import { openTestInstance, removeFolder, temporaryFolder } from '../../support/instance.js';
import { startLocalServer } from '../support/local-server.js';
import { heartRate, patient } from '../support/resources.js';

let bench: Bench;
let server: ExportServer;
let source: string;
let made = 0;
before(async () => {
  bench = await openBench();
});
after(() => bench.close());
beforeEach(async () => {
  server = await startExportServer();
  source = `city-${++made}`;
  await addExportSource(bench.instance, server, source);
});
afterEach(() => server.close());

function read(
  args: ExportArgs = {},
  onProgress?: (progress: ExportProgress) => void,
  signal?: AbortSignal,
  patience = HURRIED,
): Promise<ExportResult> {
  return exportSource(bench.instance, source, args, onProgress, signal, patience);
}

/** A patient's resources of version 1. */
function ward(count: number, name = 'o'): object[] {
  return Array.from({ length: count }, (_, i) =>
    heartRate(`${name}${i}`, 'p1', 60 + (i % 40), { version: '1', minute: i % 600 }),
  );
}

const P1 = patient('p1', { version: '1', minute: 0 });

function offer(...files: ExportServer['offer']['files']): void {
  server.offer = { ...server.offer, files };
}

test('an export is asked for, waited for, read and ended; its records are kept once', async () => {
  await consenting(bench, 'p1', {}, source);
  offer({ type: 'Observation', lines: ward(3) }, { type: 'Patient', lines: [P1], count: 1 });
  server.offer.looks = 2;
  const seen: ExportProgress[] = [];
  const size = logSize(bench.instance);
  const result = await read({}, (progress) => seen.push({ ...progress }));
  assert.deepEqual(
    { ...result },
    {
      transactionTime: '2026-11-01T00:00:00Z',
      isResumed: false,
      isComplete: true,
      files: 2,
      filesSkipped: 0,
      resources: 4,
      accepted: 4,
      duplicates: 0,
      deletions: 0,
      problems: [],
    },
  );
  assert.equal(seen.find(({ phase }) => phase === 'waiting')?.said, 'Build in progress - 20%');
  assert.deepEqual(seen.at(-1), {
    phase: 'reading',
    files: 2,
    filesTotal: 2,
    resources: 4,
    accepted: 4,
    duplicates: 0,
    deletions: 0,
  });
  // Patients first, so that what refers to them finds them.
  assert.deepEqual(
    server.fetched,
    [1, 0].map((file) => ({ file, authorization: 'Bearer shown-to-the-server-alone' })),
  );
  assert.equal(server.ended, 1);
  await drain(bench.instance);
  assert.deepEqual(await typesSince(bench.instance, size), Array(4).fill('record.stored'));
  assert.ok((bench.instance.statistics.receivedByChannel['bulk'] ?? 0) >= 4);
  assert.equal(
    bench.instance.sources.get(source)?.syncedTo['Observation'],
    Date.parse('2026-11-01T00:00:00Z'),
  );
  const last = showSource(bench.instance, source).lastExport;
  assert.deepEqual([last?.isComplete, last?.files, last?.lines, last?.since], [true, 2, 4, undefined]);
  // Again: since the last one, with an overlap; what is known is dropped.
  const again = await read();
  assert.deepEqual([again.accepted, again.duplicates, again.since], [0, 4, '2026-10-31T23:58:00.000Z']);
  assert.deepEqual(
    server.exports.map(({ since }) => since),
    [null, '2026-10-31T23:58:00.000Z'],
  );
});

test('deletions are read from files of Bundles, and looked up at the source', async () => {
  await consenting(bench, 'p1', {}, source);
  offer({ type: 'Patient', lines: [P1] }, { type: 'Observation', lines: ward(3) });
  await read();
  await drain(bench.instance);
  // The server deleted two; of one it has made a new version since.
  server.held.set('Observation/o2', heartRate('o2', 'p1', 99, { version: '3', minute: 700 }));
  offer({
    kind: 'deleted',
    type: 'Bundle',
    lines: [deletion('Observation/o0', 'Observation/o2'), deletion('Observation/never-seen')],
  });
  const size = logSize(bench.instance);
  const { deletions, isComplete } = await read();
  assert.deepEqual([deletions, isComplete], [3, true]);
  await drain(bench.instance);
  assert.deepEqual((await typesSince(bench.instance, size)).toSorted(), [
    'record.deleted',
    'record.stored',
    'record.superseded',
  ]);
  // Told twice, it is nothing new.
  await read();
  await drain(bench.instance);
  assert.equal((await typesSince(bench.instance, size)).length, 3);
  assert.deepEqual(await failedChecks(bench.instance), []);
});

test('types, times and groups are asked for as they are wanted; marks move only without a gap', async () => {
  offer({ type: 'Patient', lines: [P1] });
  await read({ types: ['Patient', 'Observation'] });
  // Never exported: all of it, though others were.
  await read({ types: ['Encounter'] });
  await read({ types: ['Patient'] });
  await read({ since: '2026-10-01' });
  // What lies before that was never read: the next one is of all.
  await read();
  await read();
  await read({ full: true });
  await read({ group: 'g1' });
  await read({ group: 'g1' });
  assert.deepEqual(
    server.exports.map(({ path, types, since }) => [path, types, since]),
    [
      ['$export', 'Observation,Patient', null],
      ['$export', 'Encounter', null],
      ['$export', 'Patient', '2026-10-31T23:58:00.000Z'],
      ['$export', null, '2026-10-01T00:00:00Z'],
      ['$export', null, null],
      ['$export', null, '2026-10-31T23:58:00.000Z'],
      ['$export', null, null],
      ['Group/g1/$export', null, null],
      ['Group/g1/$export', null, null],
    ],
  );
});

test('bad wishes are refused before anything is asked', async () => {
  const bad: ExportArgs[] = [
    { types: [] },
    { types: ['../x'] },
    { since: 'yesterday' },
    { since: '2026-99-01' },
    { since: '2026-01-01', full: true },
    { group: '../../$export' },
  ];
  for (const args of bad) await assert.rejects(read(args), { code: 'ADAPTER_USAGE' });
  await assert.rejects(exportSource(bench.instance, 'nowhere'), { code: 'ADAPTER_NOT_FOUND' });
  await assert.rejects(exportSource(bench.instance, bench.source.id), { code: 'ADAPTER_NOT_FOUND' });
  assert.deepEqual(server.exports, []);
});

test('one export of a source at a time', async () => {
  offer({ type: 'Patient', lines: [P1] });
  const first = read();
  await assert.rejects(read(), { code: 'ADAPTER_CONFLICT' });
  await assert.rejects(cancelSourceExport(bench.instance, source), { code: 'ADAPTER_CONFLICT' });
  await first;
  assert.equal(server.exports.length, 1);
});

test('429 and 502 on the way are waited out', async () => {
  offer({ type: 'Patient', lines: [P1] }, { type: 'Observation', lines: ward(2) });
  let count = 0;
  server.instead = (request, response, path) => {
    if (request.method === 'DELETE' || path === 'metadata') return false;
    count += 1;
    // Every request but each third one.
    if (count % 3 === 0) return false;
    const status = count % 3 === 1 ? 429 : 502;
    response
      .writeHead(status, status === 429 ? { 'retry-after': '0' } : { 'retry-after': '0' })
      .end('<html>');
    return true;
  };
  assert.deepEqual([(await read()).accepted, server.exports.length], [3, 1]);
});

test('a file that is cut is gone on with after the last line that came, and nothing doubles', async () => {
  const lines = ward(2000);
  offer({ type: 'Observation', lines });
  const bytes = bytesOf({ lines });
  let tries = 0;
  server.instead = (_request, response, path) => {
    if (!path.startsWith('files/')) return false;
    tries += 1;
    if (tries > 3) return false;
    response.writeHead(200, { 'content-length': String(bytes.length) });
    response.write(bytes.subarray(0, Math.floor((bytes.length * tries) / 4)), () => response.destroy());
    return true;
  };
  const result = await read();
  assert.deepEqual([tries, result.resources, result.accepted, result.isComplete], [4, 2000, 2000, true]);
});

test('a file that always breaks off ends the reading; the next one goes on there', async () => {
  offer({ type: 'Patient', lines: [P1] }, { type: 'Observation', lines: ward(900) });
  const bytes = bytesOf({ lines: ward(900) });
  let isCut = true;
  server.instead = (_request, response, path) => {
    if (!path.endsWith('/1') || !isCut) return false;
    response.writeHead(200, { 'content-length': String(bytes.length) });
    response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
    return true;
  };
  await assert.rejects(read(), { code: 'ADAPTER_SOURCE_UNREACHABLE' });
  assert.equal(server.ended, 0);
  isCut = false;
  const asked = server.exports.length;
  server.fetched.length = 0;
  const rest = await read();
  assert.deepEqual([rest.isResumed, rest.isComplete, rest.duplicates], [true, true, 0]);
  assert.ok(rest.resources > 400 && rest.resources < 500, `${rest.resources}`);
  assert.equal(server.exports.length, asked);
  // The first file was read to its end before.
  assert.deepEqual(
    server.fetched.map(({ file }) => file),
    [1],
  );
});

test('a file that became another one meanwhile is read from its beginning', async () => {
  const bytes = bytesOf({ lines: ward(900, 'before-') });
  offer({ type: 'Observation', lines: ward(900, 'after-') });
  let tries = 0;
  server.instead = (_request, response, path) => {
    if (!path.startsWith('files/') || ++tries > 1) return false;
    response.writeHead(200, { 'content-length': String(bytes.length) });
    response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
    return true;
  };
  const { resources, accepted, isComplete } = await read();
  assert.ok(resources > 1300 && resources < 1400);
  assert.deepEqual([accepted, isComplete], [resources, true]);
});

test('what is not what the manifest says keeps the export from being complete', async () => {
  const cases = [
    { count: 5, code: 'FILE_SHORT', accepted: 3 },
    { count: 2, code: 'FILE_LONG', accepted: 2 },
  ];
  for (const { count, code, accepted } of cases) {
    offer({ type: 'Observation', lines: ward(3, `${code}-`), count });
    const result = await read();
    assert.deepEqual([result.accepted, result.isComplete], [accepted, false]);
    assert.deepEqual(result.problems, [{ file: 0, type: 'Observation', code, count: 1 }]);
    assert.equal(server.exports.at(-1)?.since, null);
  }
  offer(
    { type: 'Patient', lines: [P1] },
    {
      kind: 'error',
      type: 'OperationOutcome',
      lines: [
        { resourceType: 'OperationOutcome', issue: [{ severity: 'warning', code: 'informational' }] },
        { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'processing' }] },
        'garbage',
      ],
    },
  );
  const { problems } = await read();
  assert.deepEqual(problems, [{ file: 1, type: 'OperationOutcome', code: 'EXPORT_ERRORS', count: 2 }]);
});

test('lines that cannot be read become dead letters, once; of another type they are looked up', async () => {
  await consenting(bench, 'p1', {}, source);
  const name = Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d]);
  server.held.set('Observation/other', heartRate('other', 'p1', 70, { version: '1', minute: 1 }));
  offer(
    { type: 'Patient', lines: [P1] },
    {
      type: 'Observation',
      lines: [...ward(1), name, '{"resourceType":"Observation"', heartRate('o9', 'p1', 60, { version: '1' })],
    },
    { type: 'Condition', lines: [heartRate('other', 'p1', 70, { version: '1', minute: 1 })] },
  );
  const lettersBefore = (await deadLetters(bench.instance)).length;
  const size = logSize(bench.instance);
  await read();
  await drain(bench.instance);
  await read({ full: true });
  await drain(bench.instance);
  assert.deepEqual((await deadLetters(bench.instance)).slice(lettersBefore), [
    'Observation MAPPING_NOT_UTF8',
    'Observation MAPPING_NOT_JSON',
  ]);
  assert.deepEqual(await typesSince(bench.instance, size), Array(4).fill('record.stored'));
});

test('a file of something else is not read on', async () => {
  offer({ type: 'Observation', lines: Array.from({ length: 3000 }, () => '<html></html>') });
  const result = await read();
  assert.deepEqual(result.problems, [{ file: 0, type: 'Observation', code: 'FILE_UNREADABLE', count: 1 }]);
  assert.ok(result.resources <= 1001);
});

test('a packed file is unpacked; a bomb costs no memory and no end', async () => {
  offer({ type: 'Observation', lines: ward(5) }, { type: 'Patient', lines: [P1] });
  server.instead = (_request, response, path) => {
    if (!path.endsWith('/0')) return false;
    // As it lies on a disk: no header tells.
    response
      .writeHead(200, { 'content-type': 'application/gzip' })
      .end(gzipSync(bytesOf({ lines: ward(5) })));
    return true;
  };
  assert.deepEqual((await read()).accepted, 6);
  // One line of 256 MiB, in 256 KiB.
  const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024, 0x61));
  server.instead = (_request, response, path) => {
    if (!path.endsWith('/0')) return false;
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    return true;
  };
  const { problems } = await read();
  assert.deepEqual(problems, [{ file: 1, type: 'Observation', code: 'FILE_TOO_LARGE', count: 1 }]);
});

test('an export that is never ready is ended', async () => {
  server.offer.looks = Number.POSITIVE_INFINITY;
  await assert.rejects(read({}, undefined, undefined, { ...HURRIED, exportMsMax: 60 }), {
    code: 'ADAPTER_SOURCE_UNREACHABLE',
  });
  assert.equal(server.ended, 1);
  // Nothing is left of it.
  server.offer.looks = 0;
  assert.equal((await read()).isResumed, false);
});

test('stopped while it waits, it is gone on with; cancelled, it is ended at the server', async () => {
  server.offer.looks = Number.POSITIVE_INFINITY;
  const stop = new AbortController();
  await assert.rejects(read({}, () => stop.abort(new Error('stopped')), stop.signal));
  assert.deepEqual([server.ended, server.exports.length], [0, 1]);
  await assert.rejects(read({ types: ['Patient'] }), { code: 'ADAPTER_CONFLICT' });
  assert.deepEqual(await cancelSourceExport(bench.instance, source), { id: source, wasUnderWay: true });
  assert.equal(server.ended, 1);
  assert.deepEqual(await cancelSourceExport(bench.instance, source), { id: source, wasUnderWay: false });
});

test('an export that is gone by now is asked for again, once', async () => {
  offer({ type: 'Patient', lines: [P1] }, { type: 'Observation', lines: ward(2) });
  const gone = new Set(['files/j1/1']);
  server.instead = (_request, response, path) => {
    if (!gone.has(path)) return false;
    response.writeHead(410).end();
    return true;
  };
  const { accepted, duplicates, isComplete } = await read();
  assert.deepEqual([accepted, duplicates, isComplete, server.exports.length], [3, 1, true, 2]);
  for (const job of [3, 4]) gone.add(`files/j${job}/1`);
  await assert.rejects(read(), { code: 'ADAPTER_SOURCE_UNREACHABLE' });
});

test('a manifest that has expired is not gone on with', async () => {
  offer({ type: 'Patient', lines: [P1] });
  server.offer.headers = { expires: new Date(Date.now() + 1500).toUTCString() };
  let isCut = true;
  server.instead = (_request, response, path) => {
    if (!path.startsWith('files/') || !isCut) return false;
    response.destroy();
    return true;
  };
  await assert.rejects(read(), { code: 'ADAPTER_SOURCE_UNREACHABLE' });
  isCut = false;
  await new Promise((resolve) => setTimeout(resolve, 1600));
  const { isResumed, accepted } = await read();
  assert.deepEqual([isResumed, accepted, server.exports.length], [false, 1, 2]);
});

/** Answers what begins with a path by a status. */
function answering(
  start: string,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): ExportServer['instead'] {
  return (_request, response, path) => {
    if (!path.startsWith(start)) return false;
    response.writeHead(status, headers).end('{}');
    return true;
  };
}

test('what answers as no export does is refused, and leaves nothing behind', async () => {
  const cases: [string, ExportServer['instead']][] = [
    ['no export', answering('$export?', 404)],
    ['answers at once', answering('$export?', 200)],
    ['no address', answering('$export?', 202)],
    ['another origin', answering('$export?', 202, { 'content-location': 'https://elsewhere.example/job' })],
    ['failed', answering('$export-poll', 422)],
  ];
  for (const [name, instead] of cases) {
    server.instead = instead;
    await assert.rejects(read(), { code: 'ADAPTER_SOURCE_REFUSED' }, name);
  }
  server.instead = answering('$export-poll', 500, { 'retry-after': '0' });
  await assert.rejects(read(), { code: 'ADAPTER_SOURCE_UNREACHABLE' });
  server.instead = () => false;
  offer({ type: 'Patient', lines: [P1] });
  assert.equal((await read()).isResumed, false);
});

test('manifests that are none are refused', async () => {
  const bad: Record<string, unknown>[] = [
    { transactionTime: 'now' },
    { transactionTime: undefined },
    { output: {} },
    { output: [{ type: 'Patient' }] },
    { output: [{ type: '../Patient', url: 'x' }] },
    { output: [{ type: 'Patient', url: `http://x/${'a'.repeat(20_000)}` }] },
    { deleted: 'none' },
    { link: [{ relation: 'next', url: 'http://x/' }] },
  ];
  for (const manifest of bad) {
    server.offer.manifest = manifest;
    await assert.rejects(read(), { code: 'ADAPTER_SOURCE_REFUSED' }, JSON.stringify(manifest).slice(0, 80));
  }
  // Each was ended and forgotten.
  assert.deepEqual([server.exports.length, server.ended], [bad.length, bad.length]);
});

test('credentials are shown to the source’s own origin alone', async () => {
  const shown: (string | undefined)[] = [];
  const elsewhere = await startLocalServer((request, response) => {
    shown.push(request.headers.authorization);
    sendFile(request, response, bytesOf({ lines: [P1] }));
  });
  try {
    offer({ type: 'Patient', lines: [], url: `${elsewhere.url}/p.ndjson` });
    await assert.rejects(read(), { code: 'ADAPTER_SOURCE_REFUSED' });
    assert.deepEqual(shown, []);
    await cancelSourceExport(bench.instance, source);
    // Without tokens files may lie elsewhere, but not over http.
    server.offer.requiresAccessToken = false;
    await assert.rejects(read(), { code: 'ADAPTER_SOURCE_REFUSED' });
    assert.deepEqual(shown, []);
    await cancelSourceExport(bench.instance, source);
    offer({ type: 'Patient', lines: [P1] });
    await read();
    assert.deepEqual(
      server.fetched.map(({ authorization }) => authorization),
      [undefined],
    );
  } finally {
    await elsewhere.close();
  }
});

test('what describes servers, and images that are asked for by who refers to them, are passed over', async () => {
  offer(
    {
      type: 'Binary',
      lines: [{ resourceType: 'Binary', id: 'b1', contentType: 'text/plain', data: 'eA==' }],
    },
    { type: 'StructureDefinition', lines: [{ resourceType: 'StructureDefinition', id: 's1' }] },
    { type: 'Patient', lines: [P1] },
  );
  const { filesSkipped, resources, isComplete } = await read();
  assert.deepEqual([filesSkipped, resources, isComplete, server.fetched.length], [2, 1, true, 1]);
});

test('an export without anything in it is complete', async () => {
  const { files, isComplete } = await read();
  assert.deepEqual([files, isComplete], [0, true]);
  await read();
  assert.equal(server.exports.at(-1)?.since, '2026-10-31T23:58:00.000Z');
});

test('a source whose channel is bulk is read by it when nobody says how', async () => {
  offer({ type: 'Patient', lines: [P1] });
  server.offer.looks = 0;
  const searched: string[] = [];
  const search = async (id: string): Promise<never> => {
    searched.push(id);
    throw new Error('searched');
  };
  const sync = (more: object = {}): Promise<unknown> =>
    syncAsAsked(bench.instance, { id: source, ...more }, () => undefined, search);
  // Never read: by export; from then on what is new is searched for.
  await sync();
  await assert.rejects(sync(), /searched/);
  assert.deepEqual([server.exports.length, searched], [1, [source]]);
  await bench.instance.sources.update(source, { channels: ['hook', 'bulk'] });
  await sync();
  assert.equal(server.exports.length, 2);
  await bench.instance.sources.update(source, { state: 'paused' });
  await assert.rejects(sync(), { code: 'ADAPTER_CONFLICT' });
});

test('paused or removed while it is read: nothing more is heard of it', async () => {
  for (const end of ['paused', 'removed'] as const) {
    offer({ type: 'Patient', lines: [P1] }, { type: 'Observation', lines: ward(2000, `${end}-`) });
    let isEnded = false;
    server.instead = (_request, response, path) => {
      if (!path.endsWith('/1') || isEnded) return false;
      isEnded = true;
      const change =
        end === 'paused'
          ? bench.instance.sources.update(source, { state: 'paused' })
          : removeSource(bench.instance, source);
      void change.then(() => response.end(bytesOf({ lines: ward(2000, `${end}-`) })));
      return true;
    };
    await assert.rejects(read(), { code: 'ADAPTER_CONFLICT' });
    if (end === 'paused') await bench.instance.sources.update(source, { state: 'active' });
  }
  assert.deepEqual(await rowsOf(source), []);
});

/** Rows of the exports of a source. */
async function rowsOf(id: string): Promise<string[]> {
  const keys = await bench.instance.store.keys({ gte: 'export/', lt: 'export/~' }).all();
  return keys.filter((key) => key.split('/')[2] === id);
}

test('nothing of an export is left when its source is removed', async () => {
  server.offer.looks = Number.POSITIVE_INFINITY;
  const stop = new AbortController();
  await assert.rejects(read({}, () => stop.abort(), stop.signal));
  await removeSource(bench.instance, source);
  assert.deepEqual(await rowsOf(source), []);
});

test('a disk without room ends the reading; with room again it goes on with the same export', async () => {
  const folder = temporaryFolder();
  offer({ type: 'Patient', lines: [P1] }, { type: 'Observation', lines: ward(10) });
  try {
    const short = await openTestInstance(folder, { diskReserveBytes: 1e15 });
    await addExportSource(short.instance, server, 'full');
    await assert.rejects(exportSource(short.instance, 'full', {}, undefined, undefined, HURRIED), {
      code: 'ADAPTER_DISK_FULL',
    });
    await short.close();
    const roomy = await openTestInstance(folder);
    const { isResumed, accepted, isComplete } = await exportSource(roomy.instance, 'full');
    await roomy.close();
    assert.deepEqual([isResumed, accepted, isComplete, server.exports.length], [true, 11, true, 1]);
  } finally {
    removeFolder(folder);
  }
});
