import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkJson, JSON_DEPTH_MAX, MappingError, parseJson, stripBom } from '../../../mappings/index.js';
import type { MappingErrorCode } from '../../../mappings/index.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');

function refuses(input: Buffer, code: MappingErrorCode): void {
  assert.throws(
    () => parseJson(input),
    (error: unknown) => error instanceof MappingError && error.code === code,
    `${code} for ${input.subarray(0, 60).toString('latin1')}`,
  );
}

const nested = (depth: number): string => `${'[{"a":'.repeat(depth / 2)}1${'}]'.repeat(depth / 2)}`;

describe('parseJson', () => {
  it('gives what JSON.parse gives', () => {
    for (const text of [
      '{}',
      '[]',
      ' {"a" : [1, -2.50e3, true, false, null, "x\\"y\\\\"], "b":{"a":{"a":1}}} ',
      '"µg/m³ ü \\u00e9 \\ud83d\\ude00"',
      '{"a":"b","b":"a","c":["a","a"],"d":[{"a":1},{"a":2}]}',
      '{"a,b":1,"a":{"x":[{"y":","}]},"{":"}","[":"]"}',
      '{"":1," ":2}',
      '0',
    ]) {
      assert.deepEqual(parseJson(bytes(text)), JSON.parse(text));
    }
  });

  it('refuses what is not JSON', () => {
    for (const text of [
      '',
      ' ',
      '{',
      '}',
      '[1,]',
      '{"a":1,}',
      '{"a" 1}',
      "{'a':1}",
      '"open',
      '"open\\',
      '{"a\\":1}',
      '[1}',
      '{"a":1]',
      'nul',
      '01',
      '1 2',
      '"a\nb"',
      '{"\\x":1}',
      '<Patient/>',
    ]) {
      refuses(bytes(text), 'MAPPING_NOT_JSON');
    }
  });

  it('keeps the parser message, which quotes the text, to itself', () => {
    try {
      parseJson(bytes('{"family":"Canary"'));
      assert.fail('must throw');
    } catch (error) {
      assert.ok(error instanceof MappingError);
      assert.ok(!error.message.includes('Canary'));
      assert.equal(error.cause, undefined);
    }
  });

  it('refuses bytes that are not strict UTF-8', () => {
    refuses(Buffer.from([0x22, 0xe4, 0x22]), 'MAPPING_NOT_UTF8');
    refuses(Buffer.from([0x22, 0xc0, 0x80, 0x22]), 'MAPPING_NOT_UTF8');
    refuses(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'MAPPING_NOT_UTF8');
    refuses(Buffer.from('"x"', 'utf16le').subarray(0, 5), 'MAPPING_NOT_JSON');
  });

  it('refuses escapes that have no UTF-8 form', () => {
    for (const text of [
      '"\\ud800"',
      '"\\uDFFF"',
      '"a\\ud83d\\ud83d"',
      '"\\ud83dx\\ude00"',
      '{"\\uDBFF":1}',
      '"\\ud83d\\\\ude00"',
    ]) {
      refuses(bytes(text), 'MAPPING_NOT_UTF8');
    }
    for (const text of [
      '"\\ud83d\\ude00"',
      '"\\uD83D\\uDE00"',
      '{"\\ud83d\\ude00":1}',
      '"\\\\ud800"',
      '"\\ud7ff\\ue000"',
    ]) {
      assert.deepEqual(parseJson(bytes(text)), JSON.parse(text));
    }
  });

  it('refuses a byte order mark, which stripBom takes off', () => {
    const marked = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes('{"a":1}')]);
    refuses(marked, 'MAPPING_JSON_BOM');
    assert.deepEqual(parseJson(stripBom(marked)), { a: 1 });
    assert.deepEqual(stripBom(bytes('{}')), bytes('{}'));
  });

  it('bounds the depth', () => {
    assert.ok(parseJson(bytes(nested(JSON_DEPTH_MAX))));
    refuses(bytes(nested(JSON_DEPTH_MAX + 2)), 'MAPPING_JSON_DEPTH');
    refuses(bytes(`${'['.repeat(10_000)}${']'.repeat(10_000)}`), 'MAPPING_JSON_DEPTH');
    refuses(bytes('['.repeat(1_000_000)), 'MAPPING_JSON_DEPTH');
    assert.throws(
      () => checkJson(bytes('[[1]]'), { depthMax: 1 }),
      (error: unknown) => error instanceof MappingError && error.code === 'MAPPING_JSON_DEPTH',
    );
    assert.deepEqual(parseJson(bytes('"[[[["'), { depthMax: 1 }), '[[[[');
  });

  it('refuses a member __proto__ however it is spelt, and leaves the prototype alone', () => {
    for (const text of [
      '{"__proto__":{"polluted":true}}',
      '[{"a":{"__proto__" : 1}}]',
      '{"\\u005f_proto__":1}',
      '{"__prot\\u006f__":1}',
      '{"\\u005f\\u005f\\u0070\\u0072\\u006f\\u0074\\u006f\\u005f\\u005f":1}',
    ]) {
      refuses(bytes(text), 'MAPPING_JSON_PROTO');
    }
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
    assert.deepEqual(parseJson(bytes('{"a":"__proto__","constructor":1,"__proto":2}')), {
      a: '__proto__',
      constructor: 1,
      __proto: 2,
    });
  });

  it('refuses a name that occurs twice in one object, also when one is written with escapes', () => {
    const wide = Array.from({ length: 100 }, (_, i) => `"k${i}":${i}`);
    for (const text of [
      '{"a":1,"a":1}',
      '{"a":1,"b":{"a":2},"a":3}',
      '[[{"x":[{"id":1,"id":2}]}]]',
      '{"a":1,"\\u0061":2}',
      '{"\\u0061":1,"a":2}',
      '{"":1,"":2}',
      '{"µ":1,"\\u00b5":2}',
      `{${[...wide, '"k0":1'].join(',')}}`,
      `{${[...wide, '"k\\u0039":1'].join(',')}}`,
      `{${[...wide, '"z":1,"z":2'].join(',')}}`,
    ]) {
      refuses(bytes(text), 'MAPPING_JSON_DUPLICATE_KEY');
    }
    assert.equal(Object.keys(parseJson(bytes(`{${wide.join(',')}}`)) as object).length, 100);
    assert.ok(parseJson(bytes(`[{"\\u0061":1},{"a":1,"b":{${wide.join(',')}},"c":{${wide.join(',')}}}]`)));
  });

  it('stays linear on objects with very many members', () => {
    const many = `{${Array.from({ length: 200_000 }, (_, i) => `"k${i}":0`).join(',')}}`;
    const started = performance.now();
    checkJson(bytes(many));
    assert.ok(performance.now() - started < 5_000);
  });

  it('agrees with JSON.parse on text with single bytes changed', () => {
    const text = '{"a":[1,{"b":"c\\n\\u00e9"},null],"d":{"e":-1.5e-3,"f":""}}';
    for (let i = 0; i < text.length; i++) {
      for (const c of ['"', '\\', '{', '}', '[', ']', ',', ':', '0', 'a', ' ']) {
        const changed = text.slice(0, i) + c + text.slice(i + 1);
        let expected: unknown;
        try {
          expected = JSON.parse(changed);
        } catch {
          assert.throws(() => parseJson(bytes(changed)), MappingError);
          continue;
        }
        try {
          assert.deepEqual(parseJson(bytes(changed)), expected);
        } catch (error) {
          // JSON.parse lets a repeated name pass.
          assert.ok(error instanceof MappingError && error.code === 'MAPPING_JSON_DUPLICATE_KEY', changed);
        }
      }
    }
  });
});
