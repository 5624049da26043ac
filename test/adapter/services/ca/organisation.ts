/** An organisation for tests: its keys and its requests, made as an organisation would. */
import { randomBytes, sign } from 'node:crypto';
import type { Instance } from '../../../../adapter/instance/instance.js';
import type { Certified } from '../../../../adapter/services/ca/index.js';
import { privateKeyObject } from '../../../../ledger/log/index.js';
import { fromPem, makeCsr } from '../../../../ledger/participants/index.js';
import { generateX25519, x25519PublicKey } from '../../../../ledger/vault/index.js';

export interface Requested {
  readonly seed: Buffer;
  readonly x25519Public: Buffer;
  /** PKCS#10, PEM. */
  readonly csr: string;
}

export async function newRequest(): Promise<Requested> {
  const seed = randomBytes(32);
  const x25519Public = x25519PublicKey(generateX25519());
  return { seed, x25519Public, csr: (await makeCsr({ seed, x25519Public })).pem };
}

/** The proof that a rotation needs: the present key's signature over the DER of the new request. */
export function proofOf(seed: Buffer, csr: string): Buffer {
  return sign(null, fromPem('CERTIFICATE REQUEST', csr) ?? Buffer.alloc(0), privateKeyObject(seed));
}

/** Enrols an organisation by two people. */
export async function enrolByTwo(
  { certification }: Pick<Instance, 'certification'>,
  requested: Requested,
  name = 'City Insurance',
  group = 'payer',
): Promise<Certified> {
  const { id } = await certification.enrol({ csr: requested.csr, name, group, by: 'Ann Lee' });
  const { handle } = await certification.approve(id, 'Bo Rask');
  const certified = certification.rows.get(handle ?? '');
  if (certified === undefined) throw new Error('not enrolled');
  return certified;
}
