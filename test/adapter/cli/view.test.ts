import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { Command } from 'commander';
import { addView } from '../../../adapter/cli/view.js';
import { AdapterError } from '../../../adapter/errors.js';
import type { AdapterErrorCode } from '../../../adapter/errors.js';

const folder = mkdtempSync(join(tmpdir(), 'view-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const VIEW = {
  resource: 'Patient',
  select: [
    { column: [{ name: 'id', path: 'id', type: 'id' }] },
    { forEachOrNull: 'name', column: [{ name: 'family', path: 'family' }] },
  ],
};

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const view = file('view.json', JSON.stringify(VIEW));
const patients = [
  '{"resourceType":"Patient","id":"p1","name":[{"family":"=A"},{"family":"B"}]}',
  '{"resourceType":"Group","id":"g"}',
];

async function run(...args: string[]): Promise<void> {
  const program = new Command('firebreak').exitOverride();
  addView(program);
  await program.parseAsync(['view', 'run', ...args], { from: 'user' });
}

async function refuses(args: string[], code: AdapterErrorCode, text?: string): Promise<void> {
  await assert.rejects(run(...args), (error: unknown) => {
    assert.ok(error instanceof AdapterError, String(error));
    assert.equal(error.code, code);
    if (text !== undefined) assert.ok(error.message.includes(text), error.message);
    return true;
  });
}

describe('firebreak view run', () => {
  it('writes the rows of files, folders and .gz as CSV and NDJSON', async () => {
    const lines = file('a.ndjson', patients.join('\n'));
    const packed = file('b.ndjson.gz', gzipSync(patients.join('\n')));
    const single = file('c.json', patients[0] ?? '');
    const csv = join(folder, 'out.csv');
    await run(view, '--from', lines, packed, single, '--to', csv);
    assert.equal(readFileSync(csv, 'utf8'), `id,family\r\n${"p1,'=A\r\np1,B\r\n".repeat(3)}`);
    const ndjson = join(folder, 'out.ndjson');
    await run(view, '--from', lines, '--to', ndjson);
    assert.equal(readFileSync(ndjson, 'utf8'), '{"id":"p1","family":"=A"}\n{"id":"p1","family":"B"}\n');
  });

  it('writes the same bytes on any number of threads, and names the same line at fault', async () => {
    // Longer than three blocks; letters of several bytes, so that blocks end within none.
    const long = Array.from(
      { length: 40_000 },
      (_, i) =>
        `${i % 7 === 0 ? '\n' : ''}{"resourceType":"${i % 5 === 0 ? 'Group' : 'Patient'}","id":"p${i}","name":[{"family":"Ä${i}"},{"family":"${'x'.repeat(i % 90)}"}]}\n`,
    );
    const lines = file('long.ndjson', `\uFEFF${long.join('')}`);
    const packed = file('long.ndjson.gz', gzipSync(long.join('')));
    const single = file('mid.json', patients[0] ?? '');
    for (const ending of ['csv', 'ndjson']) {
      const texts = new Set<string>();
      for (const threads of ['1', '2', '3']) {
        const to = join(folder, `threads-${threads}.${ending}`);
        await run(view, '--from', lines, single, packed, '--to', to, '--threads', threads);
        texts.add(readFileSync(to, 'utf8'));
      }
      assert.equal(texts.size, 1);
      assert.equal([...texts][0]?.split('\n').length, 4 * 32_000 + 2 + (ending === 'csv' ? 2 : 1));
    }
    const bad = file('long-bad.ndjson', long.with(30_010, '{"resourceType":"Patient","id":}\n').join(''));
    for (const threads of ['1', '2']) {
      const args = [view, '--from', bad, '--to', join(folder, 'none.csv'), '--threads', threads];
      await refuses(args, 'ADAPTER_UNPROCESSABLE', 'long-bad.ndjson:30011');
    }
    for (const threads of ['0', '1.5', 'many'])
      await refuses([view, '--from', lines, '--threads', threads], 'ADAPTER_USAGE', '--threads');
  });

  it('names the file and line at fault and leaves nothing half written', async () => {
    const bad = file('bad.ndjson', `${patients[0] ?? ''}\n{"resourceType":"Patient","id":`);
    const to = join(folder, 'none.csv');
    await refuses([view, '--from', bad, '--to', to], 'ADAPTER_UNPROCESSABLE', 'bad.ndjson:2');
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('none')),
      [],
    );
  });

  it('writes Parquet that keeps types and missing values, and nothing when a line is at fault', async () => {
    const typed = file(
      'typed.json',
      JSON.stringify({
        resource: 'Patient',
        select: [
          {
            column: [
              { name: 'id', path: 'id', type: 'id' },
              { name: 'active', path: 'active', type: 'boolean' },
              { name: 'births', path: 'multipleBirth.ofType(integer)', type: 'integer' },
              { name: 'given "all"', path: 'name.given', type: 'string', collection: true },
            ].map((column) => (column.name.startsWith('given') ? { ...column, name: 'given' } : column)),
          },
        ],
      }),
    );
    const lines = file(
      'typed.ndjson',
      `{"resourceType":"Patient","id":"µ'1","active":true,"multipleBirthInteger":2,"name":[{"given":["A","B"]}]}\n${patients[0] ?? ''}`,
    );
    const to = join(folder, "it's.parquet");
    await run(typed, '--from', lines, '--to', to);
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const result = await connection.runAndReadAll(`SELECT * FROM '${to.replaceAll("'", "''")}'`);
    assert.deepEqual(result.columnTypes().map(String), ['VARCHAR', 'BOOLEAN', 'INTEGER', 'VARCHAR']);
    assert.deepEqual(result.getRows(), [
      ["µ'1", true, 2, '["A","B"]'],
      ['p1', null, null, '[]'],
    ]);
    connection.closeSync();
    const bad = file('bad-parquet.ndjson', `${patients[0] ?? ''}\n{"resourceType":"Patient","id":`);
    const none = join(folder, 'nothing.parquet');
    await refuses([typed, '--from', bad, '--to', none], 'ADAPTER_UNPROCESSABLE', 'bad-parquet.ndjson:2');
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('nothing') || name.includes('.part-')),
      [],
    );
  });

  it('refuses wrong usage', async () => {
    const lines = file('d.ndjson', patients.join('\n'));
    const wrong = file('wrong.json', JSON.stringify({ ...VIEW, where: [{ path: 'name.last()' }] }));
    await refuses([wrong, '--from', lines], 'ADAPTER_USAGE', 'where[0].path, character 6');
    await refuses([file('no.json', '{'), '--from', lines], 'ADAPTER_USAGE');
    await refuses(['no-such-view', '--from', lines], 'ADAPTER_NOT_FOUND', 'medication-request');
    await refuses([view, '--from', join(folder, 'absent')], 'ADAPTER_NOT_FOUND');
    await refuses([view, '--from', lines, '--format', 'parquet'], 'ADAPTER_USAGE', 'Parquet');
    await refuses([view, '--from', lines, '--to', join(folder, 'x.txt')], 'ADAPTER_USAGE');
    await refuses([view, '--from', lines, '--json'], 'ADAPTER_USAGE');
    await refuses([view, '--from', lines, '--to', join(folder, 'absent', 'x.csv')], 'ADAPTER_UNPROCESSABLE');
  });
});
