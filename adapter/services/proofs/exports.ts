/** Making the file of an export: that it was made, with this manifest; and a patient's own lines of it, for that patient. */
import type { ExportProof } from '../../../ledger/proofs/index.js';
import { AdapterError } from '../../errors.js';
import type { Instance } from '../../instance/instance.js';
import type { Subject } from '../../instance/subjects.js';
import { ProofLeaves } from '../proof-leaves.js';
import { certificatesFor } from './certificates.js';
import { showToPatient } from './leave.js';

export interface ExportArgs {
  /** Of `cohort.exported`. */
  readonly handle: string;
  /** Key of a patient whose lines are opened, to that patient. */
  readonly subject?: string;
}

/** @throws AdapterError ADAPTER_NOT_FOUND, also for a patient who is not in it; ADAPTER_GONE where its files are gone. */
export async function exportProof(
  instance: Instance,
  { handle, subject: key }: ExportArgs,
): Promise<ExportProof> {
  const row = await instance.cohortExports.byHandle(handle);
  if (row?.manifest === undefined || row.salt === undefined)
    throw new AdapterError('ADAPTER_NOT_FOUND', 'no such export was made here');
  const patient = key === undefined ? undefined : instance.cohortExports.patientOf(row, key);
  const subject: Subject | undefined =
    patient === undefined ? undefined : await instance.subjects.find(patient.subject);
  if (key !== undefined && subject === undefined)
    throw new AdapterError('ADAPTER_NOT_FOUND', 'you are not in it');
  const rows = patient === undefined ? undefined : await instance.cohortExports.openRows(row, patient);
  if (subject !== undefined)
    await showToPatient(instance, subject, 'Bundle', { shown: 'export', export: handle });
  const found = await new ProofLeaves(instance.store, instance.engine).find(
    `"handle":"${handle}"`,
    ({ type, body }) => type === 'cohort.exported' && body['handle'] === handle,
  );
  if (found === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'the log knows no such export');
  const leaves = await ProofLeaves.covering(instance, found.index);
  return {
    kind: 'export',
    handle,
    checkpoint: leaves.checkpoint,
    certificates: await certificatesFor(instance, leaves, [found.entry.actor]),
    entry: leaves.proveSigned(found),
    manifest: { salt: Buffer.from(row.salt, 'base64url'), bytes: Buffer.from(row.manifest, 'utf8') },
    ...(rows === undefined ? {} : { rows }),
  };
}
