import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dataPlaces, parseJson, rewriteResource } from '../../../mappings/index.js';

const facadeId = (type: string, id: string): string => `${type.toLowerCase()}-${id}`;

function rewritten(text: string, more: Partial<Parameters<typeof rewriteResource>[1]> = {}): string {
  const options = { id: 'own', facadeId, sourceBase: 'https://h.example/fhir', ...more };
  return rewriteResource(Buffer.from(text, 'utf8'), options).toString('utf8');
}

test('only the own id and references of the same source are exchanged', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['"Patient/1"', '"Patient/patient-1"'],
    ['"Patient/1/_history/3"', '"Patient/patient-1/_history/3"'],
    ['"https://h.example/fhir/Patient/1"', '"Patient/patient-1"'],
    ['"Pati\\u0065nt\\/1"', '"Patient/patient-1"'],
    ['"https://h.example/fhirs/Patient/1"', '"https://h.example/fhirs/Patient/1"'],
    ['"http://other.example/fhir/Patient/1"', '"http://other.example/fhir/Patient/1"'],
    ['"#inside"', '"#inside"'],
    ['"#"', '"#"'],
    ['"urn:uuid:1"', '"Patient/patient-9"'],
    ['"urn:uuid:2"', '"urn:uuid:2"'],
    ['"Patient?identifier=x|1"', '"Patient/patient-8"'],
    ['"Patient?identifier=x|2"', '"Patient?identifier=x|2"'],
    ['"not a reference"', '"not a reference"'],
    ['7.40', '7.40'],
    ['null', 'null'],
  ];
  const links = new Map([
    ['urn:uuid:1', 'Patient/9'],
    ['Patient?identifier=x|1', 'Patient/8'],
  ]);
  for (const [from, to] of rows)
    for (const frame of [
      (value: string) => `{"resourceType":"X","id":"own","subject":{"reference":${value}}}`,
      (value: string) =>
        `{"resourceType":"X","id":"own","contained":[{"id":"i","a":[[{"reference" : ${value} , "b":1}]]}]}`,
      (value: string) =>
        `{"resourceType":"X","id":"own","extension":[{"url":"Patient/1","valueReference":{"reference":${value}}}]}`,
      (value: string) => ` {\n"resourceType":"X", "id":"own",\t"r\\u0065ference":${value}\r\n} `,
    ])
      assert.equal(rewritten(frame(from), { links }), frame(to), from);
});

test('the id of the resource alone is exchanged, and one that is missing is given', () => {
  assert.equal(
    rewritten('{"resourceType":"X","id":"1","contained":[{"id":"1"}],"a":{"id":"1"}}'),
    '{"resourceType":"X","id":"own","contained":[{"id":"1"}],"a":{"id":"1"}}',
  );
  assert.equal(rewritten('{"resourceType":"X"}'), '{"id":"own","resourceType":"X"}');
});

test('an attachment’s address of a Binary is one of the facade’s, no other address is', () => {
  assert.equal(
    rewritten('{"id":"1","content":[{"attachment":{"url":"Binary/1"}},{"attachment":{"url":"Patient/1"}}]}'),
    '{"id":"own","content":[{"attachment":{"url":"Binary/binary-1"}},{"attachment":{"url":"Patient/1"}}]}',
  );
  assert.equal(
    rewritten('{"id":"1","modifierExtension":[{"url":"Binary/1"}]}'),
    '{"id":"own","modifierExtension":[{"url":"Binary/1"}]}',
  );
});

test('texts with brackets, quotes and escapes do not lead astray', () => {
  const text = String.raw`{"id":"1","note":"} ] , \"reference\": \"Patient/1\" \\","list":[[],{},[{}],"x"],"µ":"ü 😀","n":-1.50e+3}`;
  assert.equal(rewritten(text), text.replace('"1"', '"own"'));
});

function back(json: unknown): unknown {
  const text = JSON.stringify(json).replaceAll('patient-1', '1').replaceAll('binary-2', '2');
  return JSON.parse(text) as unknown;
}

test('any JSON comes out as JSON that differs in the ids alone', () => {
  let seed = 7;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return seed % below;
  };
  const keys = ['id', 'reference', 'url', 'data', 'extension', 'a', 'ü"\\'];
  const value = (depth: number): unknown => {
    switch (random(depth > 4 ? 4 : 6)) {
      case 0:
        return ['Patient/1', '#x', 'text', '', '\\"', 'Binary/2'][random(6)];
      case 1:
        return random(1000) / 10;
      case 2:
        return random(2) === 0;
      case 3:
        return null;
      case 4:
        return Array.from({ length: random(4) }, () => value(depth + 1));
      default:
        return Object.fromEntries(keys.slice(random(7)).map((key) => [key, value(depth + 1)]));
    }
  };
  for (let i = 0; i < 500; i++) {
    const resource = {
      ...Object.fromEntries([
        ['a', value(0)],
        ['b', value(0)],
      ]),
      id: 'own',
    };
    const text = JSON.stringify(resource, undefined, random(3));
    assert.deepEqual(back(parseJson(Buffer.from(rewritten(text)))), JSON.parse(text));
  }
});

test('data can be left out, and its places are found', () => {
  const text = '{"id":"1","content":{"data":"","title":"data"},"more":[{"data" : "" }],"data":{"data":1}}';
  const places = dataPlaces(Buffer.from(text));
  assert.deepEqual(
    places.map((at) => text.slice(at - 1, at + 1)),
    ['""', '""'],
  );
  const omitted = JSON.parse(rewritten(text, { omitsData: true })) as { content: object; more: object[] };
  assert.deepEqual(Object.keys(omitted.content), ['_data', 'title']);
  assert.deepEqual(Object.keys(omitted.more[0] ?? {}), ['_data']);
});
