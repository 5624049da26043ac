import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonValue } from '../../../mappings/index.js';
import {
  BOOLEAN_MISSING,
  ColumnBuilder,
  compileView,
  csvWriter,
  ndjsonWriter,
  ViewError,
} from '../../../mappings/views/index.js';

const VIEW = compileView({
  resource: 'Patient',
  select: [
    {
      column: [
        { name: 'id', path: 'id', type: 'id' },
        { name: 'n', path: 'multipleBirth.ofType(integer)', type: 'integer' },
        { name: 'active', path: 'active', type: 'boolean' },
        { name: 'given', path: 'name.given', type: 'string', collection: true },
      ],
    },
  ],
});

describe('columns', () => {
  it('are typed arrays, with a sign for what is missing', () => {
    const builder = new ColumnBuilder(VIEW);
    const run = VIEW.start(builder.add);
    run.add({
      resourceType: 'Patient',
      id: 'a',
      multipleBirthInteger: 2,
      active: true,
      name: [{ given: ['x', 'y'] }],
    });
    run.add({ resourceType: 'Patient', active: false });
    run.add({ resourceType: 'Patient', id: 'c' });
    const { rowCount, columns } = builder.columns();
    assert.equal(rowCount, 3);
    assert.deepEqual(
      columns.map(({ name, kind, values }) => [name, kind, values]),
      [
        ['id', 'text', ['a', null, 'c']],
        ['n', 'number', Float64Array.of(2, Number.NaN, Number.NaN)],
        ['active', 'boolean', Uint8Array.of(1, 0, BOOLEAN_MISSING)],
        ['given', 'json', [['x', 'y'], [], []]],
      ],
    );
  });

  it('grow', () => {
    const builder = new ColumnBuilder(VIEW);
    const run = VIEW.start(builder.add);
    for (let i = 0; i < 5000; i++)
      run.add({ resourceType: 'Patient', multipleBirthInteger: i, active: i % 2 === 0 });
    const [, n, active] = builder.columns().columns;
    assert.deepEqual(
      n?.values,
      Float64Array.from({ length: 5000 }, (_, i) => i),
    );
    assert.deepEqual(
      active?.values,
      Uint8Array.from({ length: 5000 }, (_, i) => 1 - (i % 2)),
    );
  });

  it('refuse a value that their type cannot hold', () => {
    for (const row of [
      [1, null, null, []],
      ['a', '1', null, []],
      ['a', 1, 'true', []],
    ] satisfies JsonValue[][]) {
      assert.throws(
        () => new ColumnBuilder(VIEW).add(row),
        (error: unknown) => error instanceof ViewError && error.code === 'VIEW_WRONG_TYPE',
      );
    }
  });
});

describe('rows as text', () => {
  it('104: are CSV that no spreadsheet runs', () => {
    const { head, row } = csvWriter(VIEW.columns);
    assert.equal(head, 'id,n,active,given\r\n');
    for (const [value, field] of [
      ['a', 'a'],
      ['', '""'],
      [null, ''],
      ['a,b', '"a,b"'],
      ['a"b', '"a""b"'],
      ['a\nb', '"a\nb"'],
      ['=1+1', "'=1+1"],
      ['+1 555 0100', "'+1 555 0100"],
      ['-5', '-5'],
      ['-5+cmd|x', "'-5+cmd|x"],
      ['@SUM(A1)', "'@SUM(A1)"],
      ['\t=1', "'\t=1"],
      ['\r=1', '"\'\r=1"'],
      ['=HYPERLINK("x")', '"\'=HYPERLINK(""x"")"'],
    ] as const)
      assert.equal(row([value, -5, true, []]), `${field},-5,true,[]\r\n`);
    assert.equal(row(['a', null, null, ['=x', 'y']]), 'a,,,"[""=x"",""y""]"\r\n');
  });

  it('are NDJSON with every column', () => {
    const { head, row } = ndjsonWriter(VIEW.columns);
    assert.equal(head, '');
    const line = row(['é"\n', 1.5, null, ['x']]);
    assert.ok(line.endsWith('}\n') && line.indexOf('\n') === line.length - 1);
    assert.deepEqual(JSON.parse(line), { id: 'é"\n', n: 1.5, active: null, given: ['x'] });
    assert.deepEqual(Object.keys(JSON.parse(line) as object), ['id', 'n', 'active', 'given']);
  });
});
