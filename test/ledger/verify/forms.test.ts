import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entrySchemas } from '../../../ledger/log/index.js';
import { judgeEntryForm, patternTypes, readEntryForm } from '../../../ledger/verify/entry-form.js';
import { everyType, firstAnchor, genesis, rarerTypes, records, renewal, theCast } from '../log/fixture.js';
import { leavesOf } from './published-log.js';

/** A leaf of each type. */
async function samples(): Promise<Buffer[]> {
  const cast = await theCast();
  const leaves = leavesOf([
    genesis(cast),
    firstAnchor(cast),
    everyType(cast),
    rarerTypes(cast),
    renewal(cast, 'A'.repeat(43), cast.hospital),
    ...records(cast, 1),
  ]);
  const byType = new Map(leaves.map((leaf) => [/"type":"([^"]+)"/.exec(leaf.toString())?.[1], leaf]));
  return [...byType.values()];
}

/** Whatever the quick way says, the slow one says too: the same entry, or the same refusal. */
function assertSame(bytes: Buffer): void {
  assert.deepEqual(readEntryForm(bytes), judgeEntryForm(bytes), bytes.toString('latin1'));
}

test('every type has a pattern', () => {
  assert.deepEqual(patternTypes().toSorted(), [...entrySchemas.keys()].toSorted());
});

test('a good entry reads the same by pattern and by schema', async () => {
  const leaves = await samples();
  assert.equal(leaves.length, entrySchemas.size);
  for (const leaf of leaves) {
    assert.equal(readEntryForm(leaf).ok, true, leaf.toString());
    assertSame(leaf);
  }
});

test('an entry with any byte changed, dropped, doubled or put in reads the same both ways', async () => {
  const others = Buffer.from('"\\{}[],:0A-');
  for (const leaf of await samples()) {
    const step = leaf.length > 1200 ? 11 : 1;
    for (let i = 0; i < leaf.length; i += step) {
      const [before, after] = [leaf.subarray(0, i), leaf.subarray(i + 1)];
      const other = others[i % others.length] ?? 0;
      const byte = leaf[i] ?? 0;
      assertSame(Buffer.concat([before, Buffer.of(byte ^ (1 << (i % 8))), after]));
      assertSame(Buffer.concat([before, Buffer.of(other), after]));
      assertSame(Buffer.concat([before, after]));
      assertSame(Buffer.concat([before, Buffer.of(byte, byte), after]));
      assertSame(Buffer.concat([before, Buffer.of(other, byte), after]));
    }
  }
});

test('members left out, put twice, put elsewhere or of another value read the same both ways', async () => {
  const edits: ((text: string) => string)[] = [
    (text) => text.replace(/"at":\d+,/, ''),
    (text) => text.replace(/"at":\d+/, '"at":9007199254740991'),
    (text) => text.replace(/"at":\d+/, '"at":9007199254740992'),
    (text) => text.replace(/"at":\d+/, '"at":-0'),
    (text) => text.replace(/"at":(\d+)/, '"at":0$1'),
    (text) => text.replace(/"at":(\d+)/, '"at":$1.0'),
    (text) => text.replace(/"at":(\d)/, '"at":$1e1'),
    (text) => text.replace(/"tags":\[[^\]]*\]/, '"tags":[]'),
    (text) => text.replace(/"tags":\[("[^"]*")/, '"tags":[$1,$1'),
    (text) => text.replace(/"tags":\[[^\]]*\]/, `"tags":[${tagList(256)}]`),
    (text) => text.replace(/"tags":\[[^\]]*\]/, `"tags":[${tagList(257)}]`),
    (text) => text.replace(/"nonce":"[^"]*"/, `"nonce":"${'A'.repeat(43)}"`),
    (text) => text.replace(/"nonce":"[^"]*"/, `"nonce":"${'A'.repeat(32)}"`),
    (text) => text.replace(/"name":"[^"]*"/, '"name":""'),
    (text) => text.replace(/"name":"[^"]*"/, `"name":"${'x'.repeat(512)}"`),
    (text) => text.replace(/"name":"[^"]*"/, `"name":"${'x'.repeat(513)}"`),
    (text) => text.replace(/"name":"[^"]*"/, `"name":"${'ü'.repeat(512)}"`),
    (text) => text.replace(/"name":"[^"]*"/, '"name":"a\\"b"'),
    (text) => text.replace(/"name":"[^"]*"/, '"name":"a\\u0041"'),
    (text) => text.replace(/"name":"[^"]*"/, '"name":"\\ud800"'),
    (text) => text.replace(/"count":\d+/, '"count":256'),
    (text) => text.replace(/"count":\d+/, '"count":257'),
    (text) => text.replace(/"count":\d+/, '"count":0'),
    (text) => text.replace(/"start":[^,}]*/, '"start":-8640000000000000'),
    (text) => text.replace(/"start":[^,}]*/, '"start":-8640000000000001'),
    (text) => text.replace(/"end":[^,}]*/, '"end":null'),
    (text) => text.replace(/"end":[^,}]*/, '"end":"null"'),
    (text) => text.replace('"body":{', '"body":{"zz":1,'),
    (text) => text.replace(/"body":\{("[a-z]+":("[^"]*"|null|-?\d+)),/, '"body":{'),
    (text) => text.replace(/"body":\{("[a-z]+":("[^"]*"|null|-?\d+)),/, '"body":{$1,$1,'),
    (text) => text.replace(/"type":"[^"]*"/, '"type":"record.stored"'),
    (text) => text.replace(/"type":"([^"]*)\.([^"]*)"/, '"type":"$1x$2"'),
    (text) => text.replace('"v":1', '"v":2'),
    (text) => `${text}\n`,
    (text) => `\ufeff${text}`,
  ];
  for (const leaf of await samples())
    for (const edit of edits) assertSame(Buffer.from(edit(leaf.toString())));
});

/** So many tags, none twice. */
function tagList(count: number): string {
  return Array.from({ length: count }, (_, i) => `"${tagOf(i)}"`).join(',');
}

function tagOf(i: number): string {
  return Buffer.alloc(32).fill(`${i} `).toString('base64url');
}
