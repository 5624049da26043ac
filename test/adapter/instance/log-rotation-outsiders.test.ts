/** A rotation of the log's key as those see it who know the log by a key: readers of proof files, and witnesses. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { nodeProofCrypto } from '../../../adapter/services/proof-crypto.js';
import { Follower } from '../../../adapter/services/witness/index.js';
import type { PinStore } from '../../../adapter/services/witness/index.js';
import type { RotationUnderWay } from '../../../adapter/instance/log-rotation.js';
import { encodeVkey, generateSeed, publicKey } from '../../../ledger/log/index.js';
import { checkProof, proofTrust } from '../../../ledger/proofs/index.js';
import { storeReader } from '../../../ledger/verify/index.js';
import { eventually } from '../../support/firebreak-process.js';
import { openProofBench } from '../../support/proof-files.js';
import { MemoryHeads, testWitness } from '../witness/test-witness.js';

/** Both keys sign so long: the instance's own timer ends it. */
const OVERLAP_MS = 4000;

const opening = openProofBench();
after(async () => (await opening).close());

class Pins implements PinStore {
  readonly rows = new Map<string, string>();
  readonly pinned = (url: string): string | undefined => this.rows.get(url);
  readonly servedSize = (): number => 0;
  async pin(url: string, vkey: string): Promise<void> {
    this.rows.set(url, vkey);
  }
  async served(): Promise<void> {
    // Nothing is served over HTTP here.
  }
}

test('who knows the former key goes on through the overlap, and who knows the next one from its beginning', async () => {
  const bench = await opening;
  const { instance } = bench.bench;
  const { origin } = instance.identity;
  const [old = ''] = bench.trust.vkeys;
  const readerOf = () => storeReader(instance.store);
  /** A witness that is started with some keys; its heads outlive it. */
  const follow = (vkeys: readonly string[], heads = new MemoryHeads()) => {
    const pins = new Pins();
    const { witness, kept } = testWitness([], { heads });
    const follower = new Follower({ url: 'https://log.example', witness, pins, vkeys, readerOf });
    return { follower, heads, kept, pins, size: () => witness.latest(origin)?.checkpoint.size ?? 0 };
  };
  const judged = (file: Buffer, ...vkeys: string[]): boolean =>
    checkProof(file, proofTrust({ ...bench.trust, vkeys }, nodeProofCrypto)).ok;
  const record = (): Promise<Buffer> => bench.prove({ what: 'record', record: 'Observation/a1' });

  // An opened record leaves a receipt.
  const grow = (): Promise<Buffer> => bench.prove({ what: 'record', record: 'Observation/a1', open: true });

  const atFirstSight = follow([]);
  const knowsOld = follow([old]);
  for (const { follower } of [atFirstSight, knowsOld])
    assert.equal((await follower.look()).outcome, 'cosigned');
  assert.deepEqual([...atFirstSight.pins.rows.values()], [old]);
  const earlier = await record();

  const { to }: RotationUnderWay = await instance.logRotation.begin(OVERLAP_MS);
  const during = await record();
  const stranger = encodeVkey(origin, publicKey(generateSeed()));
  for (const known of [[old], [to], [old, to], [stranger, old]]) assert.ok(judged(during, ...known));
  assert.ok(!judged(during, stranger));
  // One of its two signatures damaged: who knows that key refuses, who knows the other does not see it.
  const damaged = damageLine(during, to);
  assert.ok(judged(damaged, old));
  assert.ok(!judged(damaged, to));
  await grow();
  for (const { follower } of [atFirstSight, knowsOld, follow([to])]) {
    const followed = await follower.look();
    assert.equal(followed.outcome, 'cosigned', JSON.stringify(followed));
  }

  // The overlap ends by itself.
  assert.equal(instance.logRotation.underWay?.to, to);
  await eventually('the end of the overlap', () => instance.logRotation.underWay === undefined);
  await grow();
  const afterwards = await record();
  assert.ok(judged(afterwards, to));
  assert.ok(!judged(afterwards, old));
  // What was proved stays proved.
  assert.ok(judged(earlier, old));
  for (const known of [old, to]) assert.ok(judged(during, known));

  // A witness that was not told of the next key stops, with its state as it was; told, it goes on from there.
  for (const [vkeys, { follower, heads, kept, size }] of [
    [[], atFirstSight],
    [[old], knowsOld],
  ] as const) {
    const before = size();
    const followed = await follower.look();
    assert.ok(followed.outcome === 'refused');
    assert.deepEqual([followed.evidence, kept, size()], [[], [], before]);
    const told = await follow([...vkeys, to], heads).follower.look();
    assert.ok(told.outcome === 'cosigned', JSON.stringify(told));
    assert.ok(told.checkpoint.size > before);
  }
});

/** Changes the last byte of the signature by a key in a proof file's checkpoint. */
function damageLine(file: Buffer, vkey: string): Buffer {
  const id = Buffer.from(vkey.split('+')[1] ?? '', 'hex');
  const text = file
    .toString('utf8')
    .replaceAll(/(\u2014|\\u2014) (\S+) ([A-Za-z0-9+/]{80,}=*)/g, (line: string) => {
      const encoded = line.slice(line.lastIndexOf(' ') + 1);
      const bytes = Buffer.from(encoded, 'base64');
      if (!bytes.subarray(0, 4).equals(id)) return line;
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      return line.slice(0, -encoded.length) + bytes.toString('base64');
    });
  assert.notEqual(text, file.toString('utf8'));
  return Buffer.from(text, 'utf8');
}
