import type { Consent } from 'fhir/r4.js';
import { custodianPolicy, decide } from '../../ledger/consent/index.js';
import type { AccessRequest, Policy } from '../../ledger/consent/index.js';
import { compileConsent } from '../../mappings/index.js';

const [nowMs, city, subject] = [Date.parse('2026-11-22T12:00:00Z'), 'Organization/city', 'a patient'];
const purpose = 'http://terminology.hl7.org/CodeSystem/v3-ActReason';
const purposes = [`${purpose}|TREAT`];
const actor = { references: [city] };
const resource = { type: 'Observation', id: 'pulse', classes: [], codes: [], labels: undefined };
const request: AccessRequest = { subject, actor, action: 'collect', purposes, resource };
const standing = { handle: 'care', version: 1, dateTimeMs: nowMs, references: [city], purposes };
const hospital = custodianPolicy({ ...standing, actions: ['collect'] });

const signed: Consent = {
  resourceType: 'Consent',
  status: 'active',
  identifier: [{ value: 'my-consent' }],
  scope: {
    coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }],
  },
  category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0' }] }],
  patient: { reference: 'Patient/p1' },
  dateTime: '2026-11-22T11:00:00Z',
  policyRule: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'OPTIN' }] },
  provision: { type: 'permit', purpose: [{ system: purpose, code: 'TREAT' }] },
};
const consent = compileConsent(signed, { handle: 'signed', version: 2, subject, layer: 'patient', nowMs });
if (!consent.ok) throw new Error(`${consent.code} at ${consent.expression}`);

const ask = (when: string, ...policies: Policy[]): void => {
  const answer = decide(request, policies, nowMs);
  const text = answer.outcome === 'permit' ? 'permit' : `deny, ${answer.reason}`;
  process.stdout.write(`${when.padEnd(10)} ${text}\n`);
};
ask('unasked', hospital);
ask('signed', hospital, consent.policy);
ask('withdrawn', hospital, { ...consent.policy, withdrawnAtLeaf: 3 });
