import assert from 'node:assert/strict';
import test from 'node:test';
import type { Consent } from 'fhir/r4.js';
import type { AccessRequest, Policy } from '../../../ledger/consent/index.js';
import { decide, UNREADABLE } from '../../../ledger/consent/index.js';
import { compileConsent, NARROWER_PURPOSES } from '../../../mappings/consent/index.js';
import {
  CONSENT_TEMPLATES,
  consentFromTemplate,
  OBLIGATION,
  obligationExtension,
} from '../../../mappings/forms/index.js';
import type { ConsentTemplate, TemplateFields } from '../../../mappings/forms/index.js';
import {
  asks,
  BTG,
  CLINTRL,
  conf,
  consent,
  ETREAT,
  HRESCH,
  NOW_MS,
  permits,
  PSY,
  SUBJECT,
  TREAT,
} from '../../ledger/consent/fixtures.js';

const HOSPITAL = { reference: 'Organization/hospital', name: 'City <Hospital>' };
const RECIPIENT = { reference: 'Organization/recipient', name: 'Somebody & Co' };
const CLMATTCH = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|CLMATTCH';
const fields: TemplateFields = {
  patient: 'Patient/p1',
  hospital: HOSPITAL,
  recipient: RECIPIENT,
  claim: 'Claim/c1',
  contact: 'the data protection officer',
  identifier: '0c6d4c60-0000-4000-8000-000000000001',
  dateTime: new Date(NOW_MS - 1000).toISOString(),
  until: new Date(NOW_MS + 86_400_000).toISOString(),
  isSensitiveIncluded: true,
  isAbroadAllowed: false,
};
const anybody = consent(permits(), { layer: 'custodian' });
const btgToo = consent(permits({ purposes: [BTG] }), { layer: 'custodian' });

function policyOf(document: unknown): Policy {
  const compiled = compileConsent(document as Consent, {
    handle: 'h',
    version: 1,
    subject: SUBJECT,
    layer: 'patient',
    nowMs: NOW_MS,
  });
  assert(compiled.ok, compiled.ok ? '' : `${compiled.code} ${compiled.expression}`);
  return compiled.policy;
}

function says(policy: Policy, request: AccessRequest): string {
  const decision = decide(request, [anybody, btgToo, policy], NOW_MS);
  return decision.outcome === 'permit'
    ? ['permit', ...decision.obligations.map(({ kind }) => kind)].join(' ')
    : decision.reason;
}

const by = (
  reference: string,
  purpose: string,
  action: AccessRequest['action'],
  labels?: string[],
): AccessRequest =>
  asks({
    actor: { references: [reference] },
    purposes: [purpose],
    action,
    resource: { refersTo: ['Claim/c1'], referredBy: [], ...(labels === undefined ? {} : { labels }) },
  });

test('each form permits what it says and to whom, and nothing else', () => {
  const rows: [ConsentTemplate, AccessRequest, string][] = [
    ['treatment', by(HOSPITAL.reference, TREAT, 'access'), 'permit'],
    ['treatment', by(HOSPITAL.reference, TREAT, 'collect'), 'permit'],
    ['treatment', by(HOSPITAL.reference, HRESCH, 'access'), 'no-answer'],
    ['treatment', by(RECIPIENT.reference, TREAT, 'access'), 'no-answer'],
    ['treatment', by(HOSPITAL.reference, BTG, 'access'), 'no-answer'],
    ['update', by(HOSPITAL.reference, TREAT, 'collect'), 'permit'],
    ['update', by(HOSPITAL.reference, TREAT, 'access'), 'no-answer'],
    ['research', by(RECIPIENT.reference, HRESCH, 'use'), 'permit pseudonymise no-onward-use'],
    ['research', by(RECIPIENT.reference, TREAT, 'use'), 'no-answer'],
    ['research', by(HOSPITAL.reference, HRESCH, 'use'), 'no-answer'],
    ['claim', by(RECIPIENT.reference, CLMATTCH, 'access'), 'permit redact no-onward-use'],
    ['claim', by(RECIPIENT.reference, TREAT, 'access'), 'no-answer'],
    ['emergency', by(HOSPITAL.reference, BTG, 'access'), 'permit'],
    ['emergency', by(HOSPITAL.reference, ETREAT, 'access'), 'permit'],
    ['emergency', by(HOSPITAL.reference, TREAT, 'access'), 'no-answer'],
    ['emergency', by(HOSPITAL.reference, BTG, 'disclose'), 'no-answer'],
  ];
  for (const [name, request, expected] of rows) {
    const policy = policyOf(consentFromTemplate(name, fields));
    assert.deepEqual(policy.unknown, []);
    assert.equal(
      says(policy, request),
      expected,
      `${name} ${request.actor.references.join()} ${request.purposes.join()} ${request.action}`,
    );
  }
  const claim = policyOf(consentFromTemplate('claim', fields));
  const other = by(RECIPIENT.reference, CLMATTCH, 'access');
  assert.equal(
    says(claim, { ...other, resource: { ...other.resource, refersTo: ['Claim/c2'] } }),
    'no-answer',
  );
});

test('without the tick for sensitive data it stays out, and so does what nobody labelled', () => {
  for (const name of CONSENT_TEMPLATES) {
    const policy = policyOf(consentFromTemplate(name, { ...fields, isSensitiveIncluded: false }));
    const [reference, purpose, action] = (
      {
        treatment: [HOSPITAL.reference, TREAT, 'access'],
        update: [HOSPITAL.reference, TREAT, 'collect'],
        research: [RECIPIENT.reference, HRESCH, 'use'],
        claim: [RECIPIENT.reference, CLMATTCH, 'access'],
        emergency: [HOSPITAL.reference, BTG, 'access'],
      } as const
    )[name];
    assert.match(says(policy, by(reference, purpose, action, [conf('N')])), /^permit/);
    assert.equal(says(policy, by(reference, purpose, action, [PSY])), 'refused');
    assert.equal(says(policy, by(reference, purpose, action, [])), 'refused');
  }
});

test('the text says what the codes say, and holds no markup of names', () => {
  for (const name of CONSENT_TEMPLATES) {
    const div = consentFromTemplate(name, fields).text?.div ?? '';
    assert(!div.includes('<Hospital>') && !/& Co/.test(div), name);
    assert.match(
      div,
      /Responsible.*Contact.*Recipient.*Purposes.*holds from.*Sensitive data.*Transfer abroad: no.*withdraw/s,
    );
  }
  assert.throws(
    () => consentFromTemplate('research', { ...fields, recipient: undefined as never }),
    TypeError,
  );
  assert.throws(() => consentFromTemplate('claim', { ...fields, claim: undefined as never }), TypeError);
});

const document = (provision: object): object => ({
  ...consentFromTemplate('treatment', fields),
  provision: { type: 'permit', ...provision },
});
const purpose = (token: string, extension?: object[]): object => ({
  system: token.slice(0, token.lastIndexOf('|')),
  code: token.slice(token.lastIndexOf('|') + 1),
  ...(extension === undefined ? {} : { extension }),
});

test('a purpose may opt in to narrower ones, each for itself, and never to break-glass', () => {
  const narrower = [{ url: NARROWER_PURPOSES, valueBoolean: true }];
  const optedIn = policyOf(document({ purpose: [purpose(TREAT, narrower), purpose(HRESCH)] }));
  for (const [token, expected] of [
    [TREAT, 'permit'],
    [ETREAT, 'permit'],
    [CLINTRL, 'permit'],
    [BTG, 'no-answer'],
    [HRESCH, 'permit'],
    ['http://terminology.hl7.org/CodeSystem/v3-ActReason|DSRCH', 'no-answer'],
  ] as const)
    assert.equal(says(optedIn, asks({ purposes: [token] })), expected, token);
  for (const extension of [
    [{ url: NARROWER_PURPOSES, valueBoolean: false }],
    [{ url: 'urn:x', valueBoolean: true }],
    [],
  ])
    assert.equal(
      says(policyOf(document({ purpose: [purpose(TREAT, extension)] })), asks({ purposes: [ETREAT] })),
      'no-answer',
    );
});

test('ATTACKS 65: an obligation that cannot be read denies, as any unknown modifier does', () => {
  const good = obligationExtension({ kind: 'redact', elements: ['note'] }) as { extension: object[] };
  const code = {
    url: 'code',
    valueCoding: purpose('http://terminology.hl7.org/CodeSystem/v3-ActCode|REDACT'),
  };
  const odd: unknown[] = [
    [],
    {},
    [null],
    [{ url: 'urn:another', valueBoolean: true }],
    [good, { url: 'urn:another' }],
    [{ url: OBLIGATION }],
    [{ url: OBLIGATION, extension: [] }],
    [{ url: OBLIGATION, extension: [code] }],
    [{ url: OBLIGATION, extension: [code, { url: 'element', valueString: 'id' }] }],
    [{ url: OBLIGATION, extension: [code, { url: 'element', valueString: 'Patient.meta.security' }] }],
    [{ url: OBLIGATION, extension: [code, { url: 'element', valueString: 'note[0]' }] }],
    [{ url: OBLIGATION, extension: [code, code, { url: 'element', valueString: 'note' }] }],
    [{ url: OBLIGATION, extension: [{ url: 'code', valueCoding: purpose('urn:x|REDACT') }] }],
    [{ ...good, valueBoolean: true }],
  ];
  for (const modifierExtension of odd) {
    const policy = policyOf(document({ modifierExtension }));
    assert.deepEqual(
      policy.unknown,
      ['Consent.provision.modifierExtension'],
      JSON.stringify(modifierExtension),
    );
    assert.equal(says(policy, asks()), 'unknown-element');
  }
  // An exception does not free of what the rule around it asks.
  const nested = policyOf(
    document({ modifierExtension: [good], provision: [{ type: 'permit', purpose: [purpose(TREAT)] }] }),
  );
  assert.equal(says(nested, asks()), 'permit redact');
});

const asDoctor = (roles?: string[]): AccessRequest =>
  asks({ actor: { references: ['Practitioner/x'], ...(roles === undefined ? {} : { roles }) } });

test('an actor by role alone: whoever has it, never everybody', () => {
  const anyone = {
    extension: [
      { url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'not-applicable' },
    ],
  };
  const doctor = { coding: [{ system: 'urn:role', code: 'doctor' }] };
  const byRole = policyOf(document({ actor: [{ role: doctor, reference: anyone }] }));
  assert.deepEqual(byRole.root.actors, [{ roles: ['urn:role|doctor'] }]);
  assert.equal(says(byRole, asDoctor(['urn:role|doctor'])), 'permit');
  assert.equal(says(byRole, asDoctor(['urn:role|porter'])), 'no-answer');
  assert.equal(says(byRole, asDoctor()), 'no-answer');
  const recipient = {
    coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType', code: 'IRCP' }],
  };
  for (const actor of [
    { role: recipient, reference: anyone },
    { reference: anyone },
    { role: doctor, reference: { ...anyone, display: 'x' } },
  ]) {
    const policy = policyOf(document({ actor: [actor] }));
    assert.equal(says(policy, asDoctor(['urn:role|doctor'])), 'no-answer', JSON.stringify(actor));
  }
  assert.deepEqual(policyOf(document({ actor: [{ role: recipient, reference: anyone }] })).root.actors, [
    { roles: [UNREADABLE] },
  ]);
});
