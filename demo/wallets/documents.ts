/** The consents that a demo patient signs, as FHIR R4, with what the signer is shown in plain words. */
import type { CodeableConcept, Coding, Consent, ConsentProvision } from 'fhir/r4.js';
import { SYNTHETIC_TAG } from '../inpatients/codes.js';

/** What enrolment told the wallet. */
export interface Parties {
  /** `Patient/…`, the patient's name at Firebreak. */
  readonly patient: string;
  /** The hospital that keeps the records. */
  readonly custodian: { readonly reference: string; readonly display: string };
  /** The Firebreak instance, which trains and scores. */
  readonly instance: string;
}

/** `care`: the hospital may keep, read and use the record. `research`: the instance may use it. `refusal`: neither. */
export type ConsentKind = 'care' | 'research' | 'refusal';

export interface ConsentTerms {
  readonly kind: ConsentKind;
  /** UUID of the consent through all its versions. */
  readonly identifier: string;
  readonly dateTimeMs: number;
  /** `inactive` withdraws. */
  readonly status: 'active' | 'inactive';
}

/** A demo consent runs this long. */
const VALIDITY_YEARS = 5;
const CONTACT = 'privacy@hospital.example';
const TERMINOLOGY = 'http://terminology.hl7.org/CodeSystem';

interface Wording {
  readonly title: string;
  readonly says: (parties: Parties) => string;
  readonly purposes: string;
}

const WORDING: Readonly<Record<ConsentKind, Wording>> = {
  care: {
    title: 'Consent to keep and use my record for my care',
    says: ({ custodian }) => `I allow ${custodian.display} to collect, read and use my health record.`,
    purposes: 'my own treatment',
  },
  research: {
    title: 'Consent to use my record for research',
    says: ({ custodian }) =>
      `I allow the Firebreak service that ${custodian.display} runs to use my health record for training and checking models of severity. No record leaves the service.`,
    purposes: 'health research',
  },
  refusal: {
    title: 'Refusal',
    says: ({ custodian }) =>
      `I do not allow ${custodian.display} to enter my health record into the Firebreak service.`,
    purposes: 'all purposes',
  },
};

/** The document, without an id: what is signed is all of it but `meta`. */
export function consentDocument(parties: Parties, terms: ConsentTerms): Consent {
  const dateTime = new Date(terms.dateTimeMs).toISOString();
  return {
    resourceType: 'Consent',
    meta: { tag: [{ ...SYNTHETIC_TAG }] },
    language: 'en',
    text: { status: 'generated', div: narrative(parties, terms) },
    identifier: [{ system: 'urn:ietf:rfc:3986', value: `urn:uuid:${terms.identifier}` }],
    status: terms.status,
    scope: {
      coding: [
        { system: `${TERMINOLOGY}/consentscope`, code: 'patient-privacy', display: 'Privacy Consent' },
      ],
    },
    category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0', display: 'Consent Document' }] }],
    patient: { reference: parties.patient },
    dateTime,
    performer: [{ reference: parties.patient }],
    organization: [{ reference: parties.custodian.reference, display: parties.custodian.display }],
    policyRule: {
      coding: [
        terms.kind === 'refusal'
          ? { system: `${TERMINOLOGY}/v3-ActCode`, code: 'OPTOUT', display: 'opt-out' }
          : { system: `${TERMINOLOGY}/v3-ActCode`, code: 'OPTIN', display: 'opt-in' },
      ],
    },
    provision: provision(parties, terms, dateTime),
  };
}

function provision(parties: Parties, terms: ConsentTerms, start: string): ConsentProvision {
  const period = { start, end: yearsLater(terms.dateTimeMs) };
  if (terms.kind === 'refusal') {
    return { type: 'deny', actor: actor(parties.custodian.reference), action: action('collect') };
  }
  return terms.kind === 'care'
    ? {
        type: 'permit',
        period,
        actor: actor(parties.custodian.reference),
        action: action('collect', 'access', 'use'),
        purpose: purpose('TREAT', 'treatment'),
      }
    : {
        type: 'permit',
        period,
        actor: actor(parties.instance),
        action: action('use'),
        purpose: purpose('HRESCH', 'healthcare research'),
      };
}

function actor(reference: string): NonNullable<ConsentProvision['actor']> {
  const role = { system: `${TERMINOLOGY}/v3-ParticipationType`, code: 'PRCP' };
  return [
    { role: { coding: [{ ...role, display: 'primary information recipient' }] }, reference: { reference } },
  ];
}

function action(...codes: string[]): CodeableConcept[] {
  return codes.map((code) => ({ coding: [{ system: `${TERMINOLOGY}/consentaction`, code }] }));
}

function purpose(code: string, display: string): Coding[] {
  return [{ system: `${TERMINOLOGY}/v3-ActReason`, code, display }];
}

function narrative(parties: Parties, terms: ConsentTerms): string {
  const { title, says, purposes } = WORDING[terms.kind];
  const lines = [
    `<h1>${escape(title)}</h1>`,
    terms.status === 'inactive' ? '<p><b>Withdrawn.</b> What follows no longer holds.</p>' : '',
    `<p>${escape(says(parties))}</p>`,
    `<p>Responsible: ${escape(parties.custodian.display)}. Contact: ${CONTACT}.</p>`,
    `<p>Purposes: ${purposes}.</p>`,
    `<p>Kept: as long as the law asks for hospital records; this consent holds ${VALIDITY_YEARS} years, until ${yearsLater(terms.dateTimeMs).slice(0, 10)}.</p>`,
    '<p>Sensitive data (genetic, psychiatric, sexual health): not included separately. Transfer abroad: no.</p>',
    '<p>I may withdraw at any time. Withdrawing stops what comes later; it cannot recall what was read before.</p>',
    '<p>Synthetic: this person does not exist.</p>',
  ];
  return `<div xmlns="http://www.w3.org/1999/xhtml" lang="en" xml:lang="en">${lines.join('')}</div>`;
}

function yearsLater(ms: number): string {
  const date = new Date(ms);
  date.setUTCFullYear(date.getUTCFullYear() + VALIDITY_YEARS);
  return date.toISOString();
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
