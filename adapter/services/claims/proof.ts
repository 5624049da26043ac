/** Proof files of attested claims; each is judged as an outsider would before it is handed out. */
import { checkProof, proofTrust, writeProof } from '../../../ledger/proofs/index.js';
import { readConsentDocument } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type { Instance } from '../../instance/instance.js';
import { nodeProofCrypto } from '../proof-crypto.js';
import { ProofLeaves } from '../proof-leaves.js';
import { certificatesFor } from '../proofs/certificates.js';
import { RecordLeaves } from '../proofs/record-leaves.js';
import type { ClaimRow } from './rows.js';

/** An insurer waits this long for witnesses to cosign, ms. */
const COSIGNED_MS_MAX = 2000;

/** @throws AdapterError ADAPTER_CONFLICT while the published log does not hold all that the file needs. */
export async function claimProof(
  instance: Instance,
  index: RecordLeaves,
  handle: string,
  row: Pick<ClaimRow, 'salt' | 'document' | 'opened'>,
): Promise<Buffer> {
  const found = await new ProofLeaves(instance.store, instance.engine).find(
    `"handle":"${handle}"`,
    ({ type, body }) => type === 'claim.attested' && body['handle'] === handle,
  );
  const entries = await index.find(row.opened.map(({ record }) => record));
  if (found === undefined || entries.includes(undefined))
    throw new AdapterError('ADAPTER_CONFLICT', 'it is not on the published log yet: try again');
  const stored = entries.flatMap((entry) => (entry === undefined ? [] : [entry]));
  const leaves = await ProofLeaves.covering(instance, found.index, COSIGNED_MS_MAX);
  const actors = [found, ...stored].map(({ entry }) => entry.actor);
  const file = writeProof(
    {
      kind: 'claim',
      handle,
      checkpoint: leaves.checkpoint,
      certificates: await certificatesFor(instance, leaves, actors),
      entry: leaves.proveSigned(found),
      document: { salt: bytesOf(row.salt), bytes: Buffer.from(row.document, 'utf8') },
      records: stored.map((entry, i) => ({
        entry: leaves.proveSigned(entry),
        facts: (row.opened[i]?.facts ?? []).map((fact) => ({
          leaf: bytesOf(fact.leaf),
          index: fact.index,
          count: fact.count,
          inclusion: fact.inclusion.map(bytesOf),
        })),
      })),
    },
    (bytes) => Buffer.from(bytes).toString('base64url'),
  );
  const vkeys = (await instance.engine.read('vkey'))?.toString('utf8').trim().split('\n') ?? [];
  const trust = { vkeys, caRoot: instance.authority.root, readConsent: readConsentDocument };
  const verdict = checkProof(file, proofTrust(trust, nodeProofCrypto));
  if (!verdict.ok) throw new Error(`the log does not bear the proof out: ${verdict.code}`);
  return Buffer.from(file);
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'base64url');
}
