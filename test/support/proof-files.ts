/** One good proof file of every kind, from a real instance: for tests of checkers, damage and browsers. */
import { randomBytes } from 'node:crypto';
import { prove } from '../../adapter/services/proofs/index.js';
import type { ProveArgs } from '../../adapter/services/proofs/index.js';
import { reconcileSource } from '../../adapter/services/reconciliation/index.js';
import { addSource } from '../../adapter/services/source-admin.js';
import type { ProofTrustInput } from '../../ledger/proofs/index.js';
import { readConsentDocument } from '../../mappings/index.js';
import { consenting, openBench, push, readLog, sign } from '../adapter/support/bench.js';
import type { Bench } from '../adapter/support/bench.js';
import { startFhirServer } from '../adapter/support/fhir-server.js';
import { heartRate, patient } from '../adapter/support/resources.js';
import { PROOF_STATEMENTS } from './proof-statements.js';
import type { ProofName } from './proof-statements.js';
import type { Wallet } from './wallet.js';

/** A good file. */
export interface ProofFile {
  readonly name: ProofName;
  readonly bytes: Buffer;
}

/** The files, and what they are to be judged by. */
export interface ProofFiles {
  readonly files: readonly ProofFile[];
  /** For `proofTrust`; its reader of consents is a function, all else survives JSON once `caRoot` is encoded. */
  readonly trust: ProofTrustInput & { readonly vkeys: readonly string[] };
}

/** The instance that the files come from, and names in it. */
export interface ProofBench {
  readonly bench: Bench;
  /** Patient `a`: a consent in force, another withdrawn, and a record. */
  readonly wallet: Wallet;
  readonly inForce: string;
  readonly withdrawn: string;
  readonly disclosure: string;
  readonly trust: ProofFiles['trust'];
  readonly prove: (args: ProveArgs) => Promise<Buffer>;
  readonly close: () => Promise<void>;
}

const RESEARCH = 'HRESCH';

/** Opens an instance in which every statement can be made. */
export async function openProofBench(): Promise<ProofBench> {
  const bench = await openBench();
  const { instance } = bench;
  const wallet = await consenting(bench, 'a');
  await push(bench, heartRate('a1', 'a', 70));
  const research = {
    identifier: '5e0b4a5e-58f4-4f0c-9d3c-0d8f6f1f9a01',
    purpose: RESEARCH,
    actions: ['use'],
    actor: wallet.enrolled.instance.reference,
  };
  const yesterday = new Date(Date.now() - 60_000).toISOString();
  await sign(bench, wallet, { ...research, dateTime: yesterday });
  await sign(bench, wallet, { ...research, status: 'inactive' });
  const made = async (args: ProveArgs): Promise<Buffer> => {
    const proved = await prove(instance, args);
    if (!proved.proved) throw new Error(`untrue: ${proved.code}`);
    return Buffer.from(proved.file, 'utf8');
  };
  // Opening a record leaves the receipt that the disclosure's file is about.
  await made({ what: 'record', record: 'Observation/a1', open: true });
  await reconcileSomething(bench);
  const log = await readLog(instance);
  const handleOf = (type: string): string => {
    const handle = log.find((entry) => entry.type === type)?.body['handle'];
    if (typeof handle !== 'string') throw new Error(`no ${type} on the log`);
    return handle;
  };
  const vkey = (await instance.engine.read('vkey'))?.toString('utf8').trim() ?? '';
  return {
    bench,
    wallet,
    inForce: handleOf('consent.signed'),
    withdrawn: handleOf('consent.withdrawn'),
    disclosure: handleOf('disclosure'),
    trust: { vkeys: [vkey], caRoot: instance.authority.root, readConsent: readConsentDocument },
    prove: made,
    close: () => bench.close(),
  };
}

/** A source that was reconciled, and is gone. */
async function reconcileSomething({ instance }: Bench): Promise<void> {
  const city = await startFhirServer();
  try {
    for (const resource of [patient('c', { version: '1' }), heartRate('c1', 'c', 70, { version: '2' })])
      city.held.set(`${resource.resourceType}/${resource.id}`, resource);
    await addSource(instance, { id: 'city', url: city.base, name: 'City', allowResearch: false });
    await reconcileSource(instance, 'city');
  } finally {
    await city.close();
  }
}

/** Makes one good file of every kind, in about a second. */
export async function makeProofFiles(): Promise<ProofFiles> {
  const from = await openProofBench();
  try {
    return { files: await filesOf(from), trust: from.trust };
  } finally {
    await from.close();
  }
}

/** One good file of every kind. */
export async function filesOf(from: ProofBench): Promise<ProofFile[]> {
  const files: ProofFile[] = [];
  const absent = randomBytes(32).toString('base64url');
  for (const [name, argsOf] of PROOF_STATEMENTS) {
    files.push({ name, bytes: await from.prove(argsOf(from, absent)) });
  }
  return files;
}
