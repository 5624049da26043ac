import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { test } from 'node:test';
import {
  applyEntry,
  catchUpState,
  emptyStateRoot,
  openStateMap,
  readTagValue,
  stateKey,
  statementValue,
  tagValue,
} from '../../../ledger/state/index.js';
import type { PlacedEntry } from '../../../ledger/state/index.js';
import { encodeBundle, entriesPath, entryBytes } from '../../../ledger/log/index.js';
import type { Draft } from '../../../ledger/log/index.js';
import { check, name, openBench, rootByDefinition, tagged, write } from './support.js';

const COMMITMENT = name('commitment');

function signed(handle: string, more: object = {}): PlacedEntry['entry'] {
  const body = { handle: name(handle), start: 5, end: null, commitment: COMMITMENT, ...more };
  return { type: 'consent.signed', tags: [], body };
}

function withdrawn(handle: string): PlacedEntry['entry'] {
  return { type: 'consent.withdrawn', tags: [], body: { handle: name(handle), commitment: COMMITMENT } };
}

function participant(
  type: 'enrolled' | 'renewed' | 'revoked',
  handle: string,
  body: object,
): PlacedEntry['entry'] {
  return { type: `participant.${type}`, tags: [], body: { handle: name(handle), ...body } };
}

function tagKey(seed: string): Buffer {
  return stateKey('tag', name(seed));
}

test('the empty map', async (context) => {
  const { map } = await openBench(context);
  assert.deepEqual(map.present(), { size: 0, root: emptyStateRoot(), keys: 0 });
  const key = stateKey('consent', name('none'));
  const proof = map.prove(key);
  assert.deepEqual(check(emptyStateRoot(), key, proof), { ok: true, present: false });
  assert.deepEqual(check(Buffer.alloc(32), key, proof), { ok: false, code: 'wrong-root' });
});

test('what entries say: consents, participants and tags', async (context) => {
  const bench = await openBench(context);
  const certificate = randomBytes(40).toString('base64');
  await bench.append([
    signed('c1'),
    signed('c2', { replaces: name('c1'), start: null }),
    signed('c3'),
    withdrawn('c3'),
    participant('enrolled', 'p1', { group: 'patient', commitment: COMMITMENT }),
    participant('enrolled', 'p2', { group: 'payer', name: 'x', certificate: 'AAAA' }),
    participant('renewed', 'p2', { certificate }),
    participant('enrolled', 'p3', { group: 'payer', name: 'x', certificate }),
    participant('revoked', 'p3', {}),
    tagged('t1', 't2'),
    { type: 'submission', tags: [], body: { handle: name('c2') } },
  ]);
  const { root, keys } = bench.map.present();
  assert.equal(keys, 8);
  const says = (kind: 'consent' | 'participant' | 'tag', handle: string): unknown => {
    const key = stateKey(kind, name(handle));
    const found = check(root, key, bench.map.prove(key));
    assert.ok(found.ok);
    if (!found.present) return undefined;
    const statement = bench.map.statement(found.value);
    return statement === undefined ? readTagValue(found.value) : JSON.parse(statement.toString());
  };
  assert.deepEqual(says('consent', 'c1'), { status: 'replaced', start: null, end: null, leaf: 1 });
  assert.deepEqual(says('consent', 'c2'), { status: 'active', start: null, end: null, leaf: 1 });
  assert.deepEqual(says('consent', 'c3'), { status: 'withdrawn', start: null, end: null, leaf: 3 });
  assert.deepEqual(says('participant', 'p1'), { status: 'enrolled', commitment: COMMITMENT, leaf: 4 });
  assert.equal((says('participant', 'p2') as { leaf: number }).leaf, 6);
  assert.deepEqual(says('participant', 'p3'), { status: 'revoked', leaf: 8 });
  assert.deepEqual([says('tag', 't1'), says('tag', 't2')], [9, 9]);
  // A name of one kind says nothing of another.
  assert.equal(says('tag', 'c1'), undefined);
  assert.equal(says('consent', 't1'), undefined);
  assert.equal(readTagValue(statementValue({ status: 'revoked', leaf: 8 }).value), undefined);
  assert.deepEqual(applyEntry(signed('c1'), 7), applyEntry(signed('c1'), 7));
  const bad = { code: 'LEDGER_BAD_ENTRY' };
  assert.throws(() => applyEntry({ type: 'record.stored', tags: ['short'], body: {} }, 0), bad);
  assert.throws(() => applyEntry({ type: 'consent.withdrawn', tags: [], body: {} }, 0), bad);
  assert.throws(() => bench.map.stage([{ leaf: 11, entry: withdrawn('c1') }], 3), { code: 'LEDGER_RANGE' });
  assert.equal(bench.map.size, 11);
});

test('the root follows from keys and values alone, whatever the order, the batches and the memory', async (context) => {
  for (const count of [1, 2, 3, 64, 65, 500, 5000]) {
    const seeds = Array.from({ length: count }, (_, i) => `${count}/${i}`);
    const values = new Map<string, Buffer>();
    // Each tag leads to leaf 7: an order then changes nothing but the order.
    for (const seed of seeds) values.set(stateKey('tag', name(seed)).toString('hex'), tagValue(7));
    const expected = rootByDefinition(values);
    for (const options of [{}, { cacheBytes: 0, pendingMax: 0 }, { cacheBytes: 1, pendingMax: 100 }]) {
      const bench = await openBench(context, options);
      const shuffled = seeds
        .map((seed) => ({ seed, rank: randomInt(2 ** 32) }))
        .toSorted((a, b) => a.rank - b.rank);
      for (let from = 0; from < count;) {
        const width = randomInt(1, 900);
        const entries = shuffled
          .slice(from, from + width)
          .map(({ seed }) => ({ leaf: 7, entry: tagged(seed) }));
        const staged = bench.map.stage(entries, 8);
        await write(bench.store, staged.writes);
        staged.commit();
        from += width;
      }
      const { root, keys } = bench.map.present();
      assert.deepEqual([keys, root.toString('hex')], [count, expected.toString('hex')]);
      assert.ok((options.cacheBytes ?? 2) > 1 || bench.map.pagesInMemory < 400);
    }
  }
});

test('every proof verifies, of what is there and of what is not, and no flipped bit passes', async (context) => {
  for (const count of [1, 2, 7, 300, 5000]) {
    const bench = await openBench(context);
    const seeds = Array.from({ length: count }, (_, i) => `${count}/${i}`);
    await bench.append(seeds.map((seed) => tagged(seed)));
    const { root } = bench.map.present();
    for (const [i, seed] of seeds.entries()) {
      const key = stateKey('tag', name(seed));
      const found = check(root, key, bench.map.prove(key));
      assert.ok(found.ok && found.present);
      assert.equal(readTagValue(found.value), i);
    }
    for (let i = 0; i < 500; i++) {
      const key = stateKey('tag', name(`other ${i}`));
      assert.deepEqual(check(root, key, bench.map.prove(key)), { ok: true, present: false });
    }
    for (const seed of [seeds[0] ?? '', 'other 1']) {
      const key = stateKey('tag', name(seed));
      const proof = Buffer.from(bench.map.prove(key) ?? []);
      for (let bit = 0; bit < proof.length * 8; bit++) {
        const flipped = Buffer.from(proof);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        assert.equal(check(root, key, flipped).ok, false, `bit ${bit} of ${count}`);
      }
      assert.equal(check(root, key, proof.subarray(0, -1)).ok, false);
      assert.equal(check(root, key, proof.subarray(0, -33)).ok, false);
      assert.equal(check(root, key, Buffer.concat([proof, Buffer.alloc(1)])).ok, false);
      assert.equal(check(root, key, Buffer.concat([proof, Buffer.alloc(33)])).ok, false);
      assert.equal(check(root, key, Buffer.alloc(0)).ok, false);
      assert.equal(check(root.subarray(1), key, proof).ok, false);
      const otherKey = stateKey('tag', name('third'));
      const shown = check(root, otherKey, proof);
      // The absence of one key may show that of another whose search ends at the same leaf, but never a presence.
      assert.ok(!shown.ok || !shown.present);
    }
    // A key that is there cannot be shown as absent by its own leaf.
    const key = stateKey('tag', name(seeds[0] ?? ''));
    const proof = Buffer.from(bench.map.prove(key) ?? []);
    const absent = Buffer.concat([Buffer.of(2), key, proof.subarray(1)]);
    assert.deepEqual(check(root, key, absent), { ok: false, code: 'wrong-path' });
  }
});

test('proofs hold at anchors, which stay as they are while the map goes on', async (context) => {
  const bench = await openBench(context, { anchorsMax: 3, pendingMax: 200 });
  const states: { size: number; root: Buffer; count: number }[] = [];
  let count = 0;
  for (let round = 0; round < 6; round++) {
    for (let batch = 0; batch < 5; batch++) {
      await bench.append(Array.from({ length: 97 }, () => tagged(`${count++}`)));
    }
    await bench.append([signed(`c${round}`), ...(round > 0 ? [withdrawn(`c${round - 1}`)] : [])]);
    const { root } = bench.map.present();
    states.push({ size: await bench.anchor(), root, count });
    if (round === 3) await bench.reopen();
  }
  assert.deepEqual(
    bench.map.anchors.map(({ size }) => size),
    states.slice(3).map(({ size }) => size),
  );
  for (let i = 0; i < 30; i++) await bench.append([tagged(`late ${i}`)]);
  await bench.reopen();
  for (const [round, { size, root, count: known }] of states.entries()) {
    if (round < 3) {
      assert.equal(bench.map.prove(tagKey('0'), size), undefined);
      continue;
    }
    assert.deepEqual(bench.map.anchors[round - 3]?.root, root);
    for (let i = 0; i < count; i += 13) {
      const found = check(root, tagKey(`${i}`), bench.map.prove(tagKey(`${i}`), size));
      assert.ok(found.ok);
      assert.equal(found.present, i < known);
    }
    const consent = stateKey('consent', name(`c${round}`));
    const found = check(root, consent, bench.map.prove(consent, size));
    assert.ok(found.ok && found.present);
    assert.equal(JSON.parse(bench.map.statement(found.value)?.toString() ?? '{}').status, 'active');
  }
  // Pages of dropped anchors are gone: what is left is what the kept ones and the present state use.
  const pages = await bench.store.keys({ gte: 'state/page/', lt: 'state/page0' }).all();
  const present = (count * 1.5) / 32;
  assert.ok(pages.length < 5 * present, `${pages.length} pages`);
  assert.equal((await bench.store.keys({ gte: 'state/updates/', lt: 'state/updates0' }).all()).length, 30);
});

test('an anchor of another state is refused, and nothing changes', async (context) => {
  const bench = await openBench(context);
  await bench.append([tagged('a')]);
  const { size, root, keys } = bench.map.present();
  const good = { size, keys, root: root.toString('base64url') };
  assert.ok(bench.map.isPresent(good));
  for (const more of [{ size: 0 }, { size: 2 }, { keys: 2 }, { root: name('x') }, { size: '1' }]) {
    const entry = { type: 'state.anchored', tags: [], body: { ...good, ...more } } as const;
    assert.throws(() => bench.map.stage([{ leaf: 1, entry }], 2), { code: 'LEDGER_BAD_SUBMISSION' });
  }
  assert.deepEqual(bench.map.anchors, []);
  assert.equal(await bench.anchor(), 1);
  assert.equal(bench.map.anchors.length, 1);
});

test('what a crash leaves: a batch is in the map wholly or not at all', async (context) => {
  const bench = await openBench(context, { pendingMax: 50 });
  const values = new Map<string, Buffer>();
  for (let round = 0; round < 40; round++) {
    const first = bench.map.size;
    // Some tags come again, with a later leaf.
    const seeds = Array.from({ length: 30 }, () => `${randomInt(800)}`);
    const placed = seeds.map((seed, i) => ({ leaf: first + i, entry: tagged(seed) }));
    const staged = bench.map.stage(placed, first + seeds.length);
    assert.throws(() => bench.map.present(), { code: 'LEDGER_BUSY' });
    assert.throws(() => bench.map.stage([], first), { code: 'LEDGER_BUSY' });
    const isLost = round % 4 === 3;
    if (!isLost) {
      await write(bench.store, staged.writes);
      for (const [i, seed] of seeds.entries()) {
        values.set(stateKey('tag', name(seed)).toString('hex'), tagValue(first + i));
      }
    }
    if (round % 4 === 0) staged.commit();
    else if (round % 4 === 1) await bench.reopen();
    else {
      staged.discard();
      assert.throws(() => bench.map.present(), { code: 'LEDGER_BUSY' });
      await bench.map.reload();
    }
    const expected = isLost ? first : first + seeds.length;
    assert.equal(bench.map.size, expected);
    if (round % 5 === 0) {
      const { root, keys } = bench.map.present();
      assert.equal(keys, values.size);
      assert.deepEqual(root, rootByDefinition(values));
    }
  }
  await bench.anchor();
  await bench.reopen();
  assert.deepEqual(bench.map.present().root, rootByDefinition(values));
});

test('hurried, a few batches merge what is pending', async (context) => {
  const bench = await openBench(context);
  await bench.append(Array.from({ length: 9000 }, (_, i) => tagged(`${i}`)));
  assert.equal(bench.map.pendingCount, 9000);
  bench.map.hurry();
  for (let batches = 0; bench.map.pendingCount > 0; batches++) {
    assert.ok(batches < 4);
    await bench.append([]);
  }
  await bench.append([tagged('x')]);
  assert.equal(bench.map.pendingCount, 1);
});

test('rows that were changed, cut or lost are found when they are read', async (context) => {
  const bench = await openBench(context, { pendingMax: 0, cacheBytes: 0 });
  await bench.append(Array.from({ length: 1000 }, (_, i) => tagged(`${i}`)));
  const size = await bench.anchor();
  await bench.append([tagged('late')]);
  const corrupt = { code: 'LEDGER_CORRUPT' };
  const readAll = async (): Promise<void> => {
    const map = await openStateMap(bench.store);
    for (let i = 0; i < 1000; i++) {
      map.prove(stateKey('tag', name(`${i}`)), size);
      map.prove(stateKey('tag', name(`${i}`)));
    }
    map.prove(stateKey('tag', name('late')));
  };
  await readAll();
  const rows = await bench.store.iterator({ gte: 'state/', lt: 'state0' }).all();
  for (const [key, value] of rows) {
    if (key.startsWith('state/outdated/') || key.startsWith('state/statement/')) continue;
    for (const changed of [undefined, value.subarray(1), value.subarray(0, -1)]) {
      if (changed === undefined && (key === 'state/head' || key.startsWith('state/anchor/'))) continue;
      if (changed === undefined) await bench.store.del(key);
      else await bench.store.put(key, changed);
      await assert.rejects(readAll, corrupt, key);
      await bench.store.put(key, value);
    }
    if (!key.startsWith('state/page/')) continue;
    for (let at = 0; at < value.length - 4; at += 97) {
      // The last four bytes of an upper page are an epoch, whose change shows as a missing row.
      const changed = Buffer.from(value);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      await bench.store.put(key, changed);
      await assert.rejects(readAll, corrupt, `${key} ${at}`);
    }
    await bench.store.put(key, value);
  }
  await readAll();
});

test('a map begun beside a log of some age, or brought to an older size, gives the same roots', async (context) => {
  const drafts: Draft[] = Array.from({ length: 700 }, (_, i) => {
    const { type, tags, body } = i % 50 === 0 ? signed(`c${i}`) : tagged(`${i}`);
    return { v: 1, type, tags, body, actor: name('actor'), nonce: 'A'.repeat(22) };
  });
  const entries = drafts.map((draft) => entryBytes({ ...draft, at: 1 }));
  const readFile = (path: string): Buffer | undefined => {
    for (let index = 0; index * 256 < entries.length; index++) {
      for (let width = 1; width <= 256; width++) {
        const part = entries.slice(index * 256, index * 256 + width);
        if (path === entriesPath(index, width) && part.length === width) return encodeBundle(part);
      }
    }
    return undefined;
  };
  const bench = await openBench(context);
  await bench.append(drafts.slice(0, 300));
  const older = bench.map.present();
  await bench.append(drafts.slice(300));
  const behind = await openBench(context);
  await catchUpState(behind.map, behind.store, readFile, 300);
  assert.deepEqual(behind.map.present(), older);
  await catchUpState(behind.map, behind.store, readFile, 700);
  assert.deepEqual(behind.map.present(), bench.map.present());
  await assert.rejects(catchUpState(behind.map, behind.store, readFile, 699), { code: 'LEDGER_CORRUPT' });
  await assert.rejects(catchUpState(behind.map, behind.store, readFile, 701), { code: 'LEDGER_CORRUPT' });
});
