import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { Command } from 'commander';
import { addDeidentify } from '../../../adapter/cli/deidentify.js';
import { AdapterError } from '../../../adapter/errors.js';
import type { AdapterErrorCode } from '../../../adapter/errors.js';

const folder = mkdtempSync(join(tmpdir(), 'deidentify-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function run(...args: string[]): Promise<void> {
  const program = new Command('firebreak').exitOverride();
  addDeidentify(program);
  await program.parseAsync(['deidentify', ...args], { from: 'user' });
}

async function refuses(args: string[], code: AdapterErrorCode, says: RegExp): Promise<void> {
  await assert.rejects(run(...args), (error: unknown) => {
    assert.ok(error instanceof AdapterError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, says);
    return true;
  });
}

const patient = (id: string): string =>
  `{"resourceType":"Patient","id":"${id}","name":[{"family":"Leaked"}],"birthDate":"1970-05-06"}`;
const weight = (subject: string): string =>
  `{"resourceType":"Observation","id":"o","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"29463-7","display":"Leaked"}]},"subject":{"reference":"${subject}"},"effectiveDateTime":"2020-03-04","valueQuantity":{"value":70.40,"system":"http://unitsofmeasure.org","code":"kg"}}`;
const bundle = file(
  'bundle.json',
  `{"resourceType":"Bundle","type":"batch","entry":[{"fullUrl":"urn:uuid:x","resource":${patient('p')}},{"resource":{"resourceType":"Bundle","type":"collection","entry":[{"resource":${weight('urn:uuid:x')}}]}}]}`,
);

describe('firebreak deidentify', () => {
  afterEach(() => (process.exitCode = undefined));

  it('turns Bundles within Bundles and packed lines into NDJSON', async () => {
    const lines = file(
      'a.ndjson.gz',
      gzipSync(`${weight('https://fhir.example/r4/Patient/q')}\n${patient('q')}\n`),
    );
    const to = join(folder, 'out.ndjson');
    const report = join(folder, 'report.json');
    await run(
      bundle,
      lines,
      '--profile',
      'safe-harbor',
      '--to',
      to,
      '--report',
      report,
      '--base',
      'https://fhir.example/r4',
    );
    const text = readFileSync(to, 'utf8');
    assert.doesNotMatch(text, /Leaked|1970-|2020-|urn:uuid|example/);
    assert.match(text, /"value":70\.40/);
    const out = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      out.map((one) => one['resourceType']),
      ['Patient', 'Observation', 'Observation', 'Patient'],
    );
    assert.deepEqual(out[1]?.['subject'], { reference: `Patient/${String(out[0]?.['id'])}` });
    assert.deepEqual(out[2]?.['subject'], { reference: `Patient/${String(out[3]?.['id'])}` });
    const told = JSON.parse(readFileSync(report, 'utf8')) as Record<string, unknown>;
    assert.equal(told['profile'], 'safe-harbor');
    assert.equal(told['resourcesOut'], 4);
    assert.equal(process.exitCode, 0);
  });

  it('makes a key that nobody else reads, and uses it again', async () => {
    const key = join(folder, 'new.key');
    const outputs = [1, 2].map((i) => join(folder, `keyed-${i}.ndjson`));
    for (const to of outputs) await run(bundle, '--profile', 'shifted', '--key-file', key, '--to', to);
    assert.equal(statSync(key).mode & 0o777, 0o600);
    const [first = '', second = ''] = outputs.map((to) => readFileSync(to, 'utf8'));
    assert.equal(first, second);
    assert.doesNotMatch(first, /1970-05-06|2020-03-04/);
  });

  it('answers 1 where nothing may leave', async () => {
    const group = file('group.json', '{"resourceType":"Group","id":"g","name":"Leaked"}');
    await run(group, '--profile', 'safe-harbor', '--to', join(folder, 'none.ndjson'));
    assert.equal(process.exitCode, 1);
  });

  it('refuses what it cannot use, and leaves no file', async () => {
    const safe = ['--profile', 'safe-harbor', '--to', join(folder, 'refused.ndjson')];
    const bad = file('bad.ndjson', `${patient('p')}\n{"resourceType":"Patient","name":"Leaked\n`);
    await refuses([bad, ...safe], 'ADAPTER_UNPROCESSABLE', /bad\.ndjson, resource 2: (?!.*Leaked)/);
    const list = file('list.json', '["Leaked"]');
    await refuses([list, ...safe], 'ADAPTER_UNPROCESSABLE', /no FHIR resource/);
    await refuses([join(folder, 'absent'), ...safe], 'ADAPTER_NOT_FOUND', /absent/);
    await refuses([bundle, ...safe, '--key-file', 'k'], 'ADAPTER_USAGE', /takes no key/);
    await refuses([bundle, '--profile', 'gdpr'], 'ADAPTER_USAGE', /needs the project/);
    const short = file('short.key', 'c2hvcnQ\n');
    await refuses([bundle, '--profile', 'gdpr', '--key-file', short], 'ADAPTER_USAGE', /holds no key/);
    await refuses([bundle, '--profile', 'safe-harbor', '--json'], 'ADAPTER_USAGE', /--to/);
    assert.ok(!readdirSync(folder).some((name) => name.startsWith('refused')));
  });
});
