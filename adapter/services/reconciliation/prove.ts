/** The certificate as a proof file. */
import type { ReconciliationProof } from '../../../ledger/proofs/index.js';
import { AdapterError } from '../../errors.js';
import type { Instance } from '../../instance/instance.js';
import { certificatesFor } from '../proofs/certificates.js';
import { ProofLeaves } from '../proof-leaves.js';
import { Certificates } from './certificates.js';

/** Which certificate, and what it shows. */
export interface CertificateArgs {
  readonly source: string;
  /** Default: the newest. */
  readonly handle?: string;
  /** Without the leaves, a listing that differs is told to differ, and not where. */
  readonly leaves?: boolean;
}

/**
 * A source was reconciled, with these findings.
 *
 * @throws AdapterError ADAPTER_NOT_FOUND
 */
export async function reconciliationProof(
  instance: Instance,
  { source, handle, leaves: wantsLeaves = true }: CertificateArgs,
): Promise<ReconciliationProof> {
  if (instance.sources.get(source) === undefined)
    throw new AdapterError('ADAPTER_NOT_FOUND', `no source ${source.slice(0, 64)}`);
  const certificates = new Certificates(instance.store, instance.keys.storage.indexKey);
  const kept = await certificates.find(source, handle);
  if (kept === undefined) {
    const what = handle === undefined ? `source ${source} was never reconciled` : 'no such reconciliation';
    throw new AdapterError('ADAPTER_NOT_FOUND', `${what}; firebreak source reconcile ${source}`);
  }
  const { store, engine } = instance;
  const found = await new ProofLeaves(store, engine).find(
    `"handle":"${kept.handle}"`,
    ({ type, body }) => type === 'source.reconciled' && body['handle'] === kept.handle,
  );
  if (found === undefined)
    throw new AdapterError('ADAPTER_NOT_FOUND', 'the log knows no such reconciliation');
  const covering = await ProofLeaves.covering(instance, found.index);
  const { listing } = JSON.parse(kept.document) as { listing: { count: number } };
  const leaves = wantsLeaves ? await certificates.leaves(source, kept.begunMs, listing.count) : undefined;
  return {
    kind: 'reconciliation',
    handle: kept.handle,
    checkpoint: covering.checkpoint,
    certificates: await certificatesFor(instance, covering, [found.entry.actor]),
    entry: covering.proveSigned(found),
    document: { salt: Buffer.from(kept.salt, 'base64url'), bytes: Buffer.from(kept.document, 'utf8') },
    ...(leaves === undefined ? {} : { leaves }),
  };
}
