/**
 * The receipt of a disclosure as a FHIR R4 AuditEvent, in the shape of IHE's basic audit log patterns: a disclosure as its
 * source records it, with source, recipient, patient, what was shown, and the consents that it stood on.
 *
 * @see IHE BALP 1.1, Privacy Disclosure Audit Event – Source; HL7 FHIR R4 AuditEvent
 */
import type { AuditEvent, AuditEventAgent, AuditEventEntity, CodeableConcept, Coding } from 'fhir/r4.js';

/** What a receipt says, with the names that its reader knows. */
export interface DisclosedFacts {
  /** Handle of the receipt on the log, base64url of 32 bytes. */
  readonly handle: string;
  /** Origin of the log. */
  readonly origin: string;
  /** ms */
  readonly at: number;
  /** `Patient/…` at the facade. */
  readonly patient: string;
  readonly custodian: { readonly reference: string; readonly display: string };
  readonly recipient: { readonly reference: string; readonly display?: string };
  /** v3-ActReason code. */
  readonly purpose: string;
  /** Such as `search` or `everything`. */
  readonly interaction?: string;
  readonly type?: string;
  /** Handles of the versions that were shown. */
  readonly records: readonly string[];
  /** Handles of the consents, or other grounds. */
  readonly grounds: readonly string[];
  readonly obligations: readonly string[];
}

const DCM = 'http://dicom.nema.org/resources/ontology/DCM';
const ENTITY_TYPE = 'http://terminology.hl7.org/CodeSystem/audit-entity-type';
const ROLE = 'http://terminology.hl7.org/CodeSystem/object-role';
const ACT_REASON = 'http://terminology.hl7.org/CodeSystem/v3-ActReason';
const HANDLE_SYSTEM = 'urn:firebreak:handle';
/** Versions that are named one by one; of more the count is told. */
const NAMED_MAX = 100;
const HANDLE_BYTES = 32;

/** What a search for these AuditEvents gives as `type`. */
export const DISCLOSURE_TYPE: Coding = { system: DCM, code: '110106', display: 'Export' };

/** A handle as a FHIR id: 64 hexadecimal digits. */
export function auditEventId(handle: string): string {
  return Buffer.from(handle, 'base64url').toString('hex');
}

/** The handle that an id of an AuditEvent is; `undefined` for another id. */
export function receiptHandle(id: string): string | undefined {
  return /^[0-9a-f]{64}$/.test(id) ? Buffer.from(id, 'hex').toString('base64url') : undefined;
}

export function disclosureAudit(facts: DisclosedFacts): AuditEvent {
  const { handle, at, purpose, custodian } = facts;
  if (Buffer.from(handle, 'base64url').length !== HANDLE_BYTES) throw new TypeError('that is no handle');
  const purposeOfEvent: CodeableConcept[] = [{ coding: [{ system: ACT_REASON, code: purpose }] }];
  return {
    resourceType: 'AuditEvent',
    id: auditEventId(handle),
    type: DISCLOSURE_TYPE,
    subtype: [
      {
        system: 'http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle',
        code: 'disclose',
        display: 'Disclose Record Lifecycle Event',
      },
    ],
    action: 'R',
    recorded: new Date(at).toISOString(),
    outcome: '0',
    purposeOfEvent,
    agent: agentsOf(facts),
    source: {
      site: facts.origin,
      observer: { reference: custodian.reference, display: custodian.display },
      type: [
        {
          system: 'http://terminology.hl7.org/CodeSystem/security-source-type',
          code: '4',
          display: 'Application Server',
        },
      ],
    },
    entity: entitiesOf(facts),
  };
}

function agentsOf({ custodian, recipient, patient }: DisclosedFacts): AuditEventAgent[] {
  const who = {
    reference: recipient.reference,
    ...(recipient.display === undefined ? {} : { display: recipient.display }),
  };
  return [
    {
      type: { coding: [{ system: DCM, code: '110153', display: 'Source Role ID' }] },
      who: { reference: custodian.reference, display: custodian.display },
      requestor: false,
    },
    {
      type: { coding: [{ system: DCM, code: '110152', display: 'Destination Role ID' }] },
      who,
      requestor: recipient.reference !== patient,
    },
    ...(recipient.reference === patient ? [requestingPatient(patient)] : []),
  ];
}

/** What patients are shown they asked for themselves. */
function requestingPatient(reference: string): AuditEventAgent {
  const coding = {
    system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType',
    code: 'IRCP',
    display: 'information recipient',
  };
  return { type: { coding: [coding] }, who: { reference }, requestor: true };
}

function entitiesOf(facts: DisclosedFacts): AuditEventEntity[] {
  const { patient, records, grounds, obligations, interaction, type, handle, origin } = facts;
  const details = [
    ...(interaction === undefined ? [] : [{ type: 'interaction', valueString: interaction }]),
    ...(type === undefined ? [] : [{ type: 'type', valueString: type }]),
    { type: 'versions', valueString: String(records.length) },
    ...obligations.map((kind) => ({ type: 'obligation', valueString: kind })),
  ];
  return [
    {
      what: { reference: patient },
      type: { system: ENTITY_TYPE, code: '1', display: 'Person' },
      role: { system: ROLE, code: '1', display: 'Patient' },
    },
    {
      what: named(handle),
      type: { system: ENTITY_TYPE, code: '2', display: 'System Object' },
      role: { system: ROLE, code: '20', display: 'Job' },
      name: `receipt on the log ${origin}`,
      detail: details,
    },
    ...records.slice(0, NAMED_MAX).map((record): AuditEventEntity => ({
      what: named(record),
      type: { system: ENTITY_TYPE, code: '2', display: 'System Object' },
      role: { system: ROLE, code: '4', display: 'Domain Resource' },
    })),
    ...grounds.map((ground): AuditEventEntity => ({
      what: named(ground),
      type: { system: ENTITY_TYPE, code: '2', display: 'System Object' },
      role: { system: ROLE, code: '13', display: 'Security Resource' },
      name: 'ground of the permission',
    })),
  ];
}

function named(handle: string): { readonly identifier: { readonly system: string; readonly value: string } } {
  return { identifier: { system: HANDLE_SYSTEM, value: handle } };
}
