/** Synthetic policies and requests: a hospital, its patient, a researcher. */
import type { AccessRequest, Policy, Provision, RequestResource } from '../../../ledger/consent/index.js';
import { custodianPolicy } from '../../../ledger/consent/index.js';

export const NOW_MS = Date.UTC(2026, 10, 22, 12);
export const DAY_MS = 86_400_000;

export const HOSPITAL = 'Organization/hospital';
export const RESEARCHER = 'Organization/researcher';
export const PATIENT = 'Patient/p1';
export const SUBJECT = 'patient-1';

const REASON = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|';
export const TREAT = `${REASON}TREAT`;
export const ETREAT = `${REASON}ETREAT`;
export const BTG = `${REASON}BTG`;
export const CLINTRL = `${REASON}CLINTRL`;
export const HRESCH = `${REASON}HRESCH`;
export const DSRCH = `${REASON}DSRCH`;
export const PUBHLTH = `${REASON}PUBHLTH`;
export const PATRQT = `${REASON}PATRQT`;

const CONFIDENTIALITY = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality|';
export const conf = (code: string): string => CONFIDENTIALITY + code;
const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode|';
export const PSY = `${ACT_CODE}PSY`;
export const HIV = `${ACT_CODE}HIV`;

export const OBSERVATION = 'http://hl7.org/fhir/resource-types|Observation';
export const ENCOUNTER = 'http://hl7.org/fhir/resource-types|Encounter';
export const HEART_RATE = 'http://loinc.org|8867-4';
export const CRP = 'http://loinc.org|1988-5';

type Rule = Omit<Partial<Provision>, 'provisions'>;

export function permits(rule: Rule = {}, ...provisions: Provision[]): Provision {
  return { type: 'permit', ...rule, provisions };
}

export function denies(rule: Rule = {}, ...provisions: Provision[]): Provision {
  return { type: 'deny', ...rule, provisions };
}

let handles = 0;

/** A policy of the patient's layer, with a handle and an identifier of its own. */
export function consent(root: Provision, more: Partial<Policy> = {}): Policy {
  const handle = `consent-${handles++}`;
  return {
    kind: 'consent',
    layer: 'patient',
    handle,
    version: 10,
    identifier: `urn:ietf:rfc:3986|urn:uuid:${handle}`,
    dateTimeMs: NOW_MS - 30 * DAY_MS,
    subject: SUBJECT,
    status: 'active',
    root,
    unknown: [],
    ...more,
  };
}

/** The custodian permits everybody named here to do anything for these purposes. */
export const CUSTODIAN: Policy = custodianPolicy({
  handle: 'custodian',
  version: 1,
  dateTimeMs: NOW_MS - 300 * DAY_MS,
  references: [HOSPITAL, RESEARCHER],
  actions: ['collect', 'access', 'use', 'disclose'],
  purposes: [TREAT, ETREAT, BTG, CLINTRL, HRESCH, DSRCH, PUBHLTH, PATRQT],
});

type Asked = Partial<Omit<AccessRequest, 'resource'>> & { readonly resource?: Partial<RequestResource> };

/** The hospital reads a heart rate of last week, for treatment; whatever is given differs. */
export function asks({ resource, ...more }: Asked = {}): AccessRequest {
  return {
    subject: SUBJECT,
    actor: { references: [HOSPITAL] },
    action: 'access',
    purposes: [TREAT],
    ...more,
    resource: {
      type: 'Observation',
      id: 'o1',
      classes: [OBSERVATION],
      codes: [HEART_RATE],
      period: { startMs: NOW_MS - 7 * DAY_MS, endMs: NOW_MS - 7 * DAY_MS },
      labels: [conf('N')],
      ...resource,
    },
  };
}
