import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseManifest } from '../../../adapter/inbound/bulk/manifest.js';
import { sharedData } from '../../support/shared-data.js';

const captures = sharedData('hapi-captures');

test('the manifest of a real HAPI', { skip: captures === undefined ? 'no captures' : false }, () => {
  const text = readFileSync(join(captures ?? '', 'export-manifest-full.http'), 'utf8');
  const { transactionTime, transactionTimeMs, requiresAccessToken, files } = parseManifest(
    Buffer.from(text.slice(text.indexOf('{'))),
    'http://127.0.0.1:18080/fhir/$export-poll-status?_jobId=x',
  );
  assert.deepEqual(
    [transactionTime, transactionTimeMs, requiresAccessToken],
    ['2026-11-22T21:11:42.406+00:00', Date.UTC(2026, 10, 22, 21, 11, 42, 406), true],
  );
  assert.equal(files[0]?.type, 'Patient');
  assert.ok(files.length > 20 && files.every(({ kind }) => kind === 'output'));
});

const file = (type: string, url: string, count?: unknown): object => ({ type, url, count });

test('addresses are relative to where the manifest was read; files are read patients first, errors last', () => {
  const manifest = {
    transactionTime: '2026-11-01T01:00:00+01:00',
    requiresAccessToken: false,
    error: [file('OperationOutcome', 'e')],
    deleted: [file('Bundle', '/d')],
    output: [
      file('Observation', 'o1', 5),
      file('Patient', 'https://files.example/p'),
      file('Observation', 'o2', 'five'),
    ],
  };
  assert.deepEqual(parseManifest(Buffer.from(JSON.stringify(manifest)), 'https://fhir.example/r4/status/1'), {
    transactionTime: '2026-11-01T01:00:00+01:00',
    transactionTimeMs: Date.UTC(2026, 10, 1),
    requiresAccessToken: false,
    files: [
      { kind: 'output', type: 'Patient', url: 'https://files.example/p' },
      { kind: 'output', type: 'Observation', url: 'https://fhir.example/r4/status/o1', count: 5 },
      { kind: 'output', type: 'Observation', url: 'https://fhir.example/r4/status/o2' },
      { kind: 'deleted', type: 'Bundle', url: 'https://fhir.example/d' },
      { kind: 'error', type: 'OperationOutcome', url: 'https://fhir.example/r4/status/e' },
    ],
  });
});
