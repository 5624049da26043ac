import assert from 'node:assert/strict';
import test from 'node:test';
import { signDocument, verifyDocument } from '../../ledger/consent/index.js';
import type { JsonObject } from '../../ledger/log/index.js';
import { publicKey } from '../../ledger/log/index.js';
import { consentBundleParts } from '../../mappings/consent/index.js';

const seed = Buffer.alloc(32, 3);
const fullUrl = 'urn:uuid:0c6d4c60-0000-4000-8000-00000000000a';
const consent = { resourceType: 'Consent', status: 'active', patient: { reference: 'Patient/p1' } };
const jws = signDocument(consent, seed, 'kid');
const signature = {
  type: [{ system: 'urn:iso-astm:E1762-95:2013', code: '1.2.840.10065.1.12.1.1' }],
  when: '2026-11-20T10:00:00Z',
  who: { reference: 'Patient/p1' },
  targetFormat: 'application/fhir+json',
  sigFormat: 'application/jose',
  data: Buffer.from(jws).toString('base64'),
};
const provenance = { resourceType: 'Provenance', target: [{ reference: fullUrl }], signature: [signature] };
const consentEntry = { fullUrl, resource: consent, request: { method: 'POST', url: 'Consent' } };
const provenanceEntry = { resource: provenance, request: { method: 'POST', url: 'Provenance' } };
const bundle = { resourceType: 'Bundle', type: 'transaction', entry: [consentEntry, provenanceEntry] };

const withProvenance = (more: object): object => ({
  ...bundle,
  entry: [consentEntry, { resource: { ...provenance, ...more } }],
});
const withSignature = (more: object): object => withProvenance({ signature: [{ ...signature, ...more }] });

test('takes a signed consent apart', () => {
  for (const whole of [
    bundle,
    { ...bundle, type: 'collection' },
    { ...bundle, entry: [provenanceEntry, consentEntry] },
  ]) {
    const parts = consentBundleParts(whole);
    assert(parts.ok);
    assert.equal(parts.jws, jws);
    assert.equal(parts.who, 'Patient/p1');
    assert.equal(parts.provenance.resourceType, 'Provenance');
    assert.equal(
      verifyDocument(parts.consent as unknown as JsonObject, parts.jws, publicKey(seed), 'kid'),
      'ok',
    );
  }
});

test('a Consent without fullUrl goes by its type and id', () => {
  const named = { resource: { ...consent, id: 'c1' } };
  const target = [{ reference: 'Consent/c1' }];
  assert(consentBundleParts({ ...bundle, entry: [named, { resource: { ...provenance, target } }] }).ok);
});

const ENTRIES = ['CONSENT_BUNDLE_ENTRIES', 'Bundle.entry'] as const;
const TARGET = ['CONSENT_BUNDLE_TARGET', 'Bundle.entry[1].resource.target'] as const;
const DATA = ['CONSENT_BUNDLE_SIGNATURE', 'Bundle.entry[1].resource.signature[0].data'] as const;
const COUNT = ['CONSENT_BUNDLE_SIGNATURE', 'Bundle.entry[1].resource.signature'] as const;

const refusals: readonly (readonly [string, unknown, string, string])[] = [
  ['nothing', undefined, 'CONSENT_BUNDLE_TYPE', 'Bundle'],
  ['a Consent alone', consent, 'CONSENT_BUNDLE_TYPE', 'Bundle'],
  ['a batch', { ...bundle, type: 'batch' }, 'CONSENT_BUNDLE_TYPE', 'Bundle.type'],
  ['no entries', { ...bundle, entry: undefined }, ...ENTRIES],
  ['entries no array', { ...bundle, entry: { 0: consentEntry } }, ...ENTRIES],
  ['no Provenance', { ...bundle, entry: [consentEntry] }, ...ENTRIES],
  ['two Consents', { ...bundle, entry: [consentEntry, consentEntry] }, ...ENTRIES],
  [
    'two Consents and a Provenance',
    { ...bundle, entry: [consentEntry, consentEntry, provenanceEntry] },
    ...ENTRIES,
  ],
  [
    'something beside',
    { ...bundle, entry: [consentEntry, provenanceEntry, { resource: { resourceType: 'Patient' } }] },
    ...ENTRIES,
  ],
  ['null entries', { ...bundle, entry: [null, null] }, ...ENTRIES],
  ['no target', withProvenance({ target: undefined }), ...TARGET],
  ['another target', withProvenance({ target: [{ reference: 'urn:uuid:other' }] }), ...TARGET],
  [
    'two targets',
    withProvenance({ target: [{ reference: fullUrl }, { reference: 'urn:uuid:other' }] }),
    ...TARGET,
  ],
  ['target by name', withProvenance({ target: [{ display: 'the consent' }] }), ...TARGET],
  [
    'target by type and id where there is a fullUrl',
    withProvenance({ target: [{ reference: 'Consent/c1' }] }),
    ...TARGET,
  ],
  ['one fullUrl for both', { ...bundle, entry: [consentEntry, { ...provenanceEntry, fullUrl }] }, ...TARGET],
  ['no signature', withProvenance({ signature: undefined }), ...COUNT],
  ['two signatures', withProvenance({ signature: [signature, signature] }), ...COUNT],
  [
    'an XML signature',
    withSignature({ sigFormat: 'application/signature+xml' }),
    'CONSENT_BUNDLE_SIGNATURE',
    'Bundle.entry[1].resource.signature[0].sigFormat',
  ],
  ['no data', withSignature({ data: undefined }), ...DATA],
  ['data not base64', withSignature({ data: '****' }), ...DATA],
  ['data base64url', withSignature({ data: `${signature.data.slice(0, -4)}-_==` }), ...DATA],
  [
    'data with spaces',
    withSignature({ data: `${signature.data.slice(0, 40)} ${signature.data.slice(40)}` }),
    ...DATA,
  ],
  ['data binary', withSignature({ data: Buffer.from([0, 255, 10]).toString('base64') }), ...DATA],
  ['data empty', withSignature({ data: '' }), ...DATA],
  ['data too long', withSignature({ data: 'QUFB'.repeat(2000) }), ...DATA],
];

for (const [name, whole, code, expression] of refusals) {
  test(`refused: ${name}`, () => {
    assert.deepEqual(consentBundleParts(whole), { ok: false, code, expression });
  });
}
