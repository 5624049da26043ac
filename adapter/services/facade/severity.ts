/** A patient's present score, for a card beside the chart. */
import { openRow } from '../../../ledger/vault/index.js';
import type { Subject } from '../../instance/subjects.js';
import type { Caller } from '../tokens/index.js';
import type { Attempt } from './answer.js';
import { NONE, unknown } from './context.js';
import type { FacadeContext } from './context.js';
import { findResource, keptVersion } from './lookup.js';
import { PatientGate } from './patient-gate.js';
import { showOne } from './serving.js';

/** Row of the last score: of what inputs, and under which handle it is kept. */
export const SCORE = 'score/';

/**
 * The RiskAssessment that stands for a patient now.
 *
 * The system of the patient's own hospital reads it, as it reads the record; to anybody else a card is a disclosure.
 *
 * @param patient - As the caller calls the patient: the id at its own server, or at ours.
 */
export async function currentScore(
  context: FacadeContext,
  caller: Caller,
  patient: string,
): Promise<Attempt> {
  const subject = await subjectOf(context, caller, patient);
  const handle = subject === undefined ? undefined : scoreHandle(context, subject);
  const kept =
    subject === undefined || handle === undefined ? undefined : keptVersion(context, subject, handle);
  if (subject === undefined || kept === undefined) return unknown(context);
  const action = caller.source === subject.source ? 'access' : 'disclose';
  const version = (await PatientGate.of(context, subject, caller, action)).judge(kept);
  return version === undefined ? NONE : showOne(context, version, {});
}

async function subjectOf(context: FacadeContext, caller: Caller, id: string): Promise<Subject | undefined> {
  const { subjects } = context;
  const own =
    caller.source === undefined ? undefined : await subjects.find(subjects.keyOf(caller.source, id));
  if (own !== undefined) return own;
  const found = await findResource(context, id);
  return found?.subject.facadeId === id ? found.subject : undefined;
}

function scoreHandle({ store, keys }: FacadeContext, subject: Subject): string | undefined {
  const key = SCORE + subject.key;
  const row = store.getSync(key);
  if (row === undefined) return undefined;
  const { handle } = JSON.parse(openRow(keys.storage.vaultKek, key, row).toString('utf8')) as {
    handle: string;
  };
  return handle;
}
