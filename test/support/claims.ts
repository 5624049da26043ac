/** What a payer needs before it may ask about a patient's claims. */
import { enrolPerson } from './person.js';
import type { TestPerson } from './person.js';
import { signedDecision, signedTask, taskOf } from './access.js';
import { signerOf } from './session.js';
import type { Instance } from '../../adapter/instance/instance.js';
import type { Source } from '../../adapter/instance/sources.js';
import { consentFor, signedBundle } from './wallet.js';
import type { Wallet } from './wallet.js';

const RESOURCE_TYPES = 'http://hl7.org/fhir/resource-types';

/** Hospital and patient approve a payer's request: the hospital's layer. */
export async function approvePayer(
  { instance, source }: { readonly instance: Instance; readonly source: Source },
  payer: TestPerson,
  wallet: Wallet,
  purpose: string,
  types: readonly string[] = ['Claim'],
): Promise<void> {
  const patient = wallet.enrolled.patient.reference;
  const task = taskOf(payer, { patient, custodian: source.custodian.id, purpose, types });
  const { id } = await instance.accessRequests.ask(signedTask(payer, task));
  const staff = await enrolPerson(instance, 'staff');
  for (const by of [staff, signerOf(wallet)]) {
    const decision = signedDecision(by, instance.identity.origin, { id, task }, { outcome: 'approved' });
    await instance.accessRequests.decide(decision);
  }
}

/** A patient's consent that a payer may be told of records. @param types - Resource types; all without them. */
export function payerConsent(
  payer: TestPerson,
  wallet: Wallet,
  purpose: string,
  types?: readonly string[],
): ReturnType<typeof consentFor> {
  return consentFor(wallet, {
    actor: `Organization/${payer.id}`,
    actions: ['disclose'],
    purpose,
    ...(types === undefined
      ? {}
      : { provision: { class: types.map((code) => ({ system: RESOURCE_TYPES, code })) } }),
  });
}

/** Both layers. */
export async function admitPayer(
  at: { readonly instance: Instance; readonly source: Source },
  payer: TestPerson,
  wallet: Wallet,
  purpose: string,
  types?: readonly string[],
): Promise<void> {
  await approvePayer(at, payer, wallet, purpose);
  await at.instance.consents.submit(signedBundle(wallet, payerConsent(payer, wallet, purpose, types)));
}
