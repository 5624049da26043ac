import assert from 'node:assert/strict';
import test from 'node:test';
import { decide, UNREADABLE } from '../../../ledger/consent/index.js';
import { labelled, mapRecord, SENSITIVE_CATEGORIES, sensitivityOf } from '../../../mappings/index.js';
import sets from '../../../mappings/labels/value-sets.json' with { type: 'json' };
import {
  asks,
  conf,
  consent,
  CUSTODIAN,
  HOSPITAL,
  NOW_MS,
  permits,
  denies,
  TREAT,
} from '../../ledger/consent/fixtures.js';

const ACT = 'http://terminology.hl7.org/CodeSystem/v3-ActCode|';
const ICD = 'http://hl7.org/fhir/sid/icd-10-cm';
const SCT = 'http://snomed.info/sct';
const codesOf = (system: string, code: string): string[] =>
  sensitivityOf({ resourceType: 'Condition', code: { coding: [{ system, code }] } }).map((token) =>
    token.slice(token.lastIndexOf('|') + 1),
  );

test('every category has its source and version, labels, and codes of several systems', () => {
  assert.match(sets.source, /ICD-10-CM.*SNOMED CT.*LOINC.*RxNorm/);
  assert.match(sets.version, /^2026-/);
  assert.deepEqual(SENSITIVE_CATEGORIES, [
    'mental-health',
    'substance-use',
    'hiv',
    'reproductive-sexual-health',
    'genetics',
    'violence',
  ]);
  for (const [name, { labels, icd, codes }] of Object.entries(sets.categories)) {
    assert(labels.length > 0 && icd.length > 0, name);
    for (const entry of icd)
      assert.match(entry, /^[A-Z]\d[0-9A-Z](\.\d{1,3})?(-[A-Z]\d[0-9A-Z](\.\d{1,3})?)?$/, entry);
    for (const list of Object.values(codes)) {
      assert.equal(new Set(list.map(({ code }) => code)).size, list.length, name);
      for (const { code, display } of list) assert(code !== '' && display !== '');
    }
    assert(Object.keys(codes).length >= 2);
  }
});

test('codes of each category, and their neighbours', () => {
  const rows: [string, string, string[]][] = [
    [ICD, 'F32.1', ['MH', 'PSY', 'R']],
    [ICD, 'F329', ['MH', 'PSY', 'R']],
    [ICD, 'f20', ['MH', 'PSY', 'R']],
    [ICD, 'F10.20', ['ETH', 'SUD', 'R']],
    [ICD, 'F17.210', []],
    [ICD, 'B20', ['HIV', 'R']],
    [ICD, 'B24', ['HIV', 'R']],
    [ICD, 'B25', []],
    [ICD, 'B97.35', ['HIV', 'R']],
    [ICD, 'B97.3', []],
    [ICD, 'O04.5', ['SEX', 'STD', 'R']],
    [ICD, 'O9A.211', ['SEX', 'STD', 'R']],
    [ICD, 'O9A.311', ['SDV', 'SEX', 'STD', 'VIO', 'R']],
    [ICD, 'Q90.9', ['GDIS', 'R']],
    [ICD, 'Z31.5', ['GDIS', 'SEX', 'STD', 'R']],
    [ICD, 'T74.11XA', ['SDV', 'VIO', 'R']],
    [ICD, 'X95.9', ['SDV', 'VIO', 'R']],
    [ICD, 'Y08', ['SDV', 'VIO', 'R']],
    [ICD, 'Y10', []],
    [ICD, 'X84', []],
    [ICD, 'J18.9', []],
    [ICD, '', []],
    ['http://hl7.org/fhir/sid/icd-10', 'F32.1', ['MH', 'PSY', 'R']],
    ['urn:another', 'F32.1', []],
    [SCT, '86406008', ['HIV', 'R']],
    [SCT, '840539006', []],
    ['http://loinc.org', '44261-6', ['MH', 'PSY', 'R']],
    ['http://loinc.org', '8867-4', []],
    ['http://www.nlm.nih.gov/research/umls/rxnorm', '6813', ['ETH', 'SUD', 'R']],
  ];
  for (const [system, code, expected] of rows)
    assert.deepEqual(codesOf(system, code).toSorted(), expected.toSorted(), code);
});

test('ATTACKS 68: in contained resources, reasons, Bundles, at any depth', () => {
  const hiv = { coding: [{ system: SCT, code: '86406008' }] };
  const inner = { resourceType: 'Condition', id: 'c', code: hiv };
  for (const resource of [
    { resourceType: 'MedicationRequest', contained: [inner] },
    { resourceType: 'MedicationRequest', reasonCode: [hiv] },
    { resourceType: 'Bundle', entry: [{ resource: { resourceType: 'Patient' } }, { resource: inner }] },
    { resourceType: 'Observation', extension: [{ url: 'urn:x', valueCodeableConcept: hiv }] },
  ])
    assert.deepEqual(sensitivityOf(resource), [`${ACT}HIV`, conf('R')]);
  for (const nothing of [null, 'x', 1, [], {}, { code: 1, system: null }])
    assert.deepEqual(sensitivityOf(nothing), []);
});

test('labels are only added: those of the source stay, and what nobody labelled may be more', () => {
  assert.equal(labelled(undefined, []), undefined);
  assert.equal(labelled([], []), undefined);
  assert.deepEqual(labelled(['a'], []), ['a']);
  assert.deepEqual(labelled([conf('N')], [`${ACT}HIV`, conf('R')]), [conf('N'), `${ACT}HIV`, conf('R')]);
  assert.deepEqual(labelled(undefined, [`${ACT}HIV`, conf('R')]), [`${ACT}HIV`, conf('R'), UNREADABLE]);
});

const condition = (system: string, code: string, security?: object[]) =>
  mapRecord(
    {
      resourceType: 'Condition',
      id: 'c',
      ...(security === undefined ? {} : { meta: { security } }),
      subject: { reference: 'Patient/p' },
      code: { coding: [{ system, code }] },
    },
    { urn: new Map() },
  );

test('the gate withholds by them where a policy speaks of labels', () => {
  const notPsychiatric = consent(
    permits(
      { actors: [{ reference: HOSPITAL }], purposes: [TREAT] },
      denies({ securityLabels: [`${ACT}PSY`] }),
    ),
  );
  const onlyNormal = consent(permits({ actors: [{ reference: HOSPITAL }], securityLabels: [conf('N')] }));
  const noLabels = consent(permits({ actors: [{ reference: HOSPITAL }], purposes: [TREAT] }));
  const normal = [{ system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'N' }];
  const outcome = (record: ReturnType<typeof condition>, policy: typeof noLabels): string => {
    assert(record.kind === 'compartment');
    const asked = asks({
      resource: { type: 'Condition', classes: record.classes, codes: record.codes, labels: record.labels },
    });
    return decide(asked, [CUSTODIAN, policy], NOW_MS).outcome;
  };
  const depression = condition(ICD, 'F32.1', normal);
  const pneumonia = condition(ICD, 'J18.9', normal);
  assert.equal(outcome(depression, notPsychiatric), 'deny');
  assert.equal(
    outcome(depression, onlyNormal),
    'deny',
    'labelled normal by its source, restricted by its code',
  );
  assert.equal(outcome(depression, noLabels), 'permit');
  assert.equal(outcome(pneumonia, notPsychiatric), 'permit');
  assert.equal(outcome(pneumonia, onlyNormal), 'permit');
  // What nobody labelled stays shut, also where a label of another kind was found.
  assert.equal(outcome(condition(SCT, '86406008'), notPsychiatric), 'deny');
  assert.equal(outcome(condition(ICD, 'J18.9'), notPsychiatric), 'deny');
});
