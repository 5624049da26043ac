/** What an instance holds after a test: every kept version, every entry, every tag, counted from the stored bytes. */
import assert from 'node:assert/strict';
import type { Instance } from '../../adapter/instance/instance.js';
import { drain } from '../../adapter/services/drain.js';
import { tagCount } from '../../ledger/custody/index.js';
import { decodeBundle, entriesPath, parseCheckpoint, splitNote, tilesOf } from '../../ledger/log/index.js';
import type { Entry } from '../../ledger/log/index.js';
import { tag } from '../../ledger/vault/index.js';
import { storeReader, verifyLog } from '../../ledger/verify/index.js';
import type { LogReader } from '../../ledger/verify/index.js';

export interface Audit {
  /** How often each version is kept: `Type/id@versionId`. */
  readonly versions: ReadonlyMap<string, number>;
  readonly entries: readonly Entry[];
  /** Entries by type. */
  readonly counts: Readonly<Record<string, number>>;
  readonly waiting: { readonly events: number; readonly patients: number };
  readonly deadLetters: number;
}

const FILE_BYTES_MAX = 256 * 65_537;

/** All entries of a published log, in order. */
export async function logEntries(reader: LogReader): Promise<Entry[]> {
  const note = await reader.read('checkpoint', 65_536);
  const checkpoint = parseCheckpoint(splitNote(note ?? Buffer.alloc(0))?.text ?? '');
  assert.ok(checkpoint !== undefined, 'there is a checkpoint');
  const entries: Entry[] = [];
  for (const { level, index, width } of tilesOf(checkpoint.size)) {
    if (level !== 0) continue;
    const bundle = await reader.read(entriesPath(index, width), FILE_BYTES_MAX);
    assert.ok(bundle !== undefined, `bundle ${index} is there`);
    for (const entry of decodeBundle(bundle, width))
      entries.push(JSON.parse(entry.toString('utf8')) as Entry);
  }
  assert.equal(entries.length, checkpoint.size);
  return entries;
}

/** Entries by type. */
export function countTypes(entries: readonly Pick<Entry, 'type'>[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { type } of entries) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}

/**
 * Waits until all is dealt with; then checks what must hold after anything that may happen to a process: the log
 * verifies, the totals are its own, each kept version has its entry, and each patient's tags are 0 … k−1 without gap.
 */
export async function audit(instance: Instance): Promise<Audit> {
  await drain(instance);
  const { store } = instance;
  const reader = storeReader(store);
  const report = await verifyLog(reader);
  assert.deepEqual(
    report.checks.filter(({ ok }) => !ok),
    [],
    'the log verifies',
  );
  const entries = await logEntries(reader);
  const counts = countTypes(entries);
  assert.deepEqual(instance.totals(), counts);

  const handles = new Set<unknown>();
  for (const { type, body } of entries) {
    if (type !== 'record.stored' && type !== 'score.issued') continue;
    assert.ok(!handles.has(body['handle']), 'a handle is used once');
    handles.add(body['handle']);
  }
  const tagged = new Map<string, number>();
  for (const { tags } of entries) for (const one of tags) tagged.set(one, (tagged.get(one) ?? 0) + 1);
  let tagsExpected = 0;
  const versions = new Map<string, number>();
  for await (const key of instance.subjects.keys()) {
    const subject = await instance.subjects.find(key);
    assert.ok(subject !== undefined);
    const count = tagCount({ get: (name) => store.getSync(name) }, key);
    tagsExpected += count;
    for (let i = 0; i < count; i++)
      assert.equal(tagged.get(tag(subject.tagKey, i)), 1, 'each tag is on the log once');
    assert.equal(tagged.get(tag(subject.tagKey, count)), undefined);
    for await (const { handle, card } of instance.records.cards(store, subject)) {
      assert.ok(handles.delete(handle), 'a kept version has its entry');
      const name = `${card.gate.type}/${card.gate.id}@${card.versionId ?? ''}`;
      versions.set(name, (versions.get(name) ?? 0) + 1);
    }
  }
  assert.equal(handles.size, 0, 'an entry has its kept version');
  assert.equal(tagged.size, tagsExpected, 'no tag is of nobody');
  let deadLetters = 0;
  for await (const { code } of instance.inbox.deadLetters()) deadLetters += code === '' ? 0 : 1;
  const pending: string[] = [];
  for await (const { seq } of instance.inbox.pending()) pending.push(seq);
  assert.deepEqual(pending, [], 'nothing is left in the inbox');
  return { versions, entries, counts, waiting: await instance.inbox.waiting(), deadLetters };
}

/** Checks that exactly these versions are kept, each once. */
export function assertKeptOnce(kept: ReadonlyMap<string, number>, expected: Iterable<string>): void {
  const names = new Set(expected);
  const missing = [...names].filter((name) => !kept.has(name));
  const doubled = [...kept].filter(([, count]) => count !== 1).map(([name]) => name);
  const unexpected = [...kept.keys()].filter((name) => !names.has(name));
  assert.deepEqual({ missing, doubled, unexpected }, { missing: [], doubled: [], unexpected: [] });
}
