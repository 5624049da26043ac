/** Study and model files that are no good, at the command line: told by line, exit status as documented, no file left. */
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { portableOfStudy, portableText } from '../../../analytics/publication/index.js';
import { covidDeterioration, trainSeverity } from '../../../analytics/severity/index.js';
import definition from '../../../analytics/severity/covid-deterioration.json' with { type: 'json' };
import { cohort } from '../../analytics/severity/cohort.js';
import { removeFolder, temporaryFolder } from '../../support/instance.js';
import { run } from './cli.js';

const dir = temporaryFolder();
let portable: string;
before(async () => {
  const { model } = await trainSeverity(cohort(120, 4), covidDeterioration);
  portable = portableText(portableOfStudy(model, 'here'));
  writeFileSync(join(dir, 'whole.json'), portable);
});
after(() => removeFolder(dir));

test('a study file with an unknown code, unit or view: each fault by line, and neither report nor instance is made', async () => {
  const column = {
    name: 'x',
    label: 'x',
    kind: 'column',
    view: 'patien',
    column: 'age',
    pick: 'first',
    transform: 'none',
  };
  const text = JSON.stringify({ ...definition, features: [...definition.features, column] }, null, 2)
    .replace('"840539006"', '"840539007"')
    .replace('"family": "crp",', '"family": "crp", "unit": "mg/furlong",');
  writeFileSync(join(dir, 'wrong.json'), text);
  const there = readdirSync(dir);
  for (const args of [
    ['analyze', 'wrong.json', '--report', 'report.html'],
    ['model', 'publish', 'wrong.json'],
  ]) {
    const { code, stdout, stderr } = await run(['--data', join(dir, 'data'), ...args], dir);
    assert.deepEqual([code, stdout], [2, ''], stderr);
    for (const told of [
      /wrong\.json:\d+: 840539007 is no code of http:\/\/snomed\.info\/sct/,
      /wrong\.json:\d+: crp is in mg\/L, which does not convert to mg\/furlong; did you mean mg\/L\?/,
      /wrong\.json:\d+: no view is called patien; did you mean patient\?/,
    ])
      assert.match(stderr, told);
    assert.doesNotMatch(stderr, /\n\s+at /);
    assert.deepEqual(readdirSync(dir), there);
  }
});

test('an altered model file is refused with exit status 1, a whole one is named', async () => {
  const whole = await run(['model', 'check', 'whole.json'], dir);
  assert.equal(whole.code, 0, whole.stderr);
  const coefficient = /-?\d\.\d{6,}/.exec(portable)?.[0] ?? assert.fail();
  writeFileSync(join(dir, 'altered.json'), portable.replace(coefficient, `1${coefficient.replace('-', '')}`));
  writeFileSync(join(dir, 'torn.json'), portable.slice(0, portable.length / 2));
  for (const [name, told] of [
    ['altered.json', /^refused: .*(?:hash|altered)/],
    ['torn.json', /^refused: .*JSON/],
  ] as const) {
    const { code, stdout } = await run(['model', 'check', name], dir);
    assert.equal(code, 1);
    assert.match(stdout, told);
  }
});
