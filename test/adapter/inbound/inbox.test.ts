import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Inbox } from '../../../adapter/inbound/inbox.js';
import type { FhirEvent } from '../../../adapter/inbound/event.js';
import { openStore } from '../../../adapter/instance/store.js';
import { removeFolder, temporaryFolder } from '../../support/instance.js';

const BODY = Buffer.from('{"resourceType":"Observation","id":"o1","value":7.40}');

function event(bytes: Buffer): FhirEvent {
  return {
    source: 'ward',
    channel: 'hook',
    kind: 'put',
    type: 'Observation',
    id: 'o1',
    version: '1',
    receivedAt: 1_700_000_000_000,
    urn: [['urn:uuid:a', 'Patient/a']],
    lane: 'Patient/a',
    bytes,
  };
}

test('an event opened out of memory is the one that its row holds, whatever became of the body', async (t) => {
  const dataDir = temporaryFolder();
  const store = await openStore(dataDir);
  t.after(async () => {
    await store.close();
    removeFolder(dataDir);
  });
  const durable: string[] = [];
  const inbox = await Inbox.open({
    store,
    keys: { inboxKek: randomBytes(32), markKey: randomBytes(32) },
    dataDir,
    diskReserveBytes: 0,
    partitions: 4,
    onDurable: (seq) => durable.push(seq),
    nowMs: Date.now,
  });
  const body = Buffer.from(BODY);
  const sent = event(body);
  assert.deepEqual(await inbox.accept([sent]), { accepted: 1, duplicates: 0 });
  body.fill(0);
  const [seq = ''] = durable;
  const first = inbox.open(seq);
  const second = inbox.open(seq);
  const { lane: _lane, ...kept } = event(BODY);
  assert.deepEqual(first, { seq, ...kept });
  assert.deepEqual(second, first);

  await store.batch(inbox.finish({ seq }), { sync: true });
  assert.equal(inbox.open(seq), undefined);
  await inbox.close();
});
