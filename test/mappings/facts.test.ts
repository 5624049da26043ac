import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { factNames, FACTS_TABLE_VERSION, factsOf, MappingError, parseJson } from '../../mappings/index.js';
import type { JsonObject, JsonValue, MappingErrorCode } from '../../mappings/index.js';

/** The facts of a resource written as text, by name. */
function facts(text: string): Record<string, JsonValue> {
  const bytes = Buffer.from(text);
  const resource = parseJson(bytes) as JsonObject;
  const type = resource['resourceType'] as string;
  const found = factsOf(resource, type, bytes);
  assert.deepEqual(
    found.map(({ name }) => name),
    factNames(type),
  );
  return Object.fromEntries(found.map(({ name, value }) => [name, value]));
}

function refuses(resource: object, code: MappingErrorCode, expression: string): void {
  assert.throws(
    () => facts(JSON.stringify(resource)),
    (error: unknown) =>
      error instanceof MappingError && error.code === code && error.expression === expression,
    expression,
  );
}

describe('factsOf', () => {
  it('keeps decimals as the bytes write them', () => {
    for (const number of [
      '7.40',
      '7.4',
      '7',
      '0.0',
      '-0',
      '1e3',
      '1.50E-2',
      '12345678901234567890.10',
      '100',
    ]) {
      const found = facts(`{"resourceType":"Observation","valueQuantity":{"value":${number} ,"unit":"x"}}`);
      assert.equal(found['value'], number);
    }
  });

  it('finds a decimal behind anything, however its element is spelt', () => {
    const found = facts(
      '{"resourceType":"Observation","text":{"div":"\\"valueQuantity\\":{\\"value\\":1.0}"},' +
        '"contained":[{"resourceType":"Observation","valueQuantity":{"value":2.0}}],' +
        '"extension":[{"valueQuantity":{"value":3.0}}],"valueQu\\u0061ntity" : { "extension":[{"value":[4.0]}] , "value" : 5.00 }}',
    );
    assert.equal(found['value'], '5.00');
  });

  it('keeps the decimals of components and of nested lists apart', () => {
    const observation = facts(
      '{"resourceType":"Observation","component":[{"code":{"coding":[{"system":"s","code":"a"}]},"valueQuantity":{"value":1.0,"system":"http://unitsofmeasure.org","code":"mm[Hg]"}},' +
        '{"dataAbsentReason":{"coding":[{"code":"unknown"}]}},{"valueQuantity":{"value":2.00,"comparator":"<","unit":"mg"}}]}',
    );
    const none = {
      code: null,
      comparator: null,
      dataAbsentReason: null,
      unit: null,
      value: null,
      valueCode: null,
    };
    assert.deepEqual(observation['components'], [
      { ...none, code: ['s|a'], value: '1.0', unit: 'http://unitsofmeasure.org|mm[Hg]' },
      { ...none, dataAbsentReason: ['|unknown'] },
      { ...none, value: '2.00', comparator: '<', unit: '|mg' },
    ]);
    const request = facts(
      '{"resourceType":"MedicationRequest","dosageInstruction":[{"doseAndRate":[{"doseQuantity":{"value":1.0}},{"rateQuantity":{"value":2.0}}]},{"doseAndRate":[{"doseQuantity":{"value":3.0}}]}]}',
    );
    assert.deepEqual(
      (request['dosage'] as readonly JsonObject[]).map(({ doses }) =>
        (doses as readonly JsonObject[]).map(({ dose, rate }) => [dose, rate]),
      ),
      [
        [
          ['1.0', null],
          [null, '2.0'],
        ],
        [['3.0', null]],
      ],
    );
  });

  it('falls back to the number when it has no bytes, or those of something else', () => {
    const resource: JsonObject = { resourceType: 'Observation', valueQuantity: { value: 7.4 } };
    const valueWith = (bytes?: Buffer): unknown =>
      factsOf(resource, 'Observation', bytes).find(({ name }) => name === 'value')?.value;
    assert.equal(valueWith(), '7.4');
    assert.equal(valueWith(Buffer.from('{"valueQuantity":{"value":9.90}}')), '7.4');
    assert.equal(valueWith(Buffer.from('nonsense')), '7.4');
  });

  it('holds every name of the table, null when absent', () => {
    for (const type of [
      'Patient',
      'Encounter',
      'Observation',
      'Condition',
      'Procedure',
      'Claim',
      'MedicationDispense',
      'Flag',
    ]) {
      const found = facts(JSON.stringify({ resourceType: type }));
      assert.equal(found['resourceType'], type);
      assert.equal(found['table'], FACTS_TABLE_VERSION);
      for (const [name, value] of Object.entries(found)) {
        if (name !== 'resourceType' && name !== 'table') assert.equal(value, null, `${type} ${name}`);
      }
    }
  });

  it('keeps dates as text and reads the first of the alternatives', () => {
    assert.equal(facts('{"resourceType":"Observation","effectiveDateTime":"2020-03"}')['start'], '2020-03');
    const period = facts(
      '{"resourceType":"Procedure","performedPeriod":{"start":"2020","end":"2021-02-03"}}',
    );
    assert.deepEqual([period['start'], period['end']], ['2020', '2021-02-03']);
    const other = facts(
      '{"resourceType":"Flag","status":"active","period":{"start":"2020"},"code":{"coding":[{"code":"x"}]}}',
    );
    assert.deepEqual(
      [other['status'], other['code'], other['start'], other['end']],
      ['active', ['|x'], '2020', null],
    );
    const condition = facts('{"resourceType":"Condition","onsetDateTime":"2020","abatementDateTime":"2021"}');
    assert.deepEqual([condition['start'], condition['end']], ['2020', '2021']);
    assert.equal(facts('{"resourceType":"Patient","deceasedBoolean":true}')['deceased'], true);
    assert.equal(facts('{"resourceType":"Patient","deceasedDateTime":"2020"}')['deceased'], '2020');
  });

  it('reads a claim: sums, items, diagnoses', () => {
    const claim = facts(
      '{"resourceType":"Claim","total":{"value":129.10,"currency":"USD"},"item":[{"sequence":1,"productOrService":{"coding":[{"system":"s","code":"p"}]},"net":{"value":10.00,"currency":"USD"}}],"diagnosis":[{"sequence":1,"diagnosisReference":{"reference":"Condition/1"}}]}',
    );
    assert.equal(claim['total'], '129.10');
    const [item] = claim['items'] as readonly JsonObject[];
    assert.deepEqual([item?.['sequence'], item?.['code'], item?.['net']], ['1', ['s|p'], '10.00']);
    const [diagnosis] = claim['diagnoses'] as readonly JsonObject[];
    assert.deepEqual(diagnosis, { sequence: '1', code: null, condition: 'Condition/1' });
  });

  it('refuses elements of the wrong type and dates that are none, by FHIRPath', () => {
    const observation = { resourceType: 'Observation' };
    refuses({ ...observation, status: 1 }, 'MAPPING_BAD_ELEMENT', 'Observation.status');
    refuses({ ...observation, status: null }, 'MAPPING_BAD_ELEMENT', 'Observation.status');
    refuses({ ...observation, status: ['final'] }, 'MAPPING_BAD_ELEMENT', 'Observation.status');
    refuses({ ...observation, category: {} }, 'MAPPING_BAD_ELEMENT', 'Observation.category');
    refuses({ ...observation, category: ['x'] }, 'MAPPING_BAD_ELEMENT', 'Observation.category[0]');
    refuses({ ...observation, code: 'x' }, 'MAPPING_BAD_ELEMENT', 'Observation.code');
    refuses({ ...observation, code: { coding: {} } }, 'MAPPING_BAD_ELEMENT', 'Observation.code.coding');
    refuses(
      { ...observation, code: { coding: [{ code: 7 }] } },
      'MAPPING_BAD_ELEMENT',
      'Observation.code.coding[0].code',
    );
    refuses(
      { ...observation, code: { coding: [{ code: 'x', system: 7 }] } },
      'MAPPING_BAD_ELEMENT',
      'Observation.code.coding[0].system',
    );
    refuses(
      { ...observation, valueQuantity: { value: '7.40' } },
      'MAPPING_BAD_ELEMENT',
      'Observation.value.value',
    );
    refuses({ ...observation, valueQuantity: 7 }, 'MAPPING_BAD_ELEMENT', 'Observation.value');
    refuses({ ...observation, effectiveDateTime: '2020-13-45' }, 'MAPPING_BAD_DATE', 'Observation.effective');
    refuses(
      { ...observation, component: [{ valueBoolean: 'x' }] },
      'MAPPING_BAD_ELEMENT',
      'Observation.component[0].value',
    );
    refuses(
      { ...observation, performer: [{ reference: 1 }] },
      'MAPPING_BAD_ELEMENT',
      'Observation.performer[0].reference',
    );
    refuses({ resourceType: 'Patient', birthDate: '2020-02-30' }, 'MAPPING_BAD_DATE', 'Patient.birthDate');
    refuses(
      { resourceType: 'Patient', name: [{ given: ['a', 2] }] },
      'MAPPING_BAD_ELEMENT',
      'Patient.name[0].given[1]',
    );
    refuses(
      { resourceType: 'Encounter', period: { start: 'x' } },
      'MAPPING_BAD_DATE',
      'Encounter.period.start',
    );
  });

  it('passes over null in a list of primitives, where an extension may stand', () => {
    assert.deepEqual(facts('{"resourceType":"Patient","name":[{"given":["a",null]}]}')['given'], ['a']);
  });
});
