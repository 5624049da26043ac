import assert from 'node:assert/strict';
import { test } from 'node:test';
import { faultOfImport } from './import-rules.js';
import { importsOf, sourceFiles } from './source-files.js';

test('the rules let right imports pass and name wrong ones', () => {
  const right: [string, string][] = [
    ['adapter/pipeline.ts', '../ledger/log/index.js'],
    ['adapter/http/log.ts', '../../ledger/store.js'],
    ['adapter/cli/up.ts', '../../demo/index.js'],
    ['adapter/cli/up.ts', '../../analytics/severity/index.js'],
    ['adapter/cli/main.ts', '../../package.json'],
    ['analytics/scores/issue.ts', '../../mappings/index.js'],
    ['ledger/vault/seal.ts', '../errors.js'],
    ['ledger/log/tiles.ts', 'node:crypto'],
    ['test/ledger/log/tiles.test.ts', '../../../ledger/log/tiles.js'],
    ['portal/record.ts', '../ledger/proofs/index.js'],
  ];
  const wrong: [string, string][] = [
    ['ledger/log/tiles.ts', '../../mappings/index.js'],
    ['ledger/consent/decide.ts', 'fhir/r4.js'],
    ['ledger/log/serve.ts', 'node:http'],
    ['mappings/consent/compile.ts', '../../adapter/index.js'],
    ['mappings/consent/compile.ts', '../../analytics/index.js'],
    ['mappings/consent/compile.ts', '../../ledger/consent/decide.js'],
    ['analytics/fit.ts', '../adapter/config.js'],
    ['demo/wallets/sign.ts', '../../ledger/log/index.js'],
    ['adapter/pipeline.ts', '../ledger/log/merkle.js'],
    ['adapter/pipeline.ts', '../ledger/log/inner/index.js'],
    ['adapter/pipeline.ts', '../test/support/shared-data.js'],
    ['ledger/log/tiles.ts', '../../test/support/shared-data.js'],
    ['portal/record.ts', '../ledger/log/index.js'],
  ];
  for (const [from, to] of right) assert.equal(faultOfImport(from, to), undefined, `${from} → ${to}`);
  for (const [from, to] of wrong) assert.notEqual(faultOfImport(from, to), undefined, `${from} → ${to}`);
});

test('imports are found in all their forms', () => {
  const text = `
import './a.js';
import x from "./b.js";
import type { T } from './c.js';
import {
  one,
  two as zwei,
} from './d.js';
export { y } from './e.js';
export type * from './f.js';
import table from './g.json' with { type: 'json' };
const late = await import('./h.js');
// import './no.js';
/* import './no.js'; */
const text = 'not an import';
export const from = './no.js';
`;
  const found = importsOf({ path: 'x.ts', text });
  assert.deepEqual(found, ['./a.js', './b.js', './c.js', './d.js', './e.js', './f.js', './g.json', './h.js']);
});

test('all imports follow the arrows', () => {
  const sources = sourceFiles();
  assert.ok(sources.length > 0);
  const faults = sources.flatMap((source) =>
    importsOf(source).flatMap((specifier) => {
      const fault = faultOfImport(source.path, specifier);
      return fault === undefined ? [] : [`${source.path}: ${fault}`];
    }),
  );
  assert.deepEqual(faults, []);
});
