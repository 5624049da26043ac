import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import type { Obligation } from '../../../ledger/consent/index.js';
import { carryOut } from '../../../mappings/index.js';
import { stripBom } from '../../../mappings/json/index.js';
import { sharedData } from '../../support/shared-data.js';

const redact = (...elements: string[]): Obligation => ({ kind: 'redact', elements });
const MASK = [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'masked' }];
const VALUE = 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue';
const REDACTED = { system: VALUE, code: 'REDACTED' };
const PSEUDED = { system: VALUE, code: 'PSEUDED' };
const NO_ONWARD_USE = { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'NORDSCLCD' };

const done = (text: string, ...obligations: Obligation[]): string =>
  carryOut(Buffer.from(text, 'utf8'), obligations).toString('utf8');
const read = (text: string, ...obligations: Obligation[]): Record<string, unknown> =>
  JSON.parse(done(text, ...obligations)) as Record<string, unknown>;

test('without obligations the bytes are the very ones', () => {
  const bytes = Buffer.from('{ "resourceType":"Observation" }');
  assert.equal(carryOut(bytes, []), bytes);
});

test('what is not named stays byte for byte: 7.40, spaces, escapes, order', () => {
  const text =
    '{ "resourceType" : "Observation",\n "note":[{"text":"\\u00e9"}], "valueQuantity": {"value": 7.40 ,"unit":"\\u00b5g"},\n\t"status":"final" }';
  const label =
    '"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"REDACTED"}]},';
  const mask =
    '{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]}';
  assert.equal(
    done(text, redact('note')),
    `{${label}${text.slice(1).replace('"note":[{"text":"\\u00e9"}]', `"note":[${mask}]`)}`,
  );
});

test('elements are masked by their kind: objects, lists, primitives and lists of them', () => {
  const patient = JSON.stringify({
    resourceType: 'Patient',
    id: 'p',
    name: [{ family: 'A', given: ['B', 'C'] }],
    birthDate: '1970-01-01',
    _birthDate: { extension: [{ url: 'urn:x', valueCode: 'y' }] },
    maritalStatus: { text: 'm' },
    text: { status: 'generated', div: '<div/>' },
  });
  assert.deepEqual(read(patient, redact('name.given', 'birthDate', 'maritalStatus', 'text')), {
    meta: { security: [REDACTED] },
    resourceType: 'Patient',
    id: 'p',
    name: [{ family: 'A', _given: [{ extension: MASK }] }],
    _birthDate: { extension: MASK },
    maritalStatus: { extension: MASK },
  });
});

test('a choice by any of its types, or by its name alone; a type in front binds to that type', () => {
  const text = '{"resourceType":"Observation","valueQuantity":{"value":1.0},"code":{"text":"c"}}';
  for (const element of ['value[x]', 'value', 'Observation.value[x]', 'Observation.valueQuantity'])
    assert.deepEqual(read(text, redact(element))['valueQuantity'], { extension: MASK }, element);
  for (const element of ['Condition.value[x]', 'val', 'valueQuant'])
    assert.deepEqual(read(text, redact(element))['valueQuantity'], { value: 1 }, element);
});

test('ATTACKS 68: in contained resources and in a Bundle’s entries too', () => {
  const note = [{ text: 'secret' }];
  const inner = { resourceType: 'Condition', id: 'c', note, subject: { reference: 'Patient/p' } };
  const bundle = {
    resourceType: 'Bundle',
    type: 'collection',
    entry: [{ resource: { resourceType: 'Observation', contained: [inner], note } }, { resource: inner }],
  };
  const left = done(JSON.stringify(bundle), redact('Condition.note'));
  assert.equal(left.match(/secret/g)?.length, 1, 'the Observation’s own');
  assert(!done(JSON.stringify(bundle), redact('note')).includes('secret'));
  assert.equal(read(JSON.stringify(bundle), redact('contained'))['resourceType'], 'Bundle');
  assert(
    !done(JSON.stringify(bundle), redact('contained')).includes(
      '"id":"c","note":[{"text":"secret"}],"subject":{"reference":"Patient/p"}}],"note"',
    ),
  );
});

test('members go with their commas: first, middle, last, all, and a name in escapes', () => {
  const base = { text: { div: 'x' }, contained: [{ resourceType: 'X' }], extension: [{ url: 'u' }] };
  const all = ['text', 'contained', 'extension'];
  for (const order of [all, all.toReversed(), ['contained', 'text', 'extension']]) {
    for (let mask = 0; mask < 8; mask++) {
      const gone = all.filter((_, i) => (mask & (1 << i)) !== 0);
      for (const at of [0, 1, 2, 3]) {
        const members = order.map((name) => [name, base[name as 'text']] as const);
        members.splice(at, 0, ['resourceType', 'Basic' as never]);
        const text = JSON.stringify(Object.fromEntries(members));
        if (gone.length === 0) continue;
        const { meta: _, ...rest } = read(text, redact(...gone));
        const expected = Object.fromEntries(members.filter(([name]) => !gone.includes(name)));
        assert.equal(JSON.stringify(rest), JSON.stringify(expected), `${text} without ${gone.join()}`);
      }
    }
  }
  assert(!done('{"resourceType":"Basic","\\u006eote":"secret"}', redact('note')).includes('secret'));
});

test('which resource it is stays, whatever a redaction says', () => {
  const text = '{"resourceType":"Basic","id":"b","meta":{"versionId":"1"}}';
  const left = read(text, redact('id', 'meta', 'resourceType'));
  assert.deepEqual(left, { resourceType: 'Basic', id: 'b', meta: { security: [REDACTED], versionId: '1' } });
});

test('labels say what was done, beside those there are, and whether or not there was anything to take out', () => {
  const own = { system: 'urn:x', code: 'y' };
  const labelled = JSON.stringify({ resourceType: 'Basic', meta: { security: [own] } });
  assert.deepEqual(read(labelled, { kind: 'no-onward-use' })['meta'], { security: [NO_ONWARD_USE, own] });
  assert.deepEqual(
    read('{"resourceType":"Basic","meta":{}}', redact('note'), { kind: 'no-onward-use' })['meta'],
    {
      security: [REDACTED, NO_ONWARD_USE],
    },
  );
  assert.deepEqual(read('{"resourceType":"Basic","meta":{"security":[]}}', redact('note'))['meta'], {
    security: [REDACTED],
  });
});

test('a pseudonymised answer names nobody', () => {
  const canary = 'Canary';
  const patient = {
    resourceType: 'Patient',
    id: 'p',
    text: { status: 'generated', div: canary },
    identifier: [{ value: canary }],
    name: [{ family: canary }],
    telecom: [{ value: canary }],
    gender: 'female',
    birthDate: '1970-01-01',
    address: [{ city: canary }],
    contact: [{ name: { family: canary } }],
    managingOrganization: { reference: 'Organization/o', display: canary, identifier: { value: canary } },
  };
  const left = done(JSON.stringify(patient), { kind: 'pseudonymise' });
  assert(!left.includes(canary) && !left.includes('1970'), left);
  const { meta, gender, managingOrganization } = JSON.parse(left) as Record<string, unknown>;
  assert.deepEqual(meta, { security: [PSEUDED] });
  assert.equal(gender, 'female');
  assert.deepEqual(managingOrganization, { reference: 'Organization/o', identifier: { extension: MASK } });
  const observation = {
    resourceType: 'Observation',
    code: { coding: [{ code: 'c', display: 'Heart rate' }] },
    subject: { reference: 'Patient/p', display: canary },
    valueString: canary,
    note: [{ text: canary }],
  };
  const seen = done(JSON.stringify(observation), { kind: 'pseudonymise' });
  assert(!seen.includes(canary) && seen.includes('Heart rate'));
});

test('what cannot be carried out throws: nothing leaves', () => {
  assert.throws(() => done('{"resourceType":"Basic"}', { kind: 'shred' as 'pseudonymise' }), TypeError);
  assert.throws(() => done('[1]', redact('note')), TypeError);
  assert.throws(() => done('not json', redact('note')), TypeError);
});

const examples = sharedData('fhir-examples-r4');
test(
  'real resources stay JSON, and differ in nothing else',
  { skip: examples === undefined && 'no shared data' },
  () => {
    if (examples === undefined) return;
    const without = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(without);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .filter(
            ([name]) =>
              ![
                'text',
                'code',
                '_code',
                'codeReference',
                'codeCodeableConcept',
                'note',
                'subject',
                'security',
                'meta',
              ].includes(name),
          )
          .map(([name, inner]) => [name, without(inner)]),
      );
    };
    let seen = 0;
    for (const file of readdirSync(examples)
      .filter((name) => name.endsWith('.json'))
      .slice(0, 80)) {
      const bytes: Buffer = stripBom(readFileSync(join(examples, file)));
      // One of the files holds no resource but a list.
      if (bytes[0] !== 0x7b) continue;
      const out = carryOut(bytes, [redact('text', 'code', 'note', 'subject')]);
      const after = JSON.parse(out.toString('utf8')) as Record<string, unknown>;
      assert.equal(after['text'], undefined, file);
      assert.deepEqual(without(after), without(JSON.parse(bytes.toString('utf8'))), file);
      seen++;
    }
    assert(seen > 20);
  },
);
