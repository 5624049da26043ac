import { fingerprintOf } from '../../../ledger/participants/index.js';
import type { Instance } from '../../instance/instance.js';
import type { ProofLeaves } from '../proof-leaves.js';

/** DER of the certificate that an actor had; a renewed one stands on the log. */
export async function certificateOf(instance: Instance, leaves: ProofLeaves, actor: string): Promise<Buffer> {
  const { organisation, authority } = instance;
  if (organisation.fingerprint === actor) return Buffer.from(organisation.certificate, 'base64');
  if (fingerprintOf(authority.issuing) === actor) return Buffer.from(authority.issuing);
  let der = Buffer.alloc(0);
  const found = await leaves.find('"type":"participant.', ({ body }) => {
    const { certificate } = body;
    der = Buffer.from(typeof certificate === 'string' ? certificate : '', 'base64');
    return fingerprintOf(der) === actor;
  });
  if (found === undefined) throw new Error('an actor whose certificate is not on the log');
  return der;
}

/** The certificates of a file: the issuing authority's, the actors', and those given, each once. */
export async function certificatesFor(
  instance: Instance,
  leaves: ProofLeaves,
  actors: readonly string[],
  more: readonly Buffer[] = [],
): Promise<Buffer[]> {
  const { issuing } = instance.authority;
  const byName = new Map<string, Buffer>([[fingerprintOf(issuing), Buffer.from(issuing)]]);
  for (const actor of new Set(actors)) byName.set(actor, await certificateOf(instance, leaves, actor));
  for (const der of more) byName.set(fingerprintOf(der), der);
  return [...byName.values()];
}
