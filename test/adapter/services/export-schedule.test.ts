/** Sources that are read by bulk export alone are exported by themselves. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { ExportSchedule } from '../../../adapter/services/export-schedule.js';
import { exportSource, exportUnderWay, lastExport } from '../../../adapter/services/source-export.js';
import { pauseSource, resumeSource } from '../../../adapter/services/source-admin.js';
import { openBench } from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { addExportSource, HURRIED, startExportServer } from '../support/export-server.js';
import type { ExportServer } from '../support/export-server.js';
import { patient } from '../support/resources.js';

const HOUR_MS = 3_600_000;
let bench: Bench;
let server: ExportServer;
let source: string;
let made = 0;
let skewMs = 0;
before(async () => {
  bench = await openBench();
});
after(() => bench.close());
beforeEach(async () => {
  skewMs = 0;
  server = await startExportServer();
  source = `city-${++made}`;
  server.offer = {
    ...server.offer,
    files: [{ type: 'Patient', lines: [patient('p1', { version: '1', minute: 0 })] }],
  };
});
afterEach(async () => {
  await pauseSource(bench.instance, source);
  await server.close();
});

/** The same instance with a clock that is ahead; nothing is looked at by itself. */
function scheduled(signal = new AbortController().signal): ExportSchedule {
  const later = { ...bench.instance, nowMs: () => Date.now() + skewMs };
  return new ExportSchedule(later, signal, { lookMs: 2 ** 30, patience: HURRIED });
}

test('at once, then once a day, also by another process', async () => {
  await addExportSource(bench.instance, server, source, ['hook', 'bulk']);
  const schedule = scheduled();
  await Promise.all([schedule.look(), schedule.look()]);
  assert.equal(server.exports.length, 1);
  await schedule.look();
  assert.equal(server.exports.length, 1);
  await schedule.close();
  skewMs = 24 * HOUR_MS + 1000;
  const next = scheduled();
  await next.look();
  assert.equal(server.exports.length, 2);
  assert.notEqual(server.exports[1]?.since, null);
  await next.close();
});

test('not where the source is asked for what was updated, and not while it is paused', async () => {
  await addExportSource(bench.instance, server, source, ['hook', 'poll', 'bulk']);
  const schedule = scheduled();
  await schedule.look();
  assert.equal(server.exports.length, 0);
  await schedule.close();
  const alone = `${source}-alone`;
  await addExportSource(bench.instance, server, alone, ['hook', 'bulk']);
  await pauseSource(bench.instance, alone);
  const other = scheduled();
  await other.look();
  assert.equal(server.exports.length, 0);
  await resumeSource(bench.instance, alone);
  await other.look();
  assert.equal(server.exports.length, 1);
  await other.close();
  await pauseSource(bench.instance, alone);
});

test('one that was broken off is gone on with, whatever the hour', async () => {
  await addExportSource(bench.instance, server, source, ['hook', 'bulk']);
  await exportSource(bench.instance, source, {}, undefined, undefined, HURRIED);
  const stop = new AbortController();
  server.offer = { ...server.offer, looks: 1000 };
  const broken = exportSource(bench.instance, source, {}, () => stop.abort(), stop.signal, HURRIED);
  await assert.rejects(broken);
  assert.equal(exportUnderWay(bench.instance, source), true);
  const ended = lastExport(bench.instance, source)?.endedAt ?? 0;
  server.offer = { ...server.offer, looks: 0 };
  const schedule = scheduled();
  await schedule.look();
  assert.equal(exportUnderWay(bench.instance, source), false);
  assert.ok((lastExport(bench.instance, source)?.endedAt ?? 0) > ended);
  await schedule.close();
});

test('a failure is logged, and tried again an hour later', async () => {
  await addExportSource(bench.instance, server, source, ['hook', 'bulk']);
  server.instead = (_request, response) => {
    response.writeHead(403).end();
    return true;
  };
  const schedule = scheduled();
  await schedule.look();
  assert.match(bench.logged(), /"message":"source not exported"/);
  server.instead = () => false;
  await schedule.look();
  assert.equal(server.exports.length, 0);
  skewMs = HOUR_MS + 1000;
  await schedule.look();
  assert.equal(server.exports.length, 1);
  await schedule.close();
});
