import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonObject, JsonValue } from '../../../mappings/index.js';
import { compileView, VIEW_LIMITS, ViewError, ViewReader } from '../../../mappings/views/index.js';
import type { ViewErrorCode } from '../../../mappings/views/index.js';

const OBSERVATION: JsonObject = {
  resourceType: 'Observation',
  id: 'o1',
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '2708-6' }, { code: 'local' }] },
  subject: { reference: 'Patient/p1' },
  effectiveDateTime: '2020-03-01T12:00:00Z',
  issued: '2020-03-01T14:00:00+02:00',
  valueQuantity: { value: 7.5, unit: '%' },
  note: [{ text: 'a' }, { text: 'b' }],
  _status: { extension: [{ url: 'http://x', valueString: 'why' }] },
};

/** What a path gives as a collection, on the parsed resource; and the same on its bytes. */
function items(
  path: string,
  resource: JsonObject = OBSERVATION,
  constant: JsonObject[] = [],
): readonly JsonValue[] {
  const view = compileView({
    resource: resource['resourceType'] ?? '',
    constant,
    select: [{ column: [{ name: 'v', path, collection: true }] }],
  });
  const found: JsonValue[] = [];
  view.start((row) => found.push(row[0] ?? null)).add(resource);
  const read: JsonValue[] = [];
  new ViewReader(view, (row) => read.push(row[0] ?? null)).resource(Buffer.from(JSON.stringify(resource)));
  assert.deepEqual(read, found, 'bytes and parsed resource give the same');
  return found[0] as readonly JsonValue[];
}

function value(path: string, resource?: JsonObject, constant?: JsonObject[]): JsonValue | undefined {
  const found = items(path, resource, constant);
  assert.ok(found.length <= 1, `${path}: ${found.length} items`);
  return found[0];
}

function refuses(run: () => unknown, code: ViewErrorCode): void {
  assert.throws(run, (error: unknown) => error instanceof ViewError && error.code === code, code);
}

function bornIn(birthDate: string): JsonObject {
  return { resourceType: 'Patient', birthDate };
}

describe('FHIRPath subset', () => {
  it('reads literals', () => {
    for (const [path, wanted] of [
      ["'it''", undefined],
      ["'it\\'s \\u00e9 \\n'", "it's é \n"],
      ['1.50', 1.5],
      ['-2', -2],
      ['+2', 2],
      ['true', true],
      ['@2020-01', '2020-01'],
      ['@T12:30', '12:30'],
      ['{}', undefined],
      ['1 /* one */ + 1 // and one', 2],
    ] as const) {
      if (path === "'it''") refuses(() => value(path), 'VIEW_BAD_PATH');
      else assert.deepEqual(value(path), wanted, path);
    }
  });

  it('binds operators as FHIRPath does', () => {
    assert.equal(value('1 + 2 * 3'), 7);
    assert.equal(value('(1 + 2) * 3'), 9);
    assert.equal(value('10 - 2 - 3'), 5);
    assert.equal(value('true or false and false'), true);
    assert.equal(value('1 + 1 = 2 and 1 < 2'), true);
    assert.equal(value("'a' + 'b' = 'ab'"), true);
    assert.equal(value('-valueQuantity.value + 1'), -6.5);
    assert.equal(value('0.1 + 0.2'), 0.3);
    assert.equal(value('1 / 0'), undefined);
  });

  it('has three-valued logic', () => {
    for (const [path, wanted] of [
      ['{} and false', false],
      ['false and {}', false],
      ['{} and true', undefined],
      ['{} or true', true],
      ['{} or false', undefined],
      ['{}.not()', undefined],
      ['status and true', true],
      ['{} = 1', undefined],
      ["status != 'final'", false],
      ["(status = 'x').not()", true],
    ] as const)
      assert.equal(value(path), wanted, path);
  });

  it('compares collections whole', () => {
    assert.equal(value('note.text = note.text'), true);
    assert.equal(value("note.text = 'a'"), false);
    assert.equal(value('code = code'), true);
    assert.equal(value('code = subject'), false);
    assert.equal(value("1 = '1'"), false);
  });

  it('compares dates by their precision and zone', () => {
    assert.equal(value('effective = issued'), true);
    assert.equal(value('effective < issued'), false);
    assert.equal(value('effective >= @2020-02'), true);
    assert.equal(value('effective > @2020-03-01'), undefined);
    assert.equal(value('effective = @2020-03-01'), undefined);
    assert.equal(value('effective < @2020-03-01T12:00:01Z'), true);
    assert.equal(value('@2020 = @2020-01'), undefined);
    assert.equal(value('@2020 != @2021-01'), true);
    assert.equal(value('@T12:00:00 = @T12:00:00.000'), true);
    assert.equal(value('@T12:00 < @T12:30:00'), true);
    assert.equal(value('@T12:00 = @T12:00:00'), undefined);
    assert.equal(
      value('effective.ofType(dateTime) = %t', OBSERVATION, [
        { name: 't', valueInstant: '2020-03-01T13:00:00+01:00' },
      ]),
      true,
    );
    assert.equal(value('status > @2020'), undefined);
  });

  it('finds elements with a choice of types', () => {
    assert.equal(value('value.ofType(Quantity).unit'), '%');
    assert.equal(value('value.ofType(FHIR.Quantity).unit'), '%');
    assert.equal(value('value.unit'), '%');
    assert.equal(value('value.exists()'), true);
    assert.equal(value('value.ofType(string)'), undefined);
    assert.equal(value('Observation.status'), 'final');
    assert.equal(value('Patient.status'), undefined);
  });

  it('filters, indexes and joins', () => {
    assert.deepEqual(items('note.text'), ['a', 'b']);
    assert.equal(value('note[1].text'), 'b');
    assert.equal(value('note[2].text'), undefined);
    assert.equal(value('note[-1].text'), undefined);
    assert.equal(value("code.coding.where(system = 'http://loinc.org').code"), '2708-6');
    assert.equal(value('code.coding.where(system.exists()).first().code'), '2708-6');
    assert.equal(value("code.coding.exists(code = 'local')"), true);
    assert.equal(
      value('note.where($this.text = %x).text', OBSERVATION, [{ name: 'x', valueString: 'b' }]),
      'b',
    );
    assert.equal(value("note.text.join('-')"), 'a-b');
    assert.equal(value('note.where(text).empty()'), false);
    assert.equal(value('`status`'), 'final');
  });

  it('passes over null where only an extension stands', () => {
    const patient: JsonObject = {
      resourceType: 'Patient',
      name: [{ given: [null, 'B'] }, { given: [null] }],
    };
    assert.deepEqual(items('name.given', patient), ['B']);
    assert.equal(value('name[0].given[0]', patient), 'B');
    assert.equal(value('name[1].given.exists()', patient), false);
  });

  it('finds the extensions of a primitive', () => {
    assert.equal(value("status.extension('http://x').value.ofType(string)"), 'why');
    assert.equal(value("status.extension('http://y').exists()"), false);
    assert.equal(value('extension(%u).exists()', OBSERVATION, [{ name: 'u', valueUri: 'http://x' }]), false);
  });

  it('keeps keys of other servers apart', () => {
    const of = (reference: string, path = 'subject.getReferenceKey()'): JsonValue | undefined =>
      value(path, { ...OBSERVATION, subject: { reference } });
    assert.equal(of('Patient/p1'), 'p1');
    assert.equal(of('Patient/p1/_history/2'), 'p1');
    assert.equal(of('Patient/p1', 'subject.getReferenceKey(Group)'), undefined);
    assert.equal(of('http://else.org/Patient/p1'), 'http://else.org/Patient/p1');
    assert.equal(
      of('http://else.org/Patient/p1', 'subject.getReferenceKey(Patient)'),
      'http://else.org/Patient/p1',
    );
    assert.equal(of('#p1'), undefined);
    assert.equal(value('getResourceKey()'), 'o1');
    assert.equal(value('code.getResourceKey()'), undefined);
  });

  it('tells boundaries of dates', () => {
    assert.equal(value('birthDate.highBoundary()', bornIn('2024-02')), '2024-02-29');
    assert.equal(value('birthDate.highBoundary()', bornIn('2023-02')), '2023-02-28');
    assert.equal(value('birthDate.highBoundary()', bornIn('2023')), '2023-12-31');
    assert.equal(value('effective.ofType(dateTime).lowBoundary()'), '2020-03-01T12:00:00.000Z');
    assert.equal(value('@T12:30.highBoundary()'), '12:30:59.999');
  });

  it('says what it does not have, and where', () => {
    for (const [path, code, position] of [
      ['name.last()', 'VIEW_UNSUPPORTED', 5],
      ['a | b', 'VIEW_UNSUPPORTED', 2],
      ['a is Patient', 'VIEW_UNSUPPORTED', 2],
      ['a xor b', 'VIEW_UNSUPPORTED', 2],
      ['$index', 'VIEW_UNSUPPORTED', 1],
      ['a.where(b).ofType(string)', 'VIEW_UNSUPPORTED', 11],
      ['name.ofType(HumanName)', 'VIEW_BAD_PATH', 5],
      ['issued.ofType(instant)', 'VIEW_UNSUPPORTED', 7],
      ['value.ofType(Quantiti)', 'VIEW_BAD_PATH', 6],
      ['value.ofType(1)', 'VIEW_BAD_PATH', 6],
      ['constructor', 'VIEW_UNSUPPORTED', 0],
      ['a.__proto__.b', 'VIEW_UNSUPPORTED', 2],
      ['%nothing', 'VIEW_UNKNOWN_CONSTANT', 1],
      ['', 'VIEW_BAD_PATH', 0],
      ['a.', 'VIEW_BAD_PATH', 2],
      ['(a', 'VIEW_BAD_PATH', 2],
      ['a b', 'VIEW_BAD_PATH', 2],
      ['@2020-1', 'VIEW_BAD_PATH', 0],
      ['where()', 'VIEW_BAD_PATH', 0],
      ['extension(a)', 'VIEW_BAD_PATH', 0],
      ['4 mg', 'VIEW_BAD_PATH', 2],
      ["4 'mg'", 'VIEW_BAD_PATH', 2],
      ["'\\q'", 'VIEW_BAD_PATH', 1],
    ] as const) {
      assert.throws(
        () => value(path),
        (error: unknown) =>
          error instanceof ViewError &&
          error.code === code &&
          error.at === 'select[0].column[0].path' &&
          error.position === position,
        path,
      );
    }
  });

  it('refuses values that an operator has no meaning for', () => {
    refuses(() => value('note.text + 1'), 'VIEW_SEVERAL_VALUES');
    refuses(() => value('status + 1'), 'VIEW_BAD_OPERAND');
    refuses(() => value('-status'), 'VIEW_BAD_OPERAND');
    refuses(() => value('code < 1'), 'VIEW_BAD_OPERAND');
    refuses(() => value('note.text.not()'), 'VIEW_SEVERAL_VALUES');
    refuses(() => value('note[note.text]'), 'VIEW_SEVERAL_VALUES');
  });

  it('bounds length and depth, in time', () => {
    const startedMs = performance.now();
    refuses(() => value('a'.repeat(VIEW_LIMITS.pathLengthMax + 1)), 'VIEW_TOO_LARGE');
    refuses(() => value(`${'('.repeat(2000)}a${')'.repeat(2000)}`), 'VIEW_TOO_LARGE');
    refuses(() => value('-'.repeat(4000)), 'VIEW_TOO_LARGE');
    refuses(() => value('a'.repeat(1) + '.a'.repeat(1500)), 'VIEW_TOO_LARGE');
    refuses(() => value(`1${'+1'.repeat(1500)}`), 'VIEW_TOO_LARGE');
    refuses(() => value('a.where('.repeat(500)), 'VIEW_TOO_LARGE');
    refuses(() => value('a[0]'.repeat(500)), 'VIEW_BAD_PATH');
    assert.throws(() => value(`/*${'*/*'.repeat(1000)}`), ViewError);
    // Each step of these reads its owner once, when compiled and when run.
    assert.equal(value(`code${".coding.extension('u')".repeat(40)}.exists()`), false);
    assert.equal(value(`1${'.lowBoundary()'.repeat(60)}.exists()`), true);
    assert.equal(value(`value${'.a.lowBoundary()'.repeat(60)}.exists()`), false);
    assert.ok(performance.now() - startedMs < 2000);
  });
});
