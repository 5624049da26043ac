/** All that follows the first batch of an erasure. Each step may be done twice: a crash may come behind any of them. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { tagCount } from '../../../ledger/custody/index.js';
import type { HeldEvent } from '../../inbound/inbox.js';
import { patientsOf } from '../../inbound/mentions.js';
import { CohortRows } from '../cohorts/rows.js';
import { CHUNK, destroyWrites } from './begin.js';
import { compactAway, probesOf } from './compaction.js';
import type { ErasureContext } from './context.js';
import { orderOf } from './evidence.js';
import type { ErasingRow, OrderedErasure } from './evidence.js';

/** What is queued of the patient meets the bar when its turn comes; this long we wait for it, ms. */
const SETTLE_MS = 10_000;
const SETTLE_LOOK_MS = 50;

interface Settled {
  /** Of what was destroyed meanwhile. */
  readonly probes: readonly string[];
  readonly isSettled: boolean;
}

const NOTHING_QUEUED: Settled = { probes: [], isSettled: true };

/**
 * Does what is left.
 *
 * @param name - Of the row that says what is left.
 * @returns Whether no byte is left; else it is to be done again.
 */
export async function finishErasure(
  context: ErasureContext,
  name: string,
  row: ErasingRow,
): Promise<boolean> {
  const { store, dataDir, appender, tables, logger, closing } = context;
  if (row.ordered !== undefined) await destroyRest(context, row.ordered);
  const { probes, isSettled } =
    row.ordered?.scope === 'patient' ? await settle(context, row.ordered) : NOTHING_QUEUED;
  const exported = row.ordered?.scope === 'patient' ? await destroyExported(context, row.ordered) : [];
  // The rows that named them went with what they belonged to.
  await context.sweepBodies();
  const wanted = [...row.probes, ...probes, ...exported];
  const isGone = await compactAway(store, join(dataDir, 'store'), row.ranges, wanted, closing);
  if (!isGone || !isSettled) {
    logger.warn('erased bytes are still on the disk; tried again later', { isGone, isSettled });
    return false;
  }
  await appender.writeRows(() => ({ writes: [tables.erasing.del(name)], value: undefined }));
  return true;
}

/** The versions of a patient that did not fit in the first batch. */
async function destroyRest(context: ErasureContext, ordered: OrderedErasure): Promise<void> {
  const { appender, records, subjects, view } = context;
  const { subject, input, versions } = ordered;
  let left = versions.filter(({ handle }) => records.isKept(view, subject, handle));
  while (left.length > 0) {
    const kept = subjects.findErased(subject);
    if (kept === undefined) throw new Error('an erasure under way without its patient');
    // Judged anew, as it was then: an order lives in memory alone.
    const patient = 'signed' in input ? input.signed.request.patient : '';
    const { wallet } = kept;
    const order = orderOf({ subject, patient, wallet, targets: 'all', input, nowMs: ordered.at });
    if (typeof order === 'string') throw new Error(`an erasure under way whose order is refused: ${order}`);
    const chunk = left.slice(0, CHUNK);
    const { outcome } = await appender.appendErasure(order, tagCount(view, subject), kept, () => ({
      ...destroyWrites(context, ordered, order, chunk),
      value: undefined,
    }));
    // No hold can be set on a patient of whom all is erased.
    if (outcome === 'held') throw new Error('a hold on an erased patient');
    if (outcome === 'committed') left = left.slice(CHUNK);
  }
}

/**
 * What an export under way wrote down of a patient while the first batch was made ready: behind that batch nothing is.
 *
 * @returns By what its bytes are known.
 */
async function destroyExported(
  { store, keys, appender }: ErasureContext,
  { subject }: OrderedErasure,
): Promise<string[]> {
  const cohorts = new CohortRows(store, keys.storage.vaultKek);
  const late = await cohorts.naming(subject);
  if (late.keys.length === 0) return [];
  await appender.writeRows((view) => ({
    writes: cohorts.eraseWrites(view, subject, late.keys),
    value: undefined,
  }));
  return late.rows.flatMap(probesOf);
}

/**
 * Waits until what was queued when a patient was erased has met the bar, and destroys what was put to wait or set aside
 * before it.
 */
async function settle(
  { inbox, store, appender, subjects, closing }: ErasureContext,
  { subject }: OrderedErasure,
): Promise<Settled> {
  const queued: string[] = [];
  for await (const { key, isPending } of inbox.about(subject)) if (isPending) queued.push(key);
  const isQueued = (): boolean => queued.some((key) => store.getSync(key) !== undefined);
  const deadline = Date.now() + SETTLE_MS;
  while (isQueued() && Date.now() < deadline) {
    if (closing.aborted) return { probes: [], isSettled: false };
    await sleep(SETTLE_LOOK_MS);
  }
  const isOfPatient = ({ key, event }: HeldEvent): boolean =>
    key.includes(`/${subject}/`) ||
    patientsOf(event).some((id) => subjects.keyOf(event.source, id) === subject);
  const late: HeldEvent[] = [];
  for await (const held of inbox.about(subject)) if (!held.isPending && isOfPatient(held)) late.push(held);
  await appender.writeRows((view) => ({
    writes: late.flatMap((held) => inbox.erase(view, held, subject)),
    value: undefined,
  }));
  return { probes: late.flatMap(({ row }) => probesOf(row)), isSettled: !isQueued() };
}
