/**
 * Ready-made consent forms: a FHIR Consent to be shown to a patient and signed. Each says in words what its provision
 * says in codes, and who is responsible, for what, how long, and how to take it back.
 */
import type { Coding, Consent, ConsentProvision, ConsentProvisionActor } from 'fhir/r4.js';
import type { Action, Obligation } from '../../ledger/consent/index.js';
import { obligationExtension } from './obligation-extension.js';

/** The forms there are. */
export const CONSENT_TEMPLATES = ['treatment', 'update', 'research', 'claim', 'emergency'] as const;
export type ConsentTemplate = (typeof CONSENT_TEMPLATES)[number];

interface Party {
  /** Such as `Organization/x`. */
  readonly reference: string;
  readonly name: string;
}

/** What a form is filled with. */
export interface TemplateFields {
  /** `Patient/id` at the facade. */
  readonly patient: string;
  /** The hospital that keeps the record. */
  readonly hospital: Party;
  /** Who gets the data: needed for `research` and `claim`. */
  readonly recipient?: Party;
  /** The claim that `claim` is about, such as `Claim/x`. */
  readonly claim?: string;
  /** Where questions and withdrawals go. */
  readonly contact: string;
  /** UUID that all versions of this consent share. */
  readonly identifier: string;
  /** When it is signed, FHIR instant. */
  readonly dateTime: string;
  /** Last instant of it, FHIR instant. */
  readonly until: string;
  /** The tick for sensitive data; without it such data, and all that nobody labelled, stays out. */
  readonly isSensitiveIncluded: boolean;
  /** The tick for transfer abroad. */
  readonly isAbroadAllowed: boolean;
}

interface Form {
  readonly title: string;
  readonly says: (fields: TemplateFields) => string;
  readonly to: 'hospital' | 'recipient';
  readonly actions: readonly Action[];
  readonly purposes: readonly (readonly [code: string, display: string])[];
  readonly obligations: readonly Obligation[];
}

const FORMS: Readonly<Record<ConsentTemplate, Form>> = {
  treatment: {
    title: 'Treatment at this hospital',
    says: ({ hospital }) => `${hospital.name} may add to my record, read it and use it to treat me.`,
    to: 'hospital',
    actions: ['collect', 'access', 'use'],
    purposes: [['TREAT', 'treatment']],
    obligations: [],
  },
  update: {
    title: 'Update of my record',
    says: ({ hospital }) =>
      `${hospital.name} may add to my record what it finds. It may not read it by this form.`,
    to: 'hospital',
    actions: ['collect'],
    purposes: [['TREAT', 'treatment']],
    obligations: [],
  },
  research: {
    title: 'Health research',
    says: ({ recipient }) =>
      `${recipient?.name ?? ''} may use my record for health research, without my name and what else names me.`,
    to: 'recipient',
    actions: ['access', 'use', 'disclose'],
    purposes: [['HRESCH', 'healthcare research']],
    obligations: [{ kind: 'pseudonymise' }, { kind: 'no-onward-use' }],
  },
  claim: {
    title: 'This insurer, this claim',
    says: ({ recipient, claim }) =>
      `${recipient?.name ?? ''} may see the claim ${claim ?? ''} and what belongs to it, without notes and free text.`,
    to: 'recipient',
    actions: ['access', 'disclose'],
    purposes: [['CLMATTCH', 'claim attachment']],
    obligations: [{ kind: 'redact', elements: ['text', 'note'] }, { kind: 'no-onward-use' }],
  },
  emergency: {
    title: 'Emergency',
    says: ({ hospital }) =>
      `In an emergency ${hospital.name} may read my record even where nothing else of mine permits it. I am told each time.`,
    to: 'hospital',
    actions: ['access'],
    purposes: [
      ['ETREAT', 'Emergency Treatment'],
      ['BTG', 'break the glass'],
    ],
    obligations: [],
  },
};

const TERMINOLOGY = 'http://terminology.hl7.org/CodeSystem';
const ACT_CODE = `${TERMINOLOGY}/v3-ActCode`;
/** The two ticks, for programs; they change nothing that the provision does not say. */
const TICKS = 'urn:firebreak:consent:ticks';

/** Labels of what counts as sensitive. @see HL7 v3 ActCode, InformationSensitivityPolicy */
export const SENSITIVE_CODES = [
  'ETH',
  'GDIS',
  'HIV',
  'MH',
  'PSY',
  'SDV',
  'SEX',
  'STD',
  'SUD',
  'VIO',
] as const;

/**
 * A form, filled in.
 *
 * @throws TypeError when a form that needs a recipient or a claim is given none.
 */
export function consentFromTemplate(template: ConsentTemplate, fields: TemplateFields): Consent {
  const form = FORMS[template];
  const party = form.to === 'hospital' ? fields.hospital : fields.recipient;
  if (party === undefined) throw new TypeError('the form needs a recipient');
  if (template === 'claim' && fields.claim === undefined) throw new TypeError('the form needs a claim');
  return {
    resourceType: 'Consent',
    language: 'en',
    text: { status: 'generated', div: narrative(form, fields, party) },
    extension: [
      {
        url: TICKS,
        extension: [
          { url: 'sensitive', valueBoolean: fields.isSensitiveIncluded },
          { url: 'abroad', valueBoolean: fields.isAbroadAllowed },
        ],
      },
    ],
    identifier: [{ system: 'urn:ietf:rfc:3986', value: `urn:uuid:${fields.identifier}` }],
    status: 'active',
    scope: {
      coding: [
        { system: `${TERMINOLOGY}/consentscope`, code: 'patient-privacy', display: 'Privacy Consent' },
      ],
    },
    category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0' }] }],
    patient: { reference: fields.patient },
    dateTime: fields.dateTime,
    performer: [{ reference: fields.patient }],
    organization: [{ reference: fields.hospital.reference, display: fields.hospital.name }],
    policyRule: { coding: [{ system: ACT_CODE, code: 'OPTIN', display: 'opt-in' }] },
    provision: provisionOf(form, fields, party),
  };
}

function provisionOf(form: Form, fields: TemplateFields, party: Party): ConsentProvision {
  const extensions = form.obligations.map(obligationExtension) as NonNullable<
    ConsentProvision['modifierExtension']
  >;
  return {
    ...(extensions.length === 0 ? {} : { modifierExtension: extensions }),
    type: 'permit',
    period: { start: fields.dateTime, end: fields.until },
    actor: [actorOf(party)],
    action: form.actions.map((code) => ({ coding: [{ system: `${TERMINOLOGY}/consentaction`, code }] })),
    purpose: form.purposes.map(([code, display]) => ({
      system: `${TERMINOLOGY}/v3-ActReason`,
      code,
      display,
    })),
    ...(fields.claim === undefined || form.to !== 'recipient'
      ? {}
      : { data: [{ meaning: 'related', reference: { reference: fields.claim } }] }),
    ...(fields.isSensitiveIncluded
      ? {}
      : { provision: [{ type: 'deny', securityLabel: SENSITIVE_CODES.map(label) }] }),
  };
}

function label(code: string): Coding {
  return { system: ACT_CODE, code };
}

function actorOf({ reference, name }: Party): ConsentProvisionActor {
  return {
    role: {
      coding: [
        {
          system: `${TERMINOLOGY}/v3-ParticipationType`,
          code: 'PRCP',
          display: 'primary information recipient',
        },
      ],
    },
    reference: { reference, display: name },
  };
}

function narrative(form: Form, fields: TemplateFields, party: Party): string {
  const lines = [
    `<h1>${escaped(form.title)}</h1>`,
    `<p>${escaped(form.says(fields))}</p>`,
    `<p>Responsible for the record: ${escaped(fields.hospital.name)}. Contact: ${escaped(fields.contact)}.</p>`,
    `<p>Recipient: ${escaped(party.name)}.</p>`,
    `<p>Purposes: ${form.purposes.map(([, display]) => display).join(', ')}.</p>`,
    `<p>This consent holds from ${fields.dateTime.slice(0, 10)} to ${fields.until.slice(0, 10)}. Records are kept as long as the law asks for hospital records.</p>`,
    fields.isSensitiveIncluded
      ? '<p>Sensitive data (mental health, substance use, HIV, sexual and reproductive health, genetics, violence): included.</p>'
      : '<p>Sensitive data (mental health, substance use, HIV, sexual and reproductive health, genetics, violence): not included, nor what nobody has labelled.</p>',
    `<p>Transfer abroad: ${fields.isAbroadAllowed ? 'yes' : 'no'}.</p>`,
    '<p>I may withdraw at any time. Withdrawing stops what comes later; it cannot recall what was read before.</p>',
  ];
  return `<div xmlns="http://www.w3.org/1999/xhtml" lang="en" xml:lang="en">${lines.join('')}</div>`;
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
