import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JsonOutline, MappingError, parseJson } from '../../mappings/index.js';

function outlineOf(text: string | Buffer, pieceBytes = 1): { text: string; type: string | undefined } {
  const bytes = Buffer.from(text);
  const outline = new JsonOutline();
  for (let at = 0; at < bytes.length; at += pieceBytes) outline.push(bytes.subarray(at, at + pieceBytes));
  return { text: outline.end().toString('utf8'), type: outline.resourceType };
}

function codeOf(text: string | Buffer): string {
  try {
    outlineOf(text, 64 * 1024);
    return 'taken';
  } catch (error) {
    assert.ok(error instanceof MappingError, String(error));
    return error.code;
  }
}

const binary = {
  resourceType: 'Binary',
  id: 'x',
  meta: { versionId: '3' },
  securityContext: { reference: 'Patient/p1' },
};

test('what is left of a resource is the resource without its data, however it is cut and spaced', () => {
  const data = Buffer.alloc(5000, 7).toString('base64');
  for (const space of [0, 2]) {
    for (const resource of [
      { ...binary, data },
      { data, ...binary },
      { resourceType: 'Media', content: { data, title: 'data' }, note: [{ text: 'a "data": \\" {[' }] },
      {
        resourceType: 'DocumentReference',
        content: [{ attachment: { data } }, { attachment: { data: '' } }],
      },
    ]) {
      const text = JSON.stringify(resource, undefined, space);
      const expected = JSON.parse(text, (key, value: unknown) => (key === 'data' ? '' : value)) as unknown;
      for (const pieceBytes of [1, 2, 7, 1000, 100_000]) {
        const { text: left, type } = outlineOf(text, pieceBytes);
        assert.deepEqual(parseJson(Buffer.from(left)), expected);
        assert.equal(type, resource.resourceType);
      }
    }
  }
});

test('text without data is left as it is, broken or not', () => {
  for (const text of [
    '',
    '{',
    '{"a":1.10}',
    '[1,{"resourceType":"Binary"}]',
    'data":"',
    '{"data":null,"x":"data"}',
    '\u0000"é',
  ])
    for (const pieceBytes of [1, 100]) assert.equal(outlineOf(text, pieceBytes).text, text);
});

test('the type is that of the text itself', () => {
  const entry = [{ resource: { resourceType: 'Binary' } }];
  assert.equal(outlineOf(JSON.stringify({ entry, resourceType: 'Bundle' })).type, 'Bundle');
  assert.equal(outlineOf(JSON.stringify({ entry })).type, undefined);
  assert.equal(outlineOf('{"text":"resourceType","resourceType":"Media"}').type, 'Media');
});

test('data that would not be a text of JSON is refused, what writers escape is not', () => {
  assert.equal(outlineOf('{"data":"ab\\/cd\\r\\n"}').text, '{"data":""}');
  for (const bad of ['\\u0041', '\\"', '\\x', '\u0001', '\n', 'é', '\u007f'])
    assert.equal(codeOf(`{"data":"ab${bad}cd"}`), 'MAPPING_NOT_JSON', JSON.stringify(bad));
  assert.equal(codeOf('{"data":"abcd'), 'MAPPING_NOT_JSON');
  assert.equal(codeOf('{"data":"abcd\\'), 'MAPPING_NOT_JSON');
});

test('a member named twice stays so', () => {
  const { text } = outlineOf('{"resourceType":"Binary","data":"QQ==","data":"Qg=="}');
  assert.throws(() => parseJson(Buffer.from(text)), { code: 'MAPPING_JSON_DUPLICATE_KEY' });
});

test('what hides elsewhere than in data has a bound', () => {
  const large = 'A'.repeat(2 << 20);
  assert.equal(codeOf(`{"data":"${large}"}`), 'taken');
  assert.equal(codeOf(`{"d\\u0061ta":"${large}"}`), 'MAPPING_LINE_TOO_LONG');
  assert.equal(codeOf(`{"note":"${large}"}`), 'MAPPING_LINE_TOO_LONG');
});
