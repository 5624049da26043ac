/** What an erasure answers: what would go, what went, and what was made from it and stays. */
import { isHeld } from '../../../ledger/custody/index.js';
import { OWN_SOURCE } from '../permitted-records.js';
import type { ErasureContext } from './context.js';
import type { ErasureScope, OrderedErasure } from './evidence.js';
import type { Named } from './names.js';
import type { ErasurePlan } from './plan.js';

export interface ErasureReport {
  readonly outcome: 'erased' | 'planned';
  readonly scope: ErasureScope;
  /** ms since the epoch; absent for what is only planned. */
  readonly erasedAt?: number;
  /** Handles of the versions. */
  readonly versions: readonly string[];
  /** Whether no byte of them is left in the live files. False: it is tried again at the next start and each hour. */
  readonly compacted?: boolean;
  /** Scores and published models that were made from the patient's records, by handle; they stay. */
  readonly scores: readonly string[];
  readonly models: readonly string[];
  /** A legal hold lies on the patient. */
  readonly held: boolean;
}

/** What was made from the patient's records and stays: a person must look at it. */
export type MadeFrom = Pick<ErasureReport, 'scores' | 'models'>;

/** The answer to an erasure that has been done before; `undefined` when it has not. */
export async function reportKnown(context: ErasureContext, named: Named): Promise<ErasureReport | undefined> {
  const { erasures, erasing } = context.tables;
  const erasedAt = erasedAtOf(context, named);
  if (erasedAt === undefined) return undefined;
  const versions: string[] = [];
  for await (const { name, value } of erasures.all(`${named.subject}/`)) {
    // What went before, alone, was another erasure.
    if (value.at !== erasedAt) continue;
    const handle = name.slice(named.subject.length + 1);
    if (named.kind === 'record' && value.resource !== named.resource) continue;
    if (named.kind === 'version' && handle !== named.handle) continue;
    versions.push(handle);
  }
  let compacted = true;
  for await (const { value } of erasing.all())
    if (value.ordered?.subject === named.subject) compacted = false;
  const common = { compacted, held: false, scores: [], models: [] };
  return { outcome: 'erased', scope: named.kind, erasedAt, versions, ...common };
}

function erasedAtOf({ tables, records, view }: ErasureContext, named: Named): number | undefined {
  if (named.kind === 'patient') return tables.erased.get(named.subject)?.at;
  if (named.kind === 'record') return records.state(view, named.resource)?.erasedAt;
  return tables.erasures.get(`${named.subject}/${named.handle}`)?.at;
}

export function reportPlanned(
  { view }: ErasureContext,
  { scope, subject, versions }: ErasurePlan,
  made: MadeFrom,
): ErasureReport {
  const handles = versions.map(({ handle }) => handle);
  return { outcome: 'planned', scope, versions: handles, held: isHeld(view, subject.key), ...made };
}

export function reportDone(
  { scope, at, versions }: OrderedErasure,
  compacted: boolean,
  made: MadeFrom,
): ErasureReport {
  const handles = versions.map(({ handle }) => handle);
  return { outcome: 'erased', scope, erasedAt: at, versions: handles, compacted, held: false, ...made };
}

export async function madeFrom(
  { tables, records, store }: ErasureContext,
  { subject, versions }: ErasurePlan,
): Promise<MadeFrom> {
  const models: string[] = [];
  for await (const { name, value } of tables.models.all())
    if (value.cohort?.includes(subject.facadeId) === true) models.push(name);
  const isMeant = new Set(versions.map(({ handle }) => handle));
  const scores: string[] = [];
  for await (const { handle, card } of records.cards(store, subject))
    if (card.source === OWN_SOURCE && !isMeant.has(handle)) scores.push(handle);
  return { scores, models };
}
