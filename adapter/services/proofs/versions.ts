/**
 * Proof files of record versions that are being shown: the gate has permitted each, and its receipt goes on the log
 * before anything leaves. All files of one answer hang on one checkpoint.
 */
import { checkProof, proofTrust, writeProof } from '../../../ledger/proofs/index.js';
import type { ProofPolicy, ProofTrust, RecordOpening } from '../../../ledger/proofs/index.js';
import { readConsentDocument } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type { Instance } from '../../instance/instance.js';
import { nodeProofCrypto } from '../proof-crypto.js';
import { ProofLeaves } from '../proof-leaves.js';
import { certificateOf } from './certificates.js';
import { RecordLeaves } from './record-leaves.js';

/** A version, and what is shown of it. */
export interface ShownVersion {
  readonly handle: string;
  readonly opening: RecordOpening;
}

/** A version's proof file. */
export interface ProvenVersion {
  /** The file, for `firebreak check`. */
  readonly file: Buffer;
  /** When its entry was put on the log, ms. */
  readonly at: number;
}

/** Proves versions, in their order. */
export interface VersionProofs {
  /** Name of the log. */
  readonly origin: string;
  /**
   * @throws AdapterError ADAPTER_CONFLICT for a version that the published log does not hold yet; Error when the log
   * does not bear a file out.
   */
  prove(versions: readonly ShownVersion[]): Promise<ProvenVersion[]>;
}

/** A reader waits this long for witnesses to cosign what was committed just before, ms. */
const COSIGNED_MS_MAX = 2000;

/** The maker of proofs of an instance. */
export function versionProofs(instance: Instance): VersionProofs {
  const index = new RecordLeaves(instance.store, instance.engine);
  return {
    origin: instance.identity.origin,
    prove: async (versions) => {
      const entries = (await index.find(versions.map(({ handle }) => handle))).map((found) => {
        if (found !== undefined) return found;
        throw new AdapterError('ADAPTER_CONFLICT', 'a version is not on the published log yet: try again');
      });
      if (entries.length === 0) return [];
      const last = entries.reduce((most, found) => Math.max(most, found.index), 0);
      const leaves = await ProofLeaves.covering(instance, last, COSIGNED_MS_MAX);
      const judge = await judgeOf(instance);
      const certificates = new Map<string, Buffer>();
      const proven: ProvenVersion[] = [];
      for (const [i, found] of entries.entries()) {
        const version = versions[i];
        if (version === undefined) break;
        const { actor, at } = found.entry;
        const certificate = certificates.get(actor) ?? (await certificateOf(instance, leaves, actor));
        certificates.set(actor, certificate);
        const written = writeProof(
          {
            kind: 'record',
            handle: version.handle,
            checkpoint: leaves.checkpoint,
            entry: leaves.prove(found),
            submission: leaves.submissionOf(found),
            certificates: { actor: certificate, issuing: instance.authority.issuing },
            opening: version.opening,
          },
          base64url,
        );
        judge(written);
        proven.push({ file: Buffer.from(written.buffer, written.byteOffset, written.byteLength), at });
      }
      return proven;
    },
  };
}

/** Each file is judged as an outsider would before it is handed out. */
async function judgeOf(instance: Instance): Promise<(file: Uint8Array) => void> {
  const vkeys = (await instance.engine.read('vkey'))?.toString('utf8').trim().split('\n') ?? [];
  const trust = (policy: ProofPolicy | undefined): ProofTrust =>
    proofTrust(
      {
        vkeys,
        ...(policy === undefined ? {} : { policy }),
        caRoot: instance.authority.root,
        readConsent: readConsentDocument,
      },
      nodeProofCrypto,
    );
  const { policy } = instance.witnessing;
  const alone = trust(undefined);
  const cosigned = policy === undefined ? alone : trust({ ...policy, logs: [] });
  return (file) => {
    let verdict = checkProof(file, cosigned);
    // The quorum may be late: then the log alone speaks for the file.
    if (!verdict.ok && verdict.code === 'checkpoint-quorum') verdict = checkProof(file, alone);
    if (!verdict.ok) throw new Error(`the log does not bear the proof out: ${verdict.code}`);
  };
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}
