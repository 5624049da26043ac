/** A person of a provider for tests: the own keys, certified by two. */
import { generateSeed } from '../../ledger/log/index.js';
import { signDocument } from '../../ledger/consent/index.js';
import { makeCsr } from '../../ledger/participants/index.js';
import type { PersonRole } from '../../ledger/participants/index.js';
import { generateX25519, x25519PublicKey } from '../../ledger/vault/index.js';
import type { Instance } from '../../adapter/instance/instance.js';
import { presentOf } from '../../adapter/services/ca/index.js';
import { signedForm } from '../../adapter/services/exceptional/index.js';
import type { ExceptionalDocument } from '../../adapter/services/exceptional/index.js';
import type { Signer } from './session.js';

export interface TestPerson extends Signer {
  /** Id in the certificate. */
  readonly id: string;
}

/** @param of - Id of the organisation; the instance's own without it. */
export async function enrolPerson(
  instance: Instance,
  role: PersonRole,
  of = instance.organisation.id,
): Promise<TestPerson> {
  const seed = generateSeed();
  const csr = await makeCsr({ seed, x25519Public: x25519PublicKey(generateX25519()) });
  const { certification } = instance;
  const asked = await certification.enrol({ csr: csr.pem, role, of, by: 'Ann Lee' });
  const approved = await certification.approve(asked.id, 'Bo Rask');
  const certified = certification.rows.get(approved.handle ?? '');
  if (certified === undefined) throw new Error('not enrolled');
  const { handle, id } = certified;
  return { seed, id, participant: handle, fingerprint: presentOf(certified).fingerprint };
}

/** Enrols an organisation by two. @returns Its id. */
export async function enrolOrganisation(
  instance: Instance,
  name: string,
  group = 'provider',
): Promise<TestPerson> {
  const seed = generateSeed();
  const csr = await makeCsr({ seed, x25519Public: x25519PublicKey(generateX25519()) });
  const asked = await instance.certification.enrol({ csr: csr.pem, name, group, by: 'Ann Lee' });
  const approved = await instance.certification.approve(asked.id, 'Bo Rask');
  const certified = instance.certification.rows.get(approved.handle ?? '');
  if (certified === undefined) throw new Error('not enrolled');
  const { handle, id } = certified;
  return { seed, id, participant: handle, fingerprint: presentOf(certified).fingerprint };
}

/** A document signed by somebody, as it is sent. */
export function signedBy(signer: Signer, document: ExceptionalDocument): Buffer {
  const jws = signDocument(signedForm(document), signer.seed, signer.fingerprint);
  return Buffer.from(JSON.stringify({ document, jws }));
}
