/**
 * What is kept for a time only: receipts, emergencies, evidence of consents and of erasures, released holds. A consent's time begins
 * when it has no effect any more: when another one replaced it, or all of its patient was erased. A withdrawn one is a
 * standing no, so it stays as long as its patient does.
 */
import { isHeld } from '../../../ledger/custody/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import type { Subjects } from '../../instance/subjects.js';
import { rowKey } from '../ca/index.js';
import { subjectRowKey } from '../../instance/subjects.js';
import type { ErasureTables } from './tables.js';

/** What fell due, by kind. */
export interface DueCounts {
  readonly receipts: number;
  readonly consents: number;
  readonly erasures: number;
  readonly holds: number;
  /** Erased patients of whom nothing but the bar is left. */
  readonly patients: number;
}

/** Rows of one patient that go. */
export interface DueRows {
  readonly subject: string;
  readonly kind: keyof DueCounts;
  readonly writes: readonly StoreWrite[];
}

const YEAR_MS = 365.2425 * 24 * 60 * 60 * 1000;

/** What ended at this time or before is due. */
export function dueBefore(nowMs: number, retentionYears: number): number {
  return nowMs - retentionYears * YEAR_MS;
}

/** All that is due. What is of a held patient is not. */
export async function* findDue(
  store: Store,
  tables: ErasureTables,
  subjects: Subjects,
  before: number,
): AsyncGenerator<DueRows> {
  const view = { get: (key: string) => store.getSync(key) };
  for await (const found of allDue(store, tables, subjects, before))
    if (!isHeld(view, found.subject)) yield found;
}

async function* allDue(
  store: Store,
  tables: ErasureTables,
  subjects: Subjects,
  before: number,
): AsyncGenerator<DueRows> {
  const { receipts, erasures, pastHolds, erased } = tables;
  for await (const { name, value } of receipts.all()) {
    const { at } = JSON.parse(value.receipt) as { at: number };
    if (at <= before) yield { subject: subjectOf(name), kind: 'receipts', writes: [receipts.del(name)] };
  }
  for await (const { name, value } of tables.emergencies.all()) {
    const handle = name.slice(subjectOf(name).length + 1);
    const rows = [
      tables.emergencies.del(name),
      del(`emergency-of/${handle}`),
      del(`consent-status/${handle}`),
    ];
    if (value.endMs <= before) yield { subject: subjectOf(name), kind: 'receipts', writes: rows };
  }
  for await (const { name, value } of erasures.all())
    if (value.at <= before)
      yield { subject: subjectOf(name), kind: 'erasures', writes: [erasures.del(name)] };
  for await (const { name, value } of pastHolds.all())
    if (value.released.at <= before)
      yield { subject: subjectOf(name), kind: 'holds', writes: [pastHolds.del(name)] };
  yield* replacedConsents(tables, before);
  for await (const { name, value } of erased.all()) {
    const isThere = store.getSync(subjectRowKey(name)) !== undefined;
    if (value.at <= before && isThere) yield* ofErased(store, tables, subjects, name, value.at);
  }
}

interface ConsentTime {
  readonly name: string;
  readonly handle: string;
  readonly identifier: string;
  readonly dateTimeMs: number;
}

/** Consents that were replaced so long ago; the newest of an identifier stays. */
async function* replacedConsents(tables: ErasureTables, before: number): AsyncGenerator<DueRows> {
  let subject = '';
  let consents: ConsentTime[] = [];
  for await (const { name, value } of tables.consents.all()) {
    if (subjectOf(name) !== subject) {
      yield* replacedOf(tables, subject, consents, before);
      subject = subjectOf(name);
      consents = [];
    }
    const { handle, identifier, dateTimeMs } = value;
    consents.push({ name, handle, identifier, dateTimeMs });
  }
  yield* replacedOf(tables, subject, consents, before);
}

function* replacedOf(
  tables: ErasureTables,
  subject: string,
  consents: readonly ConsentTime[],
  before: number,
): Generator<DueRows> {
  for (const { name, handle, identifier, dateTimeMs } of consents) {
    const isReplaced = consents.some(
      (other) =>
        other.identifier === identifier && other.dateTimeMs > dateTimeMs && other.dateTimeMs <= before,
    );
    if (!isReplaced) continue;
    const writes = [tables.consents.del(name), del(`consent-evidence/${subject}/${handle}`)];
    yield { subject, kind: 'consents', writes };
  }
}

/** All that is left of an erased patient; the bar stays, and says when. */
async function* ofErased(
  store: Store,
  tables: ErasureTables,
  subjects: Subjects,
  subject: string,
  at: number,
): AsyncGenerator<DueRows> {
  for (const prefix of [`consent/${subject}/`, `consent-evidence/${subject}/`]) {
    for (const key of await store.keys({ gte: prefix, lt: `${prefix}~` }).all()) {
      const handle = key.slice(prefix.length);
      yield { subject, kind: 'consents', writes: [del(key), del(`consent-status/${handle}`)] };
    }
  }
  const { wallet, former = [] } = subjects.findErased(subject) ?? {};
  const enrolments = wallet === undefined ? former : [...former, wallet.participant];
  const facades: StoreWrite[] = [];
  for await (const [key, value] of store.iterator({ gte: 'facade/', lt: 'facade/~' }))
    if (value.toString('latin1') === subject) facades.push(del(key));
  yield {
    subject,
    kind: 'patients',
    writes: [
      ...facades,
      ...enrolments.flatMap((handle) => [
        del(`participant/${handle}`),
        del(`wallet-ended/${handle}`),
        del(rowKey({ group: 'patient', handle })),
      ]),
      del(subjectRowKey(subject)),
      del(`tag-count/${subject}`),
      del(`consent-epoch/${subject}`),
      del(`consent-lost/${subject}`),
      del(`representatives/${subject}`),
      tables.erased.put(subject, { at }),
    ],
  };
}

function subjectOf(rest: string): string {
  return rest.slice(0, rest.indexOf('/'));
}

function del(key: string): StoreWrite {
  return { type: 'del', key };
}
