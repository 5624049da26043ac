import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BUNDLE_ENTRIES_MAX, MappingError, parseJson, sliceBundle } from '../../../mappings/index.js';
import type { MappingErrorCode } from '../../../mappings/index.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');

const bundleOf = (count: number): string =>
  `{"resourceType":"Bundle","entry":[${Array.from({ length: count }, () => '{}').join(',')}]}`;

function refuses(text: string, code: MappingErrorCode, expression?: string): void {
  assert.throws(
    () => sliceBundle(bytes(text)),
    (error: unknown) =>
      error instanceof MappingError &&
      error.code === code &&
      (expression === undefined || error.expression === expression),
    `${code} for ${text.slice(0, 80)}`,
  );
}

describe('sliceBundle', () => {
  it('gives the exact bytes of each resource', () => {
    const resources = [
      '{"resourceType":"Observation","id":"a","valueQuantity":{"value": 7.40}}',
      '{ "resourceType" : "Patient",\n "id":"b", "text":{"div":"<div>]}\\"{[ µ ü</div>"} }',
      '{"resourceType":"Basic","resource":{"entry":[{"resource":{}}]}}',
    ];
    const text = `{"entry" : [ ${resources.map((r) => `{"fullUrl":"urn:x","resource": ${r} ,"request":{"method":"PUT","url":"x","ifMatch":"W/\\"1\\""}}`).join(' , ')} ], "type":"transaction","resourceType":"Bundle"}`;
    const { type, entries } = sliceBundle(bytes(text));
    assert.equal(type, 'transaction');
    const cut = entries.map(({ resource }) =>
      resource === undefined
        ? undefined
        : bytes(text).subarray(resource.start, resource.end).toString('utf8'),
    );
    assert.deepEqual(cut, resources);
    assert.deepEqual(
      entries.map(({ fullUrl, method, url, ifMatch }) => [fullUrl, method, url, ifMatch]),
      resources.map(() => ['urn:x', 'PUT', 'x', 'W/"1"']),
    );
  });

  it('reads entries without resources, responses and links', () => {
    const sliced = sliceBundle(
      bytes(
        JSON.stringify({
          resourceType: 'Bundle',
          type: 'history',
          link: [{ relation: 'next', url: 'http://x/fhir?page=2' }],
          entry: [
            { request: { method: 'DELETE', url: 'Patient/1' } },
            {
              resource: { resourceType: 'Patient' },
              response: {
                status: '201',
                etag: 'W/"1"',
                location: 'Patient/1/_history/1',
                lastModified: '2020-01-01',
              },
            },
          ],
        }),
      ),
    );
    assert.deepEqual(sliced.links, [{ relation: 'next', url: 'http://x/fhir?page=2' }]);
    assert.equal(sliced.entries[0]?.resource, undefined);
    assert.equal(sliced.entries[0]?.method, 'DELETE');
    assert.equal(sliced.entries[0]?.url, 'Patient/1');
    assert.equal(sliced.entries[1]?.status, '201');
    assert.equal(sliced.entries[1]?.etag, 'W/"1"');
    assert.equal(sliced.entries[1]?.location, 'Patient/1/_history/1');
    assert.equal(sliced.entries[1]?.lastModified, '2020-01-01');
    assert.ok(sliced.entries[1]?.resource !== undefined);
  });

  it('finds the members however their names are spelt', () => {
    const text = '{"resourceType":"Bundle","\\u0065ntry":[{"re\\u0073ource":{"a":1}}]}';
    const range = sliceBundle(bytes(text)).entries[0]?.resource;
    assert.equal(bytes(text).subarray(range?.start, range?.end).toString(), '{"a":1}');
  });

  it('leaves a bad resource to the reader of its slice, and the rest intact', () => {
    const text =
      '{"resourceType":"Bundle","entry":[{"resource":{"a":nope}},{"resource":7},{"resource":{"b":1}}]}';
    const slices = sliceBundle(bytes(text)).entries.map(({ resource }) =>
      bytes(text).subarray(resource?.start, resource?.end),
    );
    assert.throws(() => parseJson(slices[0] as Buffer), MappingError);
    assert.equal(parseJson(slices[1] as Buffer), 7);
    assert.deepEqual(parseJson(slices[2] as Buffer), { b: 1 });
  });

  it('takes a Bundle without entries', () => {
    assert.deepEqual(sliceBundle(bytes('{"resourceType":"Bundle"}')), { type: '', entries: [], links: [] });
    assert.deepEqual(
      sliceBundle(bytes('{"resourceType":"Bundle","type":"searchset","entry":[]}')).entries,
      [],
    );
  });

  it('refuses what is no Bundle, with the element', () => {
    refuses('{"resourceType":"Patient","entry":[]}', 'MAPPING_NOT_A_BUNDLE', 'Bundle');
    refuses('[]', 'MAPPING_NOT_A_BUNDLE');
    refuses('{"resourceType":"Bundle","entry":{}}', 'MAPPING_BAD_ELEMENT', 'Bundle.entry');
    refuses('{"resourceType":"Bundle","entry":[3]}', 'MAPPING_BAD_ELEMENT', 'Bundle.entry[0]');
    refuses(
      '{"resourceType":"Bundle","entry":[{},{"fullUrl":1}]}',
      'MAPPING_BAD_ELEMENT',
      'Bundle.entry[1].fullUrl',
    );
    refuses(
      '{"resourceType":"Bundle","entry":[{"request":[]}]}',
      'MAPPING_BAD_ELEMENT',
      'Bundle.entry[0].request',
    );
    refuses('{"resourceType":"Bundle","type":1}', 'MAPPING_BAD_ELEMENT', 'Bundle.type');
    refuses('{"resourceType":"Bundle","entry":[{"resource":{}}', 'MAPPING_NOT_JSON');
    refuses('{"resourceType":"Bundle","entry":[{"resource":}]}', 'MAPPING_NOT_JSON');
    refuses('{"resourceType":"Bundle","entry":[{"resource":{}},]}', 'MAPPING_NOT_JSON');
    refuses('{"resourceType":"Bundle","entry":[{"resource":{} "x"}]}', 'MAPPING_NOT_JSON');
    refuses('{"resourceType":"Bundle","entry":[],"entry":[]}', 'MAPPING_JSON_DUPLICATE_KEY');
    refuses(
      '{"resourceType":"Bundle","entry":[{"resource":{},"resource":{}}]}',
      'MAPPING_JSON_DUPLICATE_KEY',
    );
    refuses('{"resourceType":"Bundle","__proto__":{}}', 'MAPPING_JSON_PROTO');
    refuses('', 'MAPPING_NOT_JSON');
  });

  it('bounds the number of entries', () => {
    assert.equal(sliceBundle(bytes(bundleOf(BUNDLE_ENTRIES_MAX))).entries.length, BUNDLE_ENTRIES_MAX);
    refuses(bundleOf(BUNDLE_ENTRIES_MAX + 1), 'MAPPING_BUNDLE_TOO_LARGE', 'Bundle.entry');
    assert.throws(
      () => sliceBundle(bytes(bundleOf(3)), { entriesMax: 2 }),
      (error: unknown) => error instanceof MappingError && error.code === 'MAPPING_BUNDLE_TOO_LARGE',
    );
  });
});
