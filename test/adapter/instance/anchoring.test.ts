import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { storeReader, verifyLog } from '../../../ledger/verify/index.js';
import { checkStateProof, stateKey } from '../../../ledger/state/index.js';
import { sha256 } from '../../../ledger/log/index.js';
import { openTestInstance, removeFolder, temporaryFolder } from '../../support/instance.js';
import type { TestInstance } from '../../support/instance.js';

const random = (): string => randomBytes(32).toString('base64url');

describe('anchors of the state map', () => {
  let dir: string;
  let opened: TestInstance;

  before(async () => {
    dir = temporaryFolder();
    opened = await openTestInstance(dir, { anchorSeconds: 1 });
  });

  after(async () => {
    await opened.close();
    removeFolder(dir);
  });

  it('put the present root on the log, where the verifier finds the same', async () => {
    const { instance } = opened;
    const anchor = await instance.anchorState();
    const { engine, state } = instance;
    assert.equal(engine.head().size, anchor.size + 2);
    assert.deepEqual(instance.anchorAt(anchor.size), anchor);
    assert.equal(instance.anchorAt(anchor.size + 1), undefined);
    assert.ok(state.anchors.some(({ size, root }) => size === anchor.size && root.equals(anchor.root)));
    const report = await verifyLog(storeReader(instance.store));
    assert.ok(report.ok);
    const judged = report.checks.find(({ name }) => name === 'state');
    assert.ok((judged?.checked ?? 0) >= 1);
  });

  it('are not repeated while nothing else is logged', async () => {
    const { instance } = opened;
    const [one, two] = await Promise.all([instance.anchorState(), instance.anchorState()]);
    const three = await instance.anchorState();
    assert.equal(one.leaf, three.leaf);
    assert.equal(two.leaf, three.leaf);
  });

  it('prove what the map says at them', async () => {
    const { instance } = opened;
    const { size, root } = await instance.anchorState();
    const key = stateKey('participant', instance.organisation.participant);
    const proof = instance.state.prove(key, size);
    assert.ok(proof !== undefined);
    const found = checkStateProof(root, key, proof, sha256);
    assert.ok(found.ok && found.present);
  });

  it('come on a period once something was logged', async () => {
    const { instance } = opened;
    const last = await instance.anchorState();
    await instance.appender.appendControl({}, () => ({
      drafts: [{ type: 'source.reconciled', body: { handle: random(), commitment: random() } }],
      writes: [],
      value: undefined,
    }));
    const until = Date.now() + 10_000;
    while ((instance.state.anchors.at(-1)?.size ?? 0) <= last.size && Date.now() < until)
      await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok((instance.state.anchors.at(-1)?.size ?? 0) > last.size);
  });
});
