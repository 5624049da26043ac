import type { ShownAccess, ShownAccessState } from '../../http/contract/index.js';
import type { AccessRow } from './rows.js';

/** A request as those whom it concerns see it. @param state - As of now. @param isPatient - Who sees it is the patient. */
export function showAccess(row: AccessRow, state: ShownAccessState, isPatient = false): ShownAccess {
  const { handle, asked, requester, task, taskHash, types, endMs, requestedAt, answerBy, decisions } = row;
  const { id, name, group } = requester;
  return {
    id: handle,
    state,
    requester: { id, name, group },
    task,
    taskHash,
    purpose: asked.purpose,
    reason: asked.reason,
    types,
    start: new Date(asked.startMs).toISOString(),
    end: new Date(endMs).toISOString(),
    requestedAt: new Date(requestedAt).toISOString(),
    answerBy: new Date(answerBy).toISOString(),
    decisions: decisions.map(({ by, outcome, at, rule }) => ({
      by,
      outcome,
      at: new Date(at).toISOString(),
      ...(isPatient && rule !== undefined ? { rule } : {}),
    })),
  };
}
