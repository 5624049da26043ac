/** A patient's wallet for tests: makes its keys, enrols by invitation and signs consents, through the public parts. */
import { randomUUID } from 'node:crypto';
import type { Bundle, Consent, Provenance } from 'fhir/r4.js';
import { signDocument } from '../../ledger/consent/index.js';
import { generateSeed } from '../../ledger/log/index.js';
import type { JsonObject } from '../../ledger/log/index.js';
import { makeCsr } from '../../ledger/participants/index.js';
import { generateX25519, x25519PublicKey } from '../../ledger/vault/index.js';
import type { Enrolled } from '../../adapter/http/contract/index.js';

export interface Wallet {
  readonly seed: Buffer;
  readonly enrolled: Enrolled;
}

/** What enrolment and consent go through: an instance's services, or its HTTP address. */
export interface Firebreak {
  invite(
    source: string,
    patients: readonly string[],
  ): Promise<{ invitations: { patient: string; code: string }[] }>;
  enrol(body: Buffer): Promise<Enrolled>;
  submit(bundle: Buffer): Promise<unknown>;
}

export async function enrolWallet(firebreak: Firebreak, source: string, patient: string): Promise<Wallet> {
  const { invitations } = await firebreak.invite(source, [patient]);
  const seed = generateSeed();
  const csr = await makeCsr({ seed, x25519Public: x25519PublicKey(generateX25519()) });
  const body = { invitation: invitations[0]?.code, csr: csr.pem };
  return { seed, enrolled: await firebreak.enrol(Buffer.from(JSON.stringify(body))) };
}

export interface ConsentChoices {
  readonly identifier?: string;
  readonly dateTime?: string;
  readonly status?: Consent['status'];
  readonly type?: 'permit' | 'deny';
  readonly actor?: string;
  readonly actions?: readonly string[];
  readonly purpose?: string;
  readonly provision?: Partial<NonNullable<Consent['provision']>>;
}

/** A consent to update and care at this hospital, unless other choices are made. */
export function consentFor(wallet: Wallet, choices: ConsentChoices = {}): Consent {
  const { enrolled } = wallet;
  const type = choices.type ?? 'permit';
  return {
    resourceType: 'Consent',
    status: choices.status ?? 'active',
    identifier: [{ system: 'urn:ietf:rfc:3986', value: `urn:uuid:${choices.identifier ?? randomUUID()}` }],
    scope: {
      coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }],
    },
    category: [{ coding: [{ system: 'http://loinc.org', code: '59284-0' }] }],
    patient: enrolled.patient,
    dateTime: choices.dateTime ?? new Date().toISOString(),
    organization: [{ reference: enrolled.custodian.reference }],
    policyRule: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'OPTIN' }] },
    provision: {
      type,
      actor: [
        {
          role: {
            coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType', code: 'CST' }],
          },
          reference: { reference: choices.actor ?? enrolled.custodian.reference },
        },
      ],
      action: (choices.actions ?? ['collect', 'access', 'use']).map((code) => ({
        coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentaction', code }],
      })),
      purpose: [
        { system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: choices.purpose ?? 'TREAT' },
      ],
      ...choices.provision,
    },
  };
}

/** The Bundle that carries a consent and the patient's signature. */
export function signedBundle(wallet: Wallet, consent: Consent): Buffer {
  const fullUrl = `urn:uuid:${randomUUID()}`;
  const jws = signDocument(consent as unknown as JsonObject, wallet.seed, wallet.enrolled.fingerprint);
  const bundle: Bundle<Consent | Provenance> = {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [
      { fullUrl, resource: consent, request: { method: 'POST', url: 'Consent' } },
      {
        fullUrl: `urn:uuid:${randomUUID()}`,
        resource: {
          resourceType: 'Provenance',
          target: [{ reference: fullUrl }],
          recorded: consent.dateTime ?? '',
          agent: [{ who: wallet.enrolled.patient }],
          signature: [
            {
              type: [{ system: 'urn:iso-astm:E1762-95:2013', code: '1.2.840.10065.1.12.1.1' }],
              when: consent.dateTime ?? '',
              who: wallet.enrolled.patient,
              sigFormat: 'application/jose',
              targetFormat: 'application/fhir+json',
              data: Buffer.from(jws, 'ascii').toString('base64'),
            },
          ],
        },
        request: { method: 'POST', url: 'Provenance' },
      },
    ],
  };
  return Buffer.from(JSON.stringify(bundle));
}

/** The Bundle of a consent on paper, to which people of the hospital testify by their own keys. */
export function paperBundle(
  staff: readonly { readonly seed: Buffer; readonly fingerprint: string; readonly id: string }[],
  consent: Consent,
): Buffer {
  const fullUrl = `urn:uuid:${randomUUID()}`;
  const when = consent.dateTime ?? '';
  const signature = staff.map(({ seed, fingerprint, id }) => ({
    type: [{ system: 'urn:iso-astm:E1762-95:2013', code: '1.2.840.10065.1.12.1.5' }],
    when,
    who: { reference: `Practitioner/${id}` },
    sigFormat: 'application/jose',
    targetFormat: 'application/fhir+json',
    data: Buffer.from(signDocument(consent as unknown as JsonObject, seed, fingerprint), 'ascii').toString(
      'base64',
    ),
  }));
  const provenance: Provenance = {
    resourceType: 'Provenance',
    target: [{ reference: fullUrl }],
    recorded: when,
    agent: staff.map(({ id }) => ({ who: { reference: `Practitioner/${id}` } })),
    signature,
  };
  const bundle: Bundle<Consent | Provenance> = {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [
      { fullUrl, resource: consent, request: { method: 'POST', url: 'Consent' } },
      {
        fullUrl: `urn:uuid:${randomUUID()}`,
        resource: provenance,
        request: { method: 'POST', url: 'Provenance' },
      },
    ],
  };
  return Buffer.from(JSON.stringify(bundle));
}
