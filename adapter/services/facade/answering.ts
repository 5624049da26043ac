/** The last step of every answer: its receipts are on the log, or it is not given. */
import type { Permitted } from '../../../ledger/consent/index.js';
import { AdapterError } from '../../errors.js';
import { discloseListed, discloseNothing, discloseTo } from '../disclosure.js';
import type { ReceiptText } from '../disclosure.js';
import type { Caller } from '../tokens/index.js';
import type { Attempt, FacadeAnswer } from './answer.js';
import type { FacadeContext } from './context.js';
import { settleSince } from './decoy.js';
import { RowGone } from './lookup.js';
import type { PermittedVersion } from './patient-gate.js';

/** How often an answer is made anew because a consent changed under it. */
const ROUNDS_MAX = 8;

/**
 * Makes an answer, and makes it anew while what it stands on changes: one receipt for each patient in it, or one that
 * tells of nobody.
 *
 * @param said - What the receipt says of the request.
 * @throws LedgerError when the log cannot take the receipt; AdapterError ADAPTER_CONFLICT when consents change too fast.
 */
export async function answer(
  context: FacadeContext,
  caller: Caller,
  said: Readonly<Record<string, string>>,
  attempt: () => Promise<Attempt>,
): Promise<FacadeAnswer> {
  const startedAt = performance.now();
  const text: ReceiptText = { purpose: caller.purpose, to: recipientOf(caller), ...said };
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const made = await attempted(attempt);
    if (made === undefined) continue;
    const { shown, listed = [] } = made;
    if (shown.length === 0 && listed.length === 0) {
      await discloseNothing(context, text);
      await settleSince(startedAt);
      return made.answer;
    }
    const more = listed.length === 0 ? {} : { directory: listed.length };
    const full = { ...text, answer: made.answer.kind, ...more };
    const holds =
      shown.length === 0
        ? await discloseListed(context, listed, full)
        : await disclose(context, shown, listed, full);
    if (holds) return made.answer;
  }
  throw new AdapterError('ADAPTER_CONFLICT', 'the consents of this patient change too fast');
}

/** Reference of whom an answer goes to. */
function recipientOf({ clientId, own, person }: Caller): string {
  return own?.reference ?? person?.reference ?? `Organization/${clientId}`;
}

/** `undefined` when what a listing named was erased meanwhile: then it is listed anew. */
async function attempted(attempt: () => Promise<Attempt>): Promise<Attempt | undefined> {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof RowGone) return undefined;
    throw error;
  }
}

/** False when one of the receipts was void. */
async function disclose(
  context: FacadeContext,
  shown: readonly PermittedVersion[],
  listed: readonly Permitted[],
  text: ReceiptText,
): Promise<boolean> {
  const byPatient = new Map<string, PermittedVersion[]>();
  for (const version of shown) {
    const { key } = version.gate.subject;
    const known = byPatient.get(key);
    if (known === undefined) byPatient.set(key, [version]);
    else known.push(version);
  }
  const receipts = [...byPatient.values()].map(async (versions) => {
    const [{ subject, epoch } = { subject: undefined, epoch: 0 }] = versions.map(({ gate }) => gate);
    context.servedForms.used(subject?.key ?? '');
    // Judged on the words of the patient at different times: what holds now is found by judging anew.
    if (subject === undefined || versions.some(({ gate }) => gate.epoch !== epoch)) return false;
    const handles = [...new Set(versions.map(({ handle }) => handle))];
    const permits = versions.map(({ permit }) => permit);
    const [recordEpoch, ...others] = new Set(versions.map(({ gate }) => gate.recordEpoch));
    const unchanged = recordEpoch === undefined || others.length > 0 ? {} : { recordEpoch };
    const showing = { subject, epoch, permits, handles, listed, ...unchanged };
    return discloseTo(context, showing, { ...text, records: handles });
  });
  return (await Promise.all(receipts)).every(Boolean);
}
