import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { identifierQuery, isFhirId, resolveReference } from '../../mappings/index.js';

const context = {
  sourceBase: 'https://ehr.example/fhir',
  urn: new Map([
    ['urn:uuid:1', 'Patient/p1'],
    ['https://elsewhere.example/fhir/Patient/9', 'Patient/p9'],
    ['Patient?identifier=x', 'Patient/found'],
  ]),
};

const resolve = (reference: string, type?: string): unknown =>
  resolveReference(type === undefined ? { reference } : { reference, type }, context);

describe('resolveReference', () => {
  it('takes every kind for what it is', () => {
    assert.deepEqual(resolve('Patient/1'), { kind: 'local', type: 'Patient', id: '1' });
    assert.deepEqual(resolve('Patient/1/_history/2'), {
      kind: 'local',
      type: 'Patient',
      id: '1',
      versionId: '2',
    });
    assert.deepEqual(resolve('https://ehr.example/fhir/Patient/1'), {
      kind: 'local',
      type: 'Patient',
      id: '1',
    });
    assert.deepEqual(resolve('https://ehr.example/fhir2/Patient/1'), {
      kind: 'foreign',
      url: 'https://ehr.example/fhir2/Patient/1',
    });
    assert.deepEqual(resolve('https://elsewhere.example/fhir/Patient/9'), {
      kind: 'local',
      type: 'Patient',
      id: 'p9',
    });
    assert.deepEqual(resolve('urn:uuid:1'), { kind: 'local', type: 'Patient', id: 'p1' });
    assert.deepEqual(resolve('urn:uuid:2'), { kind: 'unknown-urn', urn: 'urn:uuid:2' });
    assert.deepEqual(resolve('urn:oid:1.2'), { kind: 'unknown-urn', urn: 'urn:oid:1.2' });
    assert.deepEqual(resolve('#'), { kind: 'container' });
    assert.deepEqual(resolve('#p'), { kind: 'contained', id: 'p' });
    assert.deepEqual(resolve('Patient?identifier=y'), {
      kind: 'conditional',
      type: 'Patient',
      query: 'identifier=y',
    });
    assert.deepEqual(resolve('Patient?identifier=a/b'), {
      kind: 'conditional',
      type: 'Patient',
      query: 'identifier=a/b',
    });
    assert.deepEqual(resolve('Patient?identifier=x'), { kind: 'local', type: 'Patient', id: 'found' });
    assert.deepEqual(
      resolveReference({ identifier: { system: 's', value: 'v' }, type: 'Patient' }, context),
      {
        kind: 'identifier',
        type: 'Patient',
        system: 's',
        value: 'v',
      },
    );
    assert.deepEqual(resolveReference({ display: 'somebody' }, context), { kind: 'nothing' });
  });

  it('does not take another server for the source when no base is known', () => {
    const found = resolveReference({ reference: 'https://ehr.example/fhir/Patient/1' }, { urn: new Map() });
    assert.equal(found.kind, 'foreign');
  });

  it('refuses what is no reference', () => {
    for (const text of [
      '',
      'Patient',
      'Patient/',
      'Patient/..',
      'Patient/.',
      'Patient/../Observation/1',
      'Patient/a/b',
      'Patient/a b',
      'Patient/%31',
      'Patient/1/_history/',
      'Patient/1/_history/../2',
      `Patient/${'a'.repeat(65)}`,
      'Nothing/1',
      'Nothing?x=1',
      'Patient?',
      '/Patient/1',
      '../Patient/1',
      'patient/1',
    ]) {
      assert.deepEqual(resolve(text), { kind: 'bad', element: '.reference' }, text);
    }
    assert.deepEqual(resolveReference('Patient/1', context), { kind: 'bad', element: '' });
    assert.deepEqual(resolveReference([], context), { kind: 'bad', element: '' });
    assert.deepEqual(resolveReference({ reference: 1 }, context), { kind: 'bad', element: '.reference' });
    assert.deepEqual(resolveReference({ reference: 'Patient/1', type: 2 }, context), {
      kind: 'bad',
      element: '.type',
    });
    assert.deepEqual(resolveReference({ identifier: 'x' }, context), { kind: 'bad', element: '.identifier' });
    assert.deepEqual(resolveReference({ identifier: { value: 1 } }, context), {
      kind: 'bad',
      element: '.identifier',
    });
  });

  it('refuses a type that contradicts the reference', () => {
    assert.deepEqual(resolve('Patient/1', 'Group'), { kind: 'bad', element: '.type' });
    assert.deepEqual(resolve('Patient/1', 'http://hl7.org/fhir/StructureDefinition/Patient'), {
      kind: 'local',
      type: 'Patient',
      id: '1',
    });
  });
});

describe('ids and queries', () => {
  it('keeps ids to what a path may hold', () => {
    for (const id of ['1', 'a.b-C', 'x'.repeat(64), '..a']) assert.ok(isFhirId(id), id);
    for (const id of ['', '.', '..', '...', 'a/b', 'a\\b', 'ü', 'a_b', 'a b', 'a\n', 'x'.repeat(65), '%2e']) {
      assert.ok(!isFhirId(id), id);
    }
  });

  it('escapes what a search would read otherwise', () => {
    assert.equal(identifierQuery('urn:s', 'a'), `identifier=${encodeURIComponent('urn:s|a')}`);
    assert.equal(
      identifierQuery('urn:s', 'a,b|c$d\\e&f'),
      `identifier=${encodeURIComponent('urn:s|a\\,b\\|c\\$d\\\\e&f')}`,
    );
  });
});
