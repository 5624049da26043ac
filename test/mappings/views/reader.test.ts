import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isJsonObject, MappingError, sliceBundle } from '../../../mappings/index.js';
import type { JsonObject, MappingErrorCode } from '../../../mappings/index.js';
import { compileView, SHIPPED_VIEWS, ViewReader } from '../../../mappings/views/index.js';
import type { Cell, View } from '../../../mappings/views/index.js';
import { sharedData } from '../../support/shared-data.js';

function viewOf(columns: Readonly<Record<string, string>>, resource = 'Patient'): View {
  const column = Object.entries(columns).map(([name, path]) => ({ name, path, collection: true }));
  return compileView({ resource, select: [{ column }] });
}

function read(view: View, feed: (reader: ViewReader) => void): Cell[][] {
  const rows: Cell[][] = [];
  feed(new ViewReader(view, (row) => rows.push([...row])));
  return rows;
}

function refuses(text: string | Buffer, code: MappingErrorCode): void {
  const view = viewOf({ id: 'id', family: 'name.family', n: 'multipleBirth.ofType(integer)' });
  assert.throws(
    () => read(view, (reader) => reader.resource(Buffer.from(text))),
    (error: unknown) => error instanceof MappingError && error.code === code,
    `${code}: ${String(text).slice(0, 80)}`,
  );
}

const PATIENT = '{"resourceType":"Patient","id":"p1","name":[{"family":"Ä"}]}';

describe('ViewReader', () => {
  it('reads what the view names, however it is written', () => {
    const view = viewOf({ id: 'id', family: 'name.family', n: 'multipleBirth.ofType(integer)' });
    for (const text of [
      PATIENT,
      ' { "resourceType" : "Patient" ,\n\t"id" :\r"p1" , "name" : [ { "family" : "\\u00c4" } ] } ',
      '{"name":[{"use":"\\"}]","family":"Ä"}],"id":"p1","text":{"div":"a\\\\"},"resourceType":"Patient"}',
      '{"resourceType":"Patient","n\\u0061me":[{"fam\\u0069ly":"Ä","given":["\\\\\\""]}],"i\\u0064":"p1"}',
    ]) {
      assert.deepEqual(
        read(view, (reader) => reader.resource(Buffer.from(text))),
        [[['p1'], ['Ä'], []]],
        text,
      );
    }
  });

  it('reads numbers as JSON.parse does', () => {
    const view = viewOf({ n: 'multipleBirth.ofType(integer)' });
    for (const number of [
      '0',
      '-0',
      '7',
      '-12',
      '1.5',
      '0.1',
      '7.40',
      '1e3',
      '-1.5E-2',
      '123456789012345',
      '12345678901234567890',
      '0.000000000000001',
      '9007199254740993',
      '3.14159265358979',
      '1e400',
    ]) {
      const text = `{"resourceType":"Patient","multipleBirthInteger":${number}}`;
      const [row] = read(view, (reader) => reader.resource(Buffer.from(text)));
      assert.deepEqual(row, [[JSON.parse(number)]], number);
    }
  });

  it('refuses what is no JSON where it looks, and what is cut off anywhere', () => {
    for (let end = 0; end < PATIENT.length; end++) {
      const cut = PATIENT.slice(0, end);
      refuses(cut, end === 0 ? 'MAPPING_NOT_A_RESOURCE' : 'MAPPING_NOT_JSON');
    }
    for (const number of ['01', '1.', '.5', '-', '1e', '+1', '1.2.3', '0x1', 'NaN', '--1', '1-2'])
      refuses(`{"resourceType":"Patient","multipleBirthInteger":${number}}`, 'MAPPING_NOT_JSON');
    for (const text of [
      'tru',
      'True',
      'nul',
      "'a'",
      '"a\tb"',
      '"\\x"',
      '{"a"}',
      '[1,]',
      '[1 2]',
      '{,}',
      '"a',
      '',
    ])
      refuses(`{"resourceType":"Patient","id":${text}}`, 'MAPPING_NOT_JSON');
    refuses(`${PATIENT}x`, 'MAPPING_NOT_JSON');
    refuses(`${PATIENT}${PATIENT}`, 'MAPPING_NOT_JSON');
    refuses('[]', 'MAPPING_NOT_A_RESOURCE');
    refuses('{}', 'MAPPING_NOT_A_RESOURCE');
    refuses('{"resourceType":1}', 'MAPPING_NOT_A_RESOURCE');
    refuses('{"resourceType":"Patient","id":"a","id":"b"}', 'MAPPING_JSON_DUPLICATE_KEY');
    refuses('{"resourceType":"Patient","id":"a","\\u0069d":"b"}', 'MAPPING_JSON_DUPLICATE_KEY');
    refuses('{"resourceType":"Patient","id":{"__proto__":1}}', 'MAPPING_JSON_PROTO');
    refuses('{"resourceType":"Patient","id":"\\ud800"}', 'MAPPING_NOT_UTF8');
    refuses(Buffer.from('{"resourceType":"Patient","x":"\xff"}', 'latin1'), 'MAPPING_NOT_UTF8');
  });

  it('survives nesting of any depth', () => {
    refuses(
      `{"resourceType":"Patient","id":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      'MAPPING_JSON_DEPTH',
    );
    const skipped = `{"resourceType":"Patient","x":${'['.repeat(100_000)}${']'.repeat(100_000)},"id":"p"}`;
    assert.deepEqual(
      read(viewOf({ id: 'id' }), (reader) => reader.resource(Buffer.from(skipped))),
      [[['p']]],
    );
    const items = `${'{"item":['.repeat(1000)}${']}'.repeat(1000)}`;
    const repeated = compileView({
      resource: 'QuestionnaireResponse',
      select: [{ repeat: ['item'], column: [{ name: 'a', path: 'linkId' }] }],
    });
    assert.throws(
      () =>
        read(repeated, (reader) =>
          reader.resource(Buffer.from(`{"resourceType":"QuestionnaireResponse","item":[${items}]}`)),
        ),
      (error: unknown) => error instanceof MappingError && error.code === 'MAPPING_JSON_DEPTH',
    );
  });

  it('cuts NDJSON in pieces of any size, and knows the line', async () => {
    const lines = Array.from(
      { length: 20 },
      (_, i) => `{"resourceType":"Patient","id":"p${i}","x":"${'é'.repeat(i)}"}`,
    );
    const text = Buffer.from(`\uFEFF${lines.join('\r\n\n')}`);
    const wanted = lines.map((_, i) => [[`p${i}`]]);
    for (const size of [1, 2, 3, 7, 64, 1000, 100_000]) {
      const rows: Cell[][] = [];
      const reader = new ViewReader(viewOf({ id: 'id' }), (row) => rows.push([...row]));
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < text.length; at += size) pieces.push(text.subarray(at, at + size));
      await reader.ndjson(pieces);
      assert.deepEqual(rows, wanted, `pieces of ${size}`);
      assert.deepEqual(reader.counts, { resources: 20, taken: 20, rows: 20 });
    }
    const reader = new ViewReader(viewOf({ id: 'id' }), () => undefined);
    await assert.rejects(
      reader.ndjson([Buffer.from(`${lines[0] ?? ''}\n{"resourceType":\n${lines[1] ?? ''}`)]),
      MappingError,
    );
    assert.equal(reader.line, 2);
    const wrong = new ViewReader(viewOf({ id: 'id' }), () => undefined);
    const bytes = Buffer.from(`${PATIENT}\n${PATIENT}\n{"resourceType":"Patient","x":"\xff"}\n`, 'latin1');
    assert.throws(() => wrong.lines(bytes), MappingError);
    assert.equal(wrong.line, 1);
  });

  it('gives references within a Bundle the keys of what they mean', () => {
    const bundle = JSON.stringify({
      resourceType: 'Bundle',
      type: 'collection',
      entry: [
        { fullUrl: 'urn:uuid:1', resource: { resourceType: 'Patient', id: 'p1' } },
        { resource: { resourceType: 'Observation', id: 'o1', subject: { reference: 'urn:uuid:1' } } },
        { resource: { resourceType: 'Observation', id: 'o2', subject: { reference: 'urn:uuid:2' } } },
        { fullUrl: 'urn:uuid:3' },
      ],
    });
    const keys = viewOf(
      { id: 'id', any: 'subject.getReferenceKey()', patient: 'subject.getReferenceKey(Patient)' },
      'Observation',
    );
    assert.deepEqual(
      read(keys, (reader) => reader.document(Buffer.from(`\uFEFF${bundle}`))),
      [
        [['o1'], ['p1'], ['p1']],
        [['o2'], ['urn:uuid:2'], []],
      ],
    );
    const bundles = viewOf({ type: 'type', ids: 'entry.resource.ofType(Observation).id' }, 'Bundle');
    assert.deepEqual(
      read(bundles, (reader) => reader.document(Buffer.from(bundle))),
      [[['collection'], ['o1', 'o2']]],
    );
  });

  it('takes whole objects as they are', () => {
    const view = compileView({
      resource: 'Patient',
      select: [
        {
          column: [
            { name: 'name', path: 'name.first()' },
            { name: 'all', path: '$this' },
          ],
        },
      ],
    });
    const [row] = read(view, (reader) => reader.resource(Buffer.from(PATIENT)));
    assert.deepEqual(row, [{ family: 'Ä' }, JSON.parse(PATIENT)]);
  });

  const folder = sharedData('synthea-r4');
  it(
    'gives for every resource what the parsed resource gives',
    { skip: folder === undefined && 'no shared data' },
    () => {
      const views = [...SHIPPED_VIEWS.values()].map(compileView);
      let compared = 0;
      for (const file of readdirSync(folder ?? '')
        .toSorted()
        .slice(0, 12)) {
        if (!file.endsWith('.json')) continue;
        const bytes = readFileSync(join(folder ?? '', file));
        const { entries } = sliceBundle(bytes);
        for (const view of views) {
          const fromBytes: string[] = [];
          const reader = new ViewReader(view, (row) => fromBytes.push(JSON.stringify(row)));
          const parsed: string[] = [];
          const run = view.start((row) => parsed.push(JSON.stringify(row)));
          for (const { resource } of entries) {
            if (resource === undefined) continue;
            const slice = bytes.subarray(resource.start, resource.end);
            reader.resource(slice);
            const json: unknown = JSON.parse(slice.toString());
            if (isJsonObject(json)) run.add(json satisfies JsonObject);
          }
          assert.deepEqual(fromBytes, parsed);
          compared += parsed.length;
        }
      }
      assert.ok(compared > 1000);
    },
  );
});
