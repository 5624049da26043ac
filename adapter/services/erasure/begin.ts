/** The first batch of an erasure: from here on nothing of it can be opened, and nothing of it comes in again. */
import { randomBytes } from 'node:crypto';
import type { ErasureOrder, StateView } from '../../../ledger/custody/index.js';
import type { StoreWrite } from '../../../ledger/store.js';
import { AdapterError } from '../../errors.js';
import type { HeldEvent } from '../../inbound/inbox.js';
import { mentionsOf } from '../../inbound/mentions.js';
import { CertifiedRows } from '../ca/index.js';
import { claimPrefixes, claimRowsOf } from '../claims/erasure.js';
import { CohortRows, NAMING_PREFIXES } from '../cohorts/rows.js';
import { OWN_SOURCE } from '../permitted-records.js';
import { IDENTIFIERS_PREFIX } from '../push/identifiers.js';
import { reEnrolments } from '../wallets/re-enrolment.js';
import { readingKeyRow } from '../reconciliation/lines.js';
import { rulesRowKey } from '../access/index.js';
import { prefixRange, probesOf } from './compaction.js';
import type { ErasureContext } from './context.js';
import { erasedEntry, orderOf } from './evidence.js';
import type { ErasingRow, OrderedErasure, OrderInput, VersionName } from './evidence.js';
import { rangesOf, rowsOf } from './plan.js';
import type { ErasurePlan } from './plan.js';

/** Versions destroyed in one batch. */
export const CHUNK = 2000;

export interface Begun {
  /** Name of the row that says what is left to do. */
  readonly name: string;
  readonly row: ErasingRow;
  readonly ordered: OrderedErasure;
}

/**
 * @returns `held` under a legal hold, `overtaken` when something was written of the patient since the plan.
 * @throws AdapterError ADAPTER_FORBIDDEN for an order that is none; LedgerError when the log cannot take it.
 */
export async function beginErasure(
  context: ErasureContext,
  plan: ErasurePlan,
  input: OrderInput,
): Promise<'held' | 'overtaken' | Begun> {
  const { appender, inbox, records, tables, view } = context;
  const { scope, subject } = plan;
  const at = context.nowMs();
  const order = requireOrder(plan, input, at);
  const events = await eventsOf(context, plan);
  const versions = plan.versions.map(({ handle, resource }) => ({
    handle,
    ...(resource === undefined ? {} : { resource }),
  }));
  const ordered: OrderedErasure = { subject: subject.key, scope, input, at, versions };
  const named = await identifierWrites(context, plan, events);
  const handles = new Set(versions.map(({ handle }) => handle));
  const { store, keys } = context;
  const claims = await claimRowsOf(
    store,
    keys.storage.indexKey,
    subject.key,
    scope === 'patient' ? 'all' : handles,
  );
  const cohorts = new CohortRows(store, keys.storage.vaultKek);
  const exported = scope === 'patient' ? await cohorts.naming(subject.key) : { keys: [], rows: [] };
  const gone = [
    ...rowsOf(view, records, plan),
    ...events.map(({ row }) => row),
    ...named.rows,
    ...claims.values(),
    ...exported.rows,
  ];
  const ranges = [
    ...rangesOf(plan),
    ...(named.rows.length === 0 ? [] : [prefixRange(IDENTIFIERS_PREFIX)]),
    ...(claims.size === 0 ? [] : claimPrefixes(subject.key).map(prefixRange)),
    // Whole, for an export that was built anew leaves bytes there; and one may be under way.
    ...(scope === 'patient' ? NAMING_PREFIXES.map(prefixRange) : []),
  ];
  const row: ErasingRow = { ordered, ranges, probes: gone.flatMap(probesOf) };
  const name = randomBytes(16).toString('hex');
  const also = scope === 'patient' ? await patientWrites(context, plan, order.evidence, at) : [];
  // The versions of a record go at once; those of a patient by and by, once the record key is gone.
  const first = scope === 'patient' ? versions.slice(0, CHUNK) : versions;
  const outcome = await appender.appendErasure(order, plan.tags, subject, (state) => {
    requireCertified(context, plan, input, at, state);
    const { drafts, writes } = destroyWrites(context, ordered, order, first);
    const ended = events.map((event) => inbox.erase(state, event, subject.key));
    const states = scope === 'version' ? withoutVersion(context, state, plan, at) : [];
    const score: StoreWrite = { type: 'del', key: `score/${subject.key}` };
    return {
      drafts,
      writes: [
        tables.erasing.put(name, row),
        score,
        ...cohorts.eraseWrites(state, subject.key, exported.keys),
        ...[...claims.keys()].map((key): StoreWrite => ({ type: 'del', key })),
        ...also,
        ...named.writes,
        ...writes,
        ...states,
        ...ended.flat(),
      ],
      value: events.filter((_, i) => (ended[i]?.length ?? 0) > 0),
    };
  });
  if (outcome.outcome !== 'committed') return outcome.outcome;
  for (const { isPending, event } of outcome.value) {
    if (isPending) inbox.settled(event);
    inbox.forget(event.seq);
  }
  return { name, row, ordered };
}

/** Takes what is named out of the identifiers by which pushed resources are found. */
async function identifierWrites(
  { pushIdentifiers }: ErasureContext,
  { scope, subject, names }: ErasurePlan,
  events: readonly HeldEvent[],
): Promise<{ writes: StoreWrite[]; rows: Buffer[] }> {
  const all =
    scope === 'version' ? [] : [...names, ...events.map(({ event }) => `${event.type}/${event.id}`)];
  const found = await Promise.all(
    [...new Set(all)].map((name) => {
      const [type = '', id = ''] = name.split('/');
      return pushIdentifiers.eraseWrites({ source: subject.source, type, id });
    }),
  );
  return { writes: found.flatMap(({ writes }) => writes), rows: found.flatMap(({ rows }) => rows) };
}

/** Entries and rows of some of the versions. */
export function destroyWrites(
  { records, tables, view }: ErasureContext,
  { scope, subject, at }: OrderedErasure,
  order: ErasureOrder,
  versions: readonly VersionName[],
) {
  const drafts: { type: 'record.erased'; body: { handle: string; commitment: string } }[] = [];
  const writes: StoreWrite[] = [];
  const barred = new Set<string>();
  for (const { handle, resource } of versions) {
    const { body, row } = erasedEntry(handle, order, at, resource);
    drafts.push({ type: 'record.erased', body });
    writes.push(
      ...records.eraseWrites(view, subject, handle),
      tables.erasures.put(`${subject}/${handle}`, row),
    );
    if (resource === undefined || scope === 'version' || barred.has(resource)) continue;
    barred.add(resource);
    writes.push(records.bar(resource, subject, at));
  }
  return { drafts, writes };
}

function requireOrder({ subject, targets }: ErasurePlan, input: OrderInput, nowMs: number): ErasureOrder {
  const patient = `Patient/${subject.facadeId}`;
  const order = orderOf({ subject: subject.key, patient, wallet: subject.wallet, targets, input, nowMs });
  if (typeof order !== 'string') return order;
  throw new AdapterError('ADAPTER_FORBIDDEN', `the order to erase is refused: ${order}`);
}

/** Asked inside of the batch: a patient whose key was revoked orders nothing by it, from the revocation's leaf on. */
function requireCertified(
  { store, keys }: ErasureContext,
  { subject: { wallet } }: ErasurePlan,
  input: OrderInput,
  nowMs: number,
  state: StateView,
): void {
  if (!('signed' in input) || wallet === undefined) return;
  const rows = new CertifiedRows(store, keys.storage.indexKey);
  const found = rows.certificateNow(wallet.participant, wallet.fingerprint, nowMs, state);
  if (!found.ok)
    throw new AdapterError('ADAPTER_FORBIDDEN', `the order to erase is refused: certificate-${found.code}`);
}

/** Events that go at once; what is queued and only tells of the patient meets the bar in its turn. */
async function eventsOf(
  { inbox }: ErasureContext,
  { scope, subject, names }: ErasurePlan,
): Promise<HeldEvent[]> {
  const found: HeldEvent[] = [];
  for await (const held of inbox.about(subject.key)) {
    const { key, isPending, event } = held;
    const waits = key.includes(`/${subject.key}/`);
    if (event.source !== subject.source && !waits) continue;
    const isOfPatient =
      scope === 'patient' && !isPending && (waits || [...mentionsOf(event)].some((name) => names.has(name)));
    if (isOfPatient || names.has(`${event.type}/${event.id}`)) found.push(held);
  }
  return found;
}

/** What goes, and what is put, when all of a patient is erased. */
async function patientWrites(
  { store, subjects, inbox, tables, view, sources }: ErasureContext,
  { subject, versions }: ErasurePlan,
  evidence: string,
  at: number,
): Promise<StoreWrite[]> {
  const writes = [subjects.eraseWrite(subject), tables.erased.put(subject.key, { at, evidence })];
  // The documents of lost wallets name the patient as the source does.
  for (const prefix of [`release/${subject.key}/`, reEnrolments(subject.key)])
    for (const key of await store.keys({ gte: prefix, lt: `${prefix}~` }).all())
      writes.push({ type: 'del', key });
  writes.push(
    { type: 'del', key: `recovery/${subject.key}` },
    { type: 'del', key: rulesRowKey(subject.key) },
  );
  for await (const { name, value } of tables.invitations.all())
    if (value.source === subject.source && value.patient === subject.patientId)
      writes.push(tables.invitations.del(name));
  // A reading that was cut off names resources; it is begun anew.
  for (const { id } of sources.list())
    if (view.get(readingKeyRow(id)) !== undefined) writes.push({ type: 'del', key: readingKeyRow(id) });
  const noBytes = Buffer.alloc(0);
  for (const { card } of versions) {
    const { source, gate } = card;
    if (source === OWN_SOURCE) continue;
    const resource = { source, type: gate.type, id: gate.id, bytes: noBytes };
    writes.push(...inbox.eraseTraces(view, resource, subject.key));
  }
  return writes;
}

/** A version's own bar, and the state of its resource where it was the current one. */
function withoutVersion(
  { records, inbox }: ErasureContext,
  state: StateView,
  { versions }: ErasurePlan,
  at: number,
): StoreWrite[] {
  const writes: StoreWrite[] = [];
  for (const { handle, resource, card } of versions) {
    const { type, id } = card.gate;
    const { source, versionId: version } = card;
    const seen = version === undefined ? undefined : inbox.seenWrite({ source, type, id, version });
    if (seen !== undefined) writes.push(seen);
    const current = resource === undefined ? undefined : records.state(state, resource);
    if (resource !== undefined && current?.handle === handle)
      writes.push(records.withoutCurrent(resource, current, at));
  }
  return writes;
}
