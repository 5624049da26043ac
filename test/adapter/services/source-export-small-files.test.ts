import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exportSource } from '../../../adapter/services/source-export.js';
import { openBench } from '../support/bench.js';
import { addExportSource, HURRIED, startExportServer } from '../support/export-server.js';
import { heartRate } from '../support/resources.js';

const FILES = process.env['FIREBREAK_TEST_LONG'] === '1' ? 20_000 : 2_000;

test(`${FILES} files of a line each: all are read, and nothing of them is left`, async (t) => {
  const bench = await openBench();
  const server = await startExportServer();
  try {
    const source = await addExportSource(bench.instance, server, 'city');
    server.offer.files = Array.from({ length: FILES }, (_, i) => ({
      type: 'Observation',
      lines: [heartRate(`tiny-${i}`, `p${i % 100}`, 60, { version: '1' })],
    }));
    const started = performance.now();
    const { files, accepted, isComplete } = await exportSource(
      bench.instance,
      source.id,
      {},
      undefined,
      undefined,
      HURRIED,
    );
    t.diagnostic(`${FILES} files in ${Math.round(performance.now() - started)} ms`);
    assert.deepEqual([files, accepted, isComplete], [FILES, FILES, true]);
    const keys = await bench.instance.store.keys({ gte: 'export/', lt: 'export/~' }).all();
    assert.deepEqual(keys, ['export/last/city', 'export/mark/city/$export']);
  } finally {
    await server.close();
    await bench.close();
  }
});
