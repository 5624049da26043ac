import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  Deidentifier,
  PROFILE_NAMES,
  profileNamed,
  readExact,
  writeExact,
} from '../../../mappings/deidentify/index.js';
import type { ProfileName } from '../../../mappings/deidentify/index.js';
import type { JsonObject } from '../../../mappings/index.js';
import { sharedData } from '../../support/shared-data.js';

const KEY = Buffer.alloc(32, 7);

function run(profile: ProfileName, resources: readonly JsonObject[], key = KEY): JsonObject[] {
  const engine = new Deidentifier({ profile: profileNamed(profile), key, randomBytes, asOfYear: 2026 });
  for (const resource of resources) engine.announce(resource);
  return resources.map((resource) => engine.transform(resource)).filter((one) => one !== undefined);
}

const patient = (more: JsonObject): JsonObject => ({
  resourceType: 'Patient',
  id: 'p',
  birthDate: '1970-05-06',
  ...more,
});
const safe = (more: JsonObject): JsonObject => run('safe-harbor', [patient(more)])[0] ?? {};

test('what Safe Harbor names is dropped, and what no rule names too', () => {
  const parts: JsonObject = {
    name: [{ family: 'Leaked' }],
    telecom: [{ value: 'Leaked' }],
    identifier: [{ value: 'Leaked' }],
    photo: [{ data: 'Leaked' }],
    text: { status: 'generated', div: 'Leaked' },
    extension: [{ url: 'Leaked' }],
    contact: [{ name: { text: 'Leaked' } }],
    meta: { source: 'Leaked' },
    contained: [{ id: 'Leaked' }],
    generalPractitioner: [{ display: 'Leaked' }],
    link: [{ other: { reference: 'Patient/Leaked' } }],
    _birthDate: { extension: [{ valueString: 'Leaked' }] },
    implicitRules: 'Leaked',
    newElement: 'Leaked',
    gender: 'Leaked',
    active: 'Leaked',
    maritalStatus: { text: 'Leaked', coding: [{ system: 'urn:x', code: 'Leaked' }] },
    address: [{ line: ['Leaked'], city: 'Leaked', state: 'Leaked', country: 'Leaked', postalCode: 'Leaked' }],
  };
  for (const [name, value] of Object.entries(parts))
    assert.doesNotMatch(JSON.stringify(safe({ [name]: value })), /Leaked/, name);
});

test('dates, ages over 89 and ZIP areas', () => {
  for (const [birth, out] of [
    ['1970-05-06', '1970'],
    ['1970', '1970'],
    ['1937-01-01', '1937'],
    ['1936-12-31', undefined],
    ['1901', undefined],
    ['x', undefined],
  ])
    assert.equal(safe({ birthDate: birth })['birthDate'], out, birth);
  for (const [zip, out] of [
    ['02139', '021'],
    ['03601', '000'],
    ['02139-1234', '021'],
    ['2139', undefined],
    ['K1A 0B1', undefined],
  ])
    assert.deepEqual(
      safe({ address: [{ postalCode: zip, country: 'US', state: 'MA' }] })['address'],
      [{ state: 'MA', ...(out === undefined ? {} : { postalCode: out }), country: 'US' }],
      zip,
    );
  assert.equal(safe({ deceasedDateTime: '2020-03-04T05:06:07Z' })['deceasedDateTime'], '2020');
});

test('shifted: intervals hold, two projects cannot be joined', () => {
  const visit: JsonObject = {
    resourceType: 'Encounter',
    id: 'e',
    subject: { reference: 'Patient/p' },
    period: { start: '2020-02-28T10:00:00+01:00', end: '2020-03-02T10:00:00+01:00' },
  };
  const [p, e] = run('shifted', [patient({}), visit]);
  const { start, end } = (e?.['period'] ?? {}) as { start: string; end: string };
  assert.equal(Date.parse(end) - Date.parse(start), 3 * 86_400_000);
  const moved = (Date.parse(start) - Date.parse('2020-02-28T10:00:00+01:00')) / 86_400_000;
  assert.ok(moved !== 0 && Math.abs(moved) <= 50);
  assert.deepEqual(e?.['subject'], { reference: `Patient/${textOf(p?.['id'])}` });
  assert.equal(run('shifted', [patient({})])[0]?.['id'], p?.['id']);
  assert.notEqual(run('shifted', [patient({})], Buffer.alloc(32, 8))[0]?.['id'], p?.['id']);
  assert.notEqual(safe({})['id'], safe({})['id']);
});

test('numbers stay as they were written', () => {
  const text = '{"a":[7.40,-0.0,1e5,"7.40","-1"]}';
  assert.equal(writeExact(readExact(Buffer.from(text))), text);
});

const folder = sharedData('synthea-r4');
test(
  'nothing of Synthea’s names, addresses, numbers and ids is left',
  { skip: folder === undefined && 'no data' },
  () => {
    let read = 0;
    for (const file of readdirSync(folder ?? '').filter((one) => one.endsWith('.json'))) {
      const bundle = readExact(readFileSync(join(folder ?? '', file))) as unknown as {
        entry: { fullUrl: string; resource: JsonObject }[];
      };
      // Beside the patients' Bundles lie the hospitals' and lists of what was left out.
      if (!Array.isArray(bundle.entry)) continue;
      if (!bundle.entry.some(({ resource }) => resource['resourceType'] === 'Patient')) continue;
      read++;
      const secrets = new Set<string>();
      for (const { resource, fullUrl } of bundle.entry) {
        collect(resource, '', secrets);
        secrets.add(fullUrl);
      }
      // Words that are also codes of the source, such as `vital-signs`, tell nobody apart.
      for (const { resource } of bundle.entry) forgetCodes(resource, secrets);
      for (const { resource } of bundle.entry) {
        collect(resource, '', secrets, IDENTIFYING);
      }
      for (const name of PROFILE_NAMES) {
        const engine = new Deidentifier({
          profile: profileNamed(name),
          key: KEY,
          randomBytes,
          asOfYear: 2026,
        });
        for (const { resource, fullUrl } of bundle.entry) engine.announce(resource, fullUrl);
        const out = bundle.entry
          .map(({ resource }) => engine.transform(resource))
          .filter((one) => one !== undefined);
        assert.ok(out.length > 0);
        const names = new Set(out.map((one) => textOf(one['resourceType']) + '/' + textOf(one['id'])));
        for (const one of out)
          for (const [key, text] of strings(one)) {
            // A limited data set may hold ZIP codes.
            if (key === 'resourceType' || (name === 'limited' && key === 'postalCode')) continue;
            assert.ok(!secrets.has(text), `${file} ${name} ${textOf(one['resourceType'])} ${key}`);
            if (/^[A-Z][A-Za-z]+\//.test(text)) assert.ok(names.has(text), 'a reference leads nowhere');
          }
      }
    }
    assert.ok(read >= 100, `${read} patients read`);
  },
);

const SECRET = /^(id|family|given|prefix|text|line|city|div|display|value|reference|data|postalCode)$/;
/** What no code excuses. */
const IDENTIFYING = /^(id|family|given|line|city|value|reference|postalCode)$/;

function forgetCodes(value: unknown, secrets: Set<string>): void {
  for (const [key, text] of strings(value)) if (key === 'code') secrets.delete(text);
}

function collect(value: unknown, key: string, into: Set<string>, wanted = SECRET): void {
  if (typeof value === 'string') {
    if (wanted.test(key) && !value.startsWith('\u0001') && value.length > 3) into.add(value);
  } else if (Array.isArray(value)) for (const one of value) collect(one, key, into, wanted);
  else if (typeof value === 'object' && value !== null)
    for (const [name, one] of Object.entries(value)) collect(one, name, into, wanted);
}

function* strings(value: unknown, key = ''): Generator<[string, string]> {
  if (typeof value === 'string') yield [key, value];
  else if (typeof value === 'object' && value !== null)
    for (const [name, one] of Object.entries(value)) yield* strings(one, name);
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
