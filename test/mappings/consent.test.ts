import assert from 'node:assert/strict';
import test from 'node:test';
import type { Consent, ConsentProvision } from 'fhir/r4.js';
import type { AccessRequest, Policy } from '../../ledger/consent/index.js';
import { decide, UNREADABLE } from '../../ledger/consent/index.js';
import type { CompileContext } from '../../mappings/consent/index.js';
import { CLOCK_SKEW_MAX_MS, compileConsent } from '../../mappings/consent/index.js';
import { PROVISION_DEPTH_MAX, PROVISIONS_MAX } from '../../mappings/consent/index.js';
import { subsumedPurposes } from '../../mappings/purposes.js';
import {
  asks,
  BTG,
  CLINTRL,
  conf,
  CUSTODIAN,
  ETREAT,
  HOSPITAL,
  HRESCH,
  NOW_MS,
  OBSERVATION,
  SUBJECT,
  TREAT,
} from '../ledger/consent/fixtures.js';

const context: CompileContext = {
  handle: 'h1',
  version: 7,
  subject: SUBJECT,
  layer: 'patient',
  nowMs: NOW_MS,
};
const signedAt = '2026-11-20T10:00:00Z';

function coding(token: string): { system: string; code: string } {
  const at = token.lastIndexOf('|');
  return { system: token.slice(0, at), code: token.slice(at + 1) };
}

const ACTION = 'http://terminology.hl7.org/CodeSystem/consentaction';
const actionOf = (code: string) => ({ coding: [{ system: ACTION, code }] });
const recipient = {
  coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType', code: 'IRCP' }],
};
const actorOf = (reference: string) => ({ role: recipient, reference: { reference } });
const optIn = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'OPTIN' }] };
const optOut = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'OPTOUT' }] };

/** A synthetic consent of a synthetic patient. */
function document(provision?: ConsentProvision, more: object = {}): Consent {
  return {
    resourceType: 'Consent',
    status: 'active',
    scope: {
      coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }],
    },
    category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0' }] }],
    identifier: [{ system: 'urn:ietf:rfc:3986', value: 'urn:uuid:0c6d4c60-0000-4000-8000-000000000001' }],
    patient: { reference: 'Patient/p1' },
    dateTime: signedAt,
    ...(provision === undefined ? {} : { provision }),
    ...more,
  };
}

function compiled(consent: Consent, more: Partial<CompileContext> = {}): Policy {
  const result = compileConsent(consent, { ...context, ...more });
  assert(result.ok, result.ok ? '' : `${result.code} ${result.expression}`);
  return result.policy;
}

function says(consent: Consent, request: AccessRequest = asks()): string {
  const decision = decide(request, [CUSTODIAN, compiled(consent)], NOW_MS);
  return decision.outcome === 'permit' ? 'permit' : decision.reason;
}

test('a usual consent compiles to what it says', () => {
  const policy = compiled(
    document({
      type: 'permit',
      period: { start: '2026-11-01T00:00:00Z', end: '2027-10-31T23:59:59Z' },
      actor: [actorOf(HOSPITAL)],
      action: [actionOf('collect'), actionOf('access')],
      purpose: [coding(TREAT)],
      class: [coding(OBSERVATION)],
      provision: [{ type: 'deny', securityLabel: [coding(conf('R'))], purpose: [coding(HRESCH)] }],
    }),
  );
  assert.deepEqual(policy, {
    kind: 'consent',
    layer: 'patient',
    handle: 'h1',
    version: 7,
    identifier: 'urn:ietf:rfc:3986|urn:uuid:0c6d4c60-0000-4000-8000-000000000001',
    dateTimeMs: Date.parse(signedAt),
    subject: SUBJECT,
    status: 'active',
    root: {
      type: 'permit',
      period: { startMs: Date.parse('2026-11-01T00:00:00Z'), endMs: Date.parse('2027-10-31T23:59:59Z') },
      actors: [{ reference: HOSPITAL }],
      actions: ['collect', 'access'],
      purposes: [TREAT],
      classes: [OBSERVATION],
      provisions: [
        {
          type: 'deny',
          purposes: [HRESCH],
          subsumedPurposes: subsumedPurposes(HRESCH),
          securityLabels: [conf('R')],
          provisions: [],
        },
      ],
    },
    unknown: [],
  } satisfies Policy);
});

test('STANDARDS 3: base from the root type, else policyRule, else deny', () => {
  assert.equal(says(document({ type: 'permit' })), 'permit');
  assert.equal(says(document({ type: 'deny' }, { policyRule: optIn })), 'refused');
  assert.equal(says(document({ type: 'permit' }, { policyRule: optOut })), 'permit');
  assert.equal(says(document({}, { policyRule: optIn })), 'permit');
  assert.equal(says(document(undefined, { policyRule: optIn })), 'permit');
  assert.equal(says(document({}, { policyRule: optOut })), 'refused');
  assert.equal(says(document({})), 'refused');
  assert.equal(says(document()), 'refused');
  assert.equal(says(document({}, { policyRule: { text: 'OPTIN' } })), 'refused');
  assert.equal(
    says(document({}, { policyRule: { coding: [{ system: 'urn:x', code: 'OPTIN' }] } })),
    'refused',
  );
  assert.equal(
    says(document({}, { policyRule: { coding: [...optIn.coding, ...optOut.coding] } })),
    'refused',
  );
});

const nested = (type: 'permit' | 'deny'): ConsentProvision => ({ type, class: [coding(OBSERVATION)] });

test('STANDARDS 3: nested types are honoured, never flipped', () => {
  assert.equal(says(document({ type: 'permit', provision: [nested('permit')] })), 'permit');
  assert.equal(says(document({ type: 'permit', provision: [nested('deny')] })), 'refused');
  assert.equal(says(document({ type: 'deny', provision: [nested('deny')] })), 'refused');
  assert.equal(says(document({ type: 'deny', provision: [nested('permit')] })), 'permit');
});

test("purposes: a permit's exactly, a denial's with all that is subsumed", () => {
  const permit = document({ type: 'permit', purpose: [coding(TREAT)] });
  const deny = document({ type: 'permit', provision: [{ type: 'deny', purpose: [coding(TREAT)] }] });
  for (const [purpose, permitted] of [
    [TREAT, true],
    [ETREAT, false],
    [BTG, false],
    [CLINTRL, false],
    [HRESCH, false],
  ] as const) {
    assert.equal(says(permit, asks({ purposes: [purpose] })) === 'permit', permitted, purpose);
    assert.equal(says(deny, asks({ purposes: [purpose] })) === 'permit', purpose === HRESCH, purpose);
  }
  assert(subsumedPurposes(TREAT).includes(BTG));
  assert(!subsumedPurposes(ETREAT).includes(TREAT));
  assert.deepEqual(subsumedPurposes('urn:x|y'), ['urn:x|y']);
});

test('ATTACKS 60: an actor that cannot be resolved never matches a permit, and always a denial', () => {
  const unresolvable: object[] = [
    { display: 'Dr. X' },
    { identifier: { system: 'urn:x', value: '1' } },
    { reference: '#doctor' },
    { reference: 'urn:uuid:0c6d4c60-0000-4000-8000-000000000002' },
    { reference: 'http://elsewhere.example/fhir/Organization/hospital' },
    { reference: 'Organization?identifier=x|1' },
    { reference: '../Organization/hospital' },
  ];
  for (const reference of unresolvable) {
    const actor = [{ role: recipient, reference }];
    assert.equal(says(document({ type: 'permit', actor })), 'no-answer');
    assert.equal(says(document({ type: 'permit', provision: [{ type: 'deny', actor }] })), 'refused');
  }
  assert.equal(says(document({ type: 'permit', actor: [{ role: recipient } as never] })), 'no-answer');
  assert.equal(says(document({ type: 'permit', actor: [actorOf(`${HOSPITAL}/_history/3`)] })), 'permit');
});

test('a resolver names what references mean', () => {
  const consent = document({
    type: 'permit',
    actor: [actorOf('http://elsewhere.example/fhir/Organization/hospital')],
  });
  const known = compiled(consent, {
    resolve: ({ reference }) => (String(reference).startsWith('http://elsewhere') ? HOSPITAL : undefined),
  });
  assert.deepEqual(known.root.actors, [{ reference: HOSPITAL }]);
  assert.deepEqual(
    compiled(document({ type: 'permit', actor: [actorOf('Organization/typo')] }), {
      resolve: () => undefined,
    }).root.actors,
    [{ reference: UNREADABLE }],
  );
});

function rolesOf(role: object): readonly string[] | undefined {
  const actor = { role, reference: { reference: HOSPITAL } };
  return compiled(document({ type: 'permit', actor: [actor] })).root.actors?.[0]?.roles;
}

test('roles: a recipient adds nothing, a role must be the actor’s, other participations are not read', () => {
  assert.equal(rolesOf(recipient), undefined);
  assert.deepEqual(rolesOf({ coding: [{ system: 'urn:role', code: 'doctor' }] }), ['urn:role|doctor']);
  assert.deepEqual(rolesOf({ coding: [{ ...recipient.coding[0], code: 'AUT' }] }), [UNREADABLE]);
  assert.deepEqual(rolesOf({ text: 'doctor' }), [UNREADABLE]);
});

test('what cannot be compared: never a permit, always a denial', () => {
  const elements: ConsentProvision[] = [
    { purpose: [{ code: 'TREAT' }] },
    { purpose: [{ display: 'Treatment' }] },
    { action: [{ text: 'read' }] },
    { action: [{ coding: [{ system: ACTION, code: 'peruse' }] }] },
    { class: [{ display: 'Observations' }] },
    { code: [{ text: 'heart rate' }] },
    { securityLabel: [{ display: 'secret' }] },
    { data: [{ meaning: 'instance', reference: { display: 'that one' } }] },
    { data: [{ meaning: 'akin' as 'instance', reference: { reference: 'Observation/o1' } }] },
  ];
  for (const element of elements) {
    assert.equal(says(document({ type: 'permit', ...element })), 'no-answer', JSON.stringify(element));
    assert.equal(
      says(document({ type: 'permit', provision: [{ type: 'deny', ...element }] })),
      'refused',
      JSON.stringify(element),
    );
  }
});

test('ATTACKS 65: what could change the meaning and is not understood denies', () => {
  const modifierExtension = [{ url: 'http://example.org/unless', valueBoolean: true }];
  const documents: [Consent, string][] = [
    [document({ type: 'permit' }, { modifierExtension }), 'Consent.modifierExtension'],
    [document({ type: 'permit' }, { implicitRules: 'http://example.org/rules' }), 'Consent.implicitRules'],
    [document({ type: 'permit' }, { decision: 'permit' }), 'Consent.decision'],
    [
      document({ type: 'permit' }, { verification: [{ verified: true, modifierExtension }] }),
      'Consent.verification[0].modifierExtension',
    ],
    [document({ type: 'permit', modifierExtension }), 'Consent.provision.modifierExtension'],
    [document({ type: 'permit', expression: {} } as ConsentProvision), 'Consent.provision.expression'],
    [
      document({
        type: 'permit',
        provision: [{ type: 'permit', actor: [{ ...actorOf(HOSPITAL), modifierExtension }] }],
      }),
      'Consent.provision.provision[0].actor[0].modifierExtension',
    ],
  ];
  for (const [consent, path] of documents) {
    assert.deepEqual(compiled(consent).unknown, [path]);
    assert.equal(says(consent), 'unknown-element');
  }
  assert.deepEqual(
    compiled(document({ type: 'permit', extension: modifierExtension }, { extension: modifierExtension }))
      .unknown,
    [],
  );
});

test('status is kept; only active is in force', () => {
  for (const status of ['draft', 'proposed', 'rejected', 'inactive', 'entered-in-error']) {
    const consent = document({ type: 'permit' }, { status });
    assert.equal(compiled(consent).status, status);
    assert.notEqual(says(consent), 'permit');
  }
});

test('dates without a zone hold surely only where they hold everywhere', () => {
  const hour = 3_600_000;
  const { period } = compiled(document({ type: 'permit', period: { start: '2026-03', end: '2026' } })).root;
  assert.deepEqual(period, {
    startMs: Date.UTC(2026, 2, 1) - 14 * hour,
    sureStartMs: Date.UTC(2026, 2, 1) + 12 * hour,
    endMs: Date.UTC(2027, 0, 1) + 12 * hour - 1,
    sureEndMs: Date.UTC(2027, 0, 1) - 14 * hour - 1,
  });
  assert.deepEqual(
    compiled(document({ type: 'permit', dataPeriod: { end: '2026-01-01T00:00:00+01:00' } })).root.dataPeriod,
    {
      endMs: Date.UTC(2025, 11, 31, 23),
    },
  );
});

test('an identifier of its own where there is none', () => {
  const { identifier: _, ...anonymous } = document({ type: 'permit' });
  assert.equal(compiled(anonymous).identifier, 'handle:h1');
  assert.equal(compiled(document(undefined, { identifier: [{ value: 'x' }] })).identifier, '|x');
});

function nest(depth: number): ConsentProvision {
  let provision: ConsentProvision = { type: 'deny' };
  for (let i = 1; i < depth; i++) provision = { type: 'permit', provision: [provision] };
  return provision;
}

test('ATTACKS 59: as deep as the named maximum', () => {
  assert.equal(says(document(nest(PROVISION_DEPTH_MAX))), 'refused');
});

const future = new Date(NOW_MS + CLOCK_SKEW_MAX_MS + 1000).toISOString();
const permit: ConsentProvision = { type: 'permit' };
const refusals: readonly (readonly [string, unknown, string, string, Partial<CompileContext>?])[] = [
  ['null', null, 'CONSENT_NOT_A_CONSENT', 'Consent'],
  ['an array', [], 'CONSENT_NOT_A_CONSENT', 'Consent'],
  ['another resource', { resourceType: 'Patient' }, 'CONSENT_NOT_A_CONSENT', 'Consent'],
  ['no status', { ...document(permit), status: undefined }, 'CONSENT_STATUS', 'Consent.status'],
  ['another status', document(permit, { status: 'Active' }), 'CONSENT_STATUS', 'Consent.status'],
  ['status no text', document(permit, { status: 1 }), 'CONSENT_ELEMENT', 'Consent.status'],
  ['no scope', { ...document(permit), scope: undefined }, 'CONSENT_SCOPE', 'Consent.scope'],
  [
    'a consent to be treated',
    document(permit, {
      scope: {
        coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'treatment' }],
      },
    }),
    'CONSENT_SCOPE',
    'Consent.scope',
  ],
  ['no patient', { ...document(permit), patient: undefined }, 'CONSENT_PATIENT', 'Consent.patient'],
  [
    'a patient by name',
    document(permit, { patient: { display: 'X' } }),
    'CONSENT_PATIENT',
    'Consent.patient.reference',
  ],
  [
    'ATTACKS 69: another patient',
    document(permit),
    'CONSENT_PATIENT',
    'Consent.patient.reference',
    { patientReference: 'Patient/p2' },
  ],
  ['no dateTime', { ...document(permit), dateTime: undefined }, 'CONSENT_DATE_MISSING', 'Consent.dateTime'],
  [
    'dateTime 2020-13-45',
    document(permit, { dateTime: '2020-13-45' }),
    'CONSENT_DATE_BAD',
    'Consent.dateTime',
  ],
  [
    'dateTime 2021-02-29',
    document(permit, { dateTime: '2021-02-29' }),
    'CONSENT_DATE_BAD',
    'Consent.dateTime',
  ],
  [
    'ATTACKS 63: future dateTime',
    document(permit, { dateTime: future }),
    'CONSENT_DATE_FUTURE',
    'Consent.dateTime',
  ],
  [
    'ATTACKS 63: backdated',
    document(permit),
    'CONSENT_DATE_BACKDATED',
    'Consent.dateTime',
    { replaces: { dateTimeMs: Date.parse(signedAt) } },
  ],
  [
    'two identifiers',
    document(permit, { identifier: [{ value: 'a' }, { value: 'b' }] }),
    'CONSENT_IDENTIFIER',
    'Consent.identifier[1]',
  ],
  [
    'identifier without value',
    document(permit, { identifier: [{ system: 'a' }] }),
    'CONSENT_IDENTIFIER',
    'Consent.identifier[0].value',
  ],
  ['provision an array', document([permit] as never), 'CONSENT_ELEMENT', 'Consent.provision'],
  ['provision null', document(null as never), 'CONSENT_ELEMENT', 'Consent.provision'],
  [
    'root type unknown',
    document({ type: 'allow' as 'permit' }),
    'CONSENT_PROVISION_TYPE',
    'Consent.provision.type',
  ],
  [
    'nested type absent',
    document({ ...permit, provision: [{}] }),
    'CONSENT_PROVISION_TYPE',
    'Consent.provision.provision[0].type',
  ],
  ['period without ends', document({ ...permit, period: {} }), 'CONSENT_PERIOD', 'Consent.provision.period'],
  [
    'period reversed',
    document({ ...permit, period: { start: '2027', end: '2026' } }),
    'CONSENT_PERIOD',
    'Consent.provision.period',
  ],
  [
    'period of bad dates',
    document({ ...permit, period: { end: '2020-13-45' } }),
    'CONSENT_PERIOD',
    'Consent.provision.period.end',
  ],
  [
    'dataPeriod of bad dates',
    document({ ...permit, dataPeriod: { start: 'soon' } }),
    'CONSENT_PERIOD',
    'Consent.provision.dataPeriod.start',
  ],
  [
    'purpose no array',
    document({ ...permit, purpose: coding(TREAT) as never }),
    'CONSENT_ELEMENT',
    'Consent.provision.purpose',
  ],
  ['purpose empty', document({ ...permit, purpose: [] }), 'CONSENT_ELEMENT', 'Consent.provision.purpose'],
  [
    'purpose a text',
    document({ ...permit, purpose: ['TREAT'] as never }),
    'CONSENT_ELEMENT',
    'Consent.provision.purpose[0]',
  ],
  [
    'code a number',
    document({ ...permit, class: [{ system: 'x', code: 1 as never }] }),
    'CONSENT_ELEMENT',
    'Consent.provision.class[0].code',
  ],
  [
    'too deep',
    document(nest(PROVISION_DEPTH_MAX + 1)),
    'CONSENT_TOO_DEEP',
    `Consent.provision${'.provision[0]'.repeat(PROVISION_DEPTH_MAX)}`,
  ],
  [
    'too many',
    document({ ...permit, provision: Array.from({ length: PROVISIONS_MAX }, () => permit) }),
    'CONSENT_TOO_LARGE',
    `Consent.provision.provision[${PROVISIONS_MAX - 1}]`,
  ],
];

for (const [name, consent, code, expression, more] of refusals) {
  test(`refused: ${name}`, () => {
    assert.deepEqual(compileConsent(consent as Consent, { ...context, ...more }), {
      ok: false,
      code,
      expression,
    });
  });
}

test('a clock a little ahead is taken', () => {
  const dateTime = new Date(NOW_MS + CLOCK_SKEW_MAX_MS).toISOString();
  assert.equal(compiled(document(permit, { dateTime })).dateTimeMs, NOW_MS + CLOCK_SKEW_MAX_MS);
  assert.equal(compiled(document(permit, { dateTime: '2026-11-22' })).dateTimeMs, Date.UTC(2026, 10, 21, 10));
});
