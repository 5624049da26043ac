/** Making proof files: each is judged as an outsider would before it is handed out. */
import { checkProof, proofTrust, writeProof } from '../../../ledger/proofs/index.js';
import type {
  AbsentKind,
  Proof,
  ProofPolicy,
  ProofRefusal,
  ProofVerdict,
} from '../../../ledger/proofs/index.js';
import { readConsentDocument } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type { Instance } from '../../instance/instance.js';
import { nodeProofCrypto } from '../proof-crypto.js';
import { reconciliationProof } from '../reconciliation/prove.js';
import type { CertificateArgs } from '../reconciliation/prove.js';
import { denialProof, entriesProof } from './lists.js';
import type { DenialArgs, ListArgs } from './lists.js';
import { recordProof } from './record.js';
import type { RecordArgs } from './record.js';
import { exportProof } from './exports.js';
import type { ExportArgs } from './exports.js';
import {
  absenceProof,
  consentProof,
  disclosureProof,
  participantProof,
  withdrawalProof,
} from './statements.js';

/** What is to be proved. */
export type ProveArgs =
  | ({ readonly what: 'record' } & RecordArgs)
  | { readonly what: 'consent'; readonly handle: string; readonly open?: boolean; readonly size?: number }
  | { readonly what: 'withdrawal'; readonly handle: string; readonly open?: boolean }
  | { readonly what: 'absent'; readonly of: AbsentKind; readonly name: string; readonly size?: number }
  | { readonly what: 'disclosure'; readonly handle: string }
  | { readonly what: 'participant'; readonly handle: string; readonly leaf?: number }
  | ({ readonly what: 'entries' } & ListArgs)
  | ({ readonly what: 'denial' } & DenialArgs)
  | ({ readonly what: 'reconciliation' } & CertificateArgs)
  | ({ readonly what: 'export' } & ExportArgs);

/** A file, or the code of why it would not hold. */
export type Proved =
  | {
      readonly proved: true;
      readonly file: string;
      /** The configured witnesses' quorum did not cosign in time: the log alone speaks for the file. */
      readonly uncosigned?: true;
    }
  | { readonly proved: false; readonly code: ProofRefusal };

/** What a check answers where the statement itself is untrue. */
const UNTRUE: ReadonlySet<ProofRefusal> = new Set([
  'consent-not-active',
  'consent-not-valid',
  'consent-permits',
  'state-present',
  'participant-revoked',
  'certificate-not-valid',
]);

/**
 * Makes a proof file.
 *
 * @throws AdapterError ADAPTER_NOT_FOUND for what is not kept or not on the log; ADAPTER_FORBIDDEN when the gate does
 * not permit to show it; ADAPTER_USAGE for names that are none; ADAPTER_CONFLICT for what can no longer be shown.
 */
export async function prove(instance: Instance, args: ProveArgs): Promise<Proved> {
  const file = writeProof(await proofOf(instance, args), base64url);
  const vkeys = (await instance.engine.read('vkey'))?.toString('utf8').trim().split('\n') ?? [];
  const judge = (policy: ProofPolicy | undefined): ProofVerdict =>
    checkProof(
      file,
      proofTrust(
        {
          vkeys,
          ...(policy === undefined ? {} : { policy }),
          caRoot: instance.authority.root,
          readConsent: readConsentDocument,
        },
        nodeProofCrypto,
      ),
    );
  const { policy } = instance.witnessing;
  let verdict = judge(policy === undefined ? undefined : { ...policy, logs: [] });
  const isUncosigned = !verdict.ok && verdict.code === 'checkpoint-quorum';
  if (isUncosigned) verdict = judge(undefined);
  if (verdict.ok) {
    const text = Buffer.from(file).toString('utf8');
    return { proved: true, file: text, ...(isUncosigned ? { uncosigned: true } : {}) };
  }
  if (UNTRUE.has(verdict.code)) return { proved: false, code: verdict.code };
  throw new Error(`the log does not bear the proof out: ${verdict.code}`);
}

function proofOf(instance: Instance, args: ProveArgs): Promise<Proof> {
  switch (args.what) {
    case 'record':
      return recordProof(instance, args);
    case 'consent':
      return consentProof(instance, args);
    case 'withdrawal':
      return withdrawalProof(instance, args);
    case 'absent':
      return absenceProof(instance, args);
    case 'disclosure':
      return disclosureProof(instance, args);
    case 'participant':
      return participantProof(instance, args);
    case 'entries':
      return entriesProof(instance, args);
    case 'denial':
      return denialProof(instance, args);
    case 'reconciliation':
      return reconciliationProof(instance, args);
    case 'export':
      return exportProof(instance, args);
    default:
      return Promise.reject(new AdapterError('ADAPTER_USAGE', 'no such statement'));
  }
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');
}
