/** The official suite of SQL on FHIR v2, on parsed resources and on their bytes. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { JsonObject } from '../../../mappings/index.js';
import { compileView, ViewError, ViewReader } from '../../../mappings/views/index.js';
import type { Cell } from '../../../mappings/views/index.js';
import { sharedData } from '../../support/shared-data.js';

interface Suite {
  readonly title: string;
  readonly resources: readonly JsonObject[];
  readonly tests: readonly SuiteCase[];
}

interface SuiteCase {
  readonly title: string;
  readonly tags?: readonly string[];
  readonly view: JsonObject;
  readonly expect?: readonly Readonly<Record<string, unknown>>[];
  readonly expectColumns?: readonly string[];
  readonly expectError?: boolean;
}

interface Result {
  readonly columns: readonly string[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

type Runner = (view: JsonObject, resources: readonly JsonObject[], texts: readonly string[]) => Result;

function collect(
  view: JsonObject,
  feed: (compiled: ReturnType<typeof compileView>, emit: Emit) => void,
): Result {
  const compiled = compileView(view);
  const columns = compiled.columns.map(({ name }) => name);
  const rows: Record<string, unknown>[] = [];
  feed(compiled, (row) => rows.push(Object.fromEntries(columns.map((name, i) => [name, row[i]]))));
  return { columns, rows };
}

type Emit = (row: readonly Cell[]) => void;

const RUNNERS: Readonly<Record<string, Runner>> = {
  'parsed resources': (view, resources) =>
    collect(view, (compiled, emit) => {
      const run = compiled.start(emit);
      for (const resource of resources) run.add(resource);
    }),
  bytes: (view, _, texts) =>
    collect(view, (compiled, emit) => new ViewReader(compiled, emit).lines(Buffer.from(texts.join('\n')))),
};

/** The resources as the file writes them, each on a line: JSON.parse would make 1.0 of a number 1. */
function resourceTexts(file: string): string[] {
  const start = file.indexOf('[', file.indexOf('"resources"'));
  const texts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = start; i < file.length; i++) {
    const c = file[i];
    if (c === '"') {
      for (i++; file[i] !== '"'; i++) if (file[i] === '\\') i++;
    } else if (c === '{' && depth++ === 0) from = i;
    else if (c === '}' && --depth === 0) texts.push(file.slice(from, i + 1).replaceAll(/\s*\n\s*/g, ' '));
    else if (c === ']' && depth === 0) return texts;
  }
  return texts;
}

/** Rows in any order: the specification gives them none. */
function sorted(rows: Result['rows'], columns: readonly string[]): string[] {
  return rows.map((row) => JSON.stringify(columns.map((name) => row[name] ?? null))).toSorted();
}

const folder = sharedData('sql-on-fhir');
const files =
  folder === undefined ? [] : readdirSync(folder).filter((name) => /^(?!tests\.schema).*\.json$/.test(name));

/** Only the bytes tell how exact a number is. */
const NEEDS_BYTES = /^decimal (low|high)Boundary$/;

describe('SQL on FHIR v2, official suite', { skip: folder === undefined && 'no shared data' }, () => {
  const counts = { shareable: 0, experimental: 0 };
  for (const file of files) {
    const text = readFileSync(join(folder ?? '', file), 'utf8');
    const suite = JSON.parse(text) as Suite;
    const texts = resourceTexts(text);
    for (const test of suite.tests) {
      counts[test.tags?.includes('experimental') === true ? 'experimental' : 'shareable'] += 1;
      for (const [name, runner] of Object.entries(RUNNERS)) {
        if (name !== 'bytes' && NEEDS_BYTES.test(test.title)) continue;
        it(`${file}: ${test.title}, ${name}`, () => {
          assert.equal(texts.length, suite.resources.length);
          const run = (): Result => runner(test.view, suite.resources, texts);
          if (test.expectError === true) {
            assert.throws(run, ViewError);
            return;
          }
          const { columns, rows } = run();
          if (test.expectColumns !== undefined) assert.deepEqual(columns, test.expectColumns);
          for (const row of test.expect ?? []) {
            assert.deepEqual(Object.keys(row).toSorted(), columns.toSorted());
          }
          assert.deepEqual(sorted(rows, columns), sorted(test.expect ?? [], columns));
        });
      }
    }
  }

  it('has all cases: 123 shareable, 11 experimental', () => {
    assert.deepEqual(counts, { shareable: 123, experimental: 11 });
  });
});
