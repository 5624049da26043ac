/**
 * What is kept for a time only: receipts, evidence of consents and of erasures, released holds. A consent's time begins
 * when it has no effect any more: when another one replaced it, or all of its patient was erased. A withdrawn one is a
 * standing no, so it stays as long as its patient does.
 */
import { erasedKey, isHeld } from '../../../ledger/custody/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import type { Subjects } from '../../instance/subjects.js';
import { subjectRowKey } from '../../instance/subjects.js';
import { ERASURES } from './evidence.js';
import type { ErasureRow } from './evidence.js';
import { PAST_HOLDS } from './holds.js';
import type { PastHold } from './holds.js';
import type { SealedRows } from './sealed-rows.js';

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
  rows: SealedRows,
  subjects: Subjects,
  before: number,
): AsyncGenerator<DueRows> {
  const view = { get: (key: string) => store.getSync(key) };
  for await (const found of allDue(store, rows, subjects, before))
    if (!isHeld(view, found.subject)) yield found;
}

async function* allDue(
  store: Store,
  rows: SealedRows,
  subjects: Subjects,
  before: number,
): AsyncGenerator<DueRows> {
  for await (const { key, rest, value } of rows.all<{ receipt: string }>('disclosure/')) {
    const { at } = JSON.parse(value.receipt) as { at: number };
    if (at <= before) yield { subject: subjectOf(rest), kind: 'receipts', writes: [del(key)] };
  }
  for await (const { key, rest, value } of rows.all<ErasureRow>(ERASURES))
    if (value.at <= before) yield { subject: subjectOf(rest), kind: 'erasures', writes: [del(key)] };
  for await (const { key, rest, value } of rows.all<PastHold>(PAST_HOLDS))
    if (value.released.at <= before) yield { subject: subjectOf(rest), kind: 'holds', writes: [del(key)] };
  yield* replacedConsents(rows, before);
  const prefix = erasedKey('');
  for await (const { rest, value } of rows.all<{ at: number }>(prefix)) {
    const isThere = store.getSync(subjectRowKey(rest)) !== undefined;
    if (value.at <= before && isThere) yield* ofErased(store, rows, subjects, rest, value.at);
  }
}

interface ConsentRow {
  readonly handle: string;
  readonly identifier: string;
  readonly dateTimeMs: number;
}

/** Consents that were replaced so long ago; the newest of an identifier stays. */
async function* replacedConsents(rows: SealedRows, before: number): AsyncGenerator<DueRows> {
  let subject = '';
  let consents: (ConsentRow & { readonly key: string })[] = [];
  for await (const { key, rest, value } of rows.all<ConsentRow>('consent/')) {
    if (subjectOf(rest) !== subject) {
      yield* replacedOf(subject, consents, before);
      subject = subjectOf(rest);
      consents = [];
    }
    const { handle, identifier, dateTimeMs } = value;
    consents.push({ key, handle, identifier, dateTimeMs });
  }
  yield* replacedOf(subject, consents, before);
}

function* replacedOf(
  subject: string,
  consents: readonly (ConsentRow & { readonly key: string })[],
  before: number,
): Generator<DueRows> {
  for (const { key, handle, identifier, dateTimeMs } of consents) {
    const isReplaced = consents.some(
      (other) =>
        other.identifier === identifier && other.dateTimeMs > dateTimeMs && other.dateTimeMs <= before,
    );
    if (!isReplaced) continue;
    yield { subject, kind: 'consents', writes: [del(key), del(`consent-evidence/${subject}/${handle}`)] };
  }
}

/** All that is left of an erased patient; the bar stays, and says when. */
async function* ofErased(
  store: Store,
  rows: SealedRows,
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
  const { wallet } = subjects.findErased(subject) ?? {};
  const facades: StoreWrite[] = [];
  for await (const [key, value] of store.iterator({ gte: 'facade/', lt: 'facade/~' }))
    if (value.toString('latin1') === subject) facades.push(del(key));
  yield {
    subject,
    kind: 'patients',
    writes: [
      ...facades,
      ...(wallet === undefined ? [] : [del(`participant/${wallet.participant}`)]),
      del(subjectRowKey(subject)),
      del(`tag-count/${subject}`),
      del(`consent-epoch/${subject}`),
      rows.put(erasedKey(subject), { at }),
    ],
  };
}

function subjectOf(rest: string): string {
  return rest.slice(0, rest.indexOf('/'));
}

function del(key: string): StoreWrite {
  return { type: 'del', key };
}
