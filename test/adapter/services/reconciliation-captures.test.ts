/** What a real HAPI server was recorded to answer, read as the present state of a source. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { after, before, test } from 'node:test';
import type { SourceClient } from '../../../adapter/inbound/source-client.js';
import { Lines } from '../../../adapter/services/reconciliation/lines.js';
import type { Line } from '../../../adapter/services/reconciliation/lines.js';
import { planReading, readType } from '../../../adapter/services/reconciliation/read-source.js';
import { sharedData } from '../../support/shared-data.js';
import { openBench } from '../support/bench.js';
import type { Bench } from '../support/bench.js';

const folder = sharedData('hapi-captures');
const skip = folder === undefined ? 'no recorded answers of HAPI here' : false;

let bench: Bench;
before(async () => {
  bench = await openBench();
});
after(() => bench.close());

function captured(name: string): { readonly body: { readonly entry: readonly object[] } } {
  return JSON.parse(readFileSync(join(folder ?? '', name), 'utf8')) as never;
}

/** Lines after reading a type from these pages. */
async function linesOf(name: string, type: string): Promise<Line[]> {
  const { store, keys, records } = bench.instance;
  const lines = new Lines(store, keys.storage.indexKey, records, name.slice(0, 2));
  const { body } = captured(name);
  const client = {
    async *search(): AsyncGenerator<Buffer> {
      yield Buffer.from(JSON.stringify(body));
    },
  } as unknown as SourceClient;
  const method = await readType(
    { type, methods: ['history'] },
    {
      client,
      lines,
      source: name.slice(0, 2),
      nowMs: Date.now,
      isNews: () => false,
      onNews: () => Promise.resolve(),
      onPage: () => undefined,
    },
  );
  assert.equal(method, 'history');
  const found: Line[] = [];
  for await (const { line } of lines.all()) found.push(line);
  return found;
}

test(
  'a history with deletions: they are known as gone, without content and without a time',
  { skip },
  async () => {
    assert.deepEqual(await linesOf('10-instance-history-deleted.json', 'Observation'), [
      { type: 'Observation', id: '20121', gone: true },
    ]);
  },
);

test('a history of several types: of each resource the newest version', { skip }, async () => {
  const name = '07-history-system-since-with-deletes.json';
  const expected = new Map<string, string>();
  for (const entry of captured(name).body.entry) {
    const { resource, request } = entry as {
      resource?: { resourceType: string; id: string; meta: { versionId: string } };
      request: { method: string; url: string };
    };
    const [type = '', id = ''] = request.url.split('/');
    if (type !== 'Observation' || expected.has(id)) continue;
    expected.set(id, request.method === 'DELETE' ? 'gone' : (resource?.meta.versionId ?? ''));
  }
  const lines = await linesOf(name, 'Observation');
  assert.ok(lines.length > 3);
  assert.deepEqual(
    new Map(lines.map(({ id, version, gone }) => [id, gone === true ? 'gone' : version])),
    expected,
  );
});

test('its CapabilityStatement: each type by its history first, patients before all', { skip }, async () => {
  const bytes = gunzipSync(readFileSync(join(folder ?? '', '09-capabilitystatement.json.gz')));
  const parsed = JSON.parse(bytes.toString('utf8')) as { body?: object };
  const client = { capabilities: () => Promise.resolve(parsed.body ?? parsed) } as unknown as SourceClient;
  const plans = await planReading(client);
  assert.deepEqual(plans[0], { type: 'Patient', methods: ['history', 'search'] });
  assert.ok(plans.length > 100);
  assert.ok(plans.every(({ type }) => type !== 'Binary' && type !== 'Subscription'));
});
