import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { FEED_MAX } from '../../../adapter/services/notices/index.js';
import type { FeedItem } from '../../../adapter/services/notices/index.js';
import { openTestInstance, removeFolder, temporaryFolder } from '../../support/instance.js';
import type { TestInstance } from '../../support/instance.js';

describe('notices', () => {
  const dir = temporaryFolder();
  let opened: TestInstance;
  const one = 'A'.repeat(43);
  const other = 'B'.repeat(42) + 'A';

  before(async () => {
    opened = await openTestInstance(dir);
  });
  after(async () => {
    await opened.close();
    removeFolder(dir);
  });

  it('number a feed without gaps, tell who listens, and outlive the process', async () => {
    const heard: FeedItem[] = [];
    const end = opened.instance.notices.listen(one, (item) => heard.push(item));
    await opened.instance.notices.notify(one, { kind: 'access-requested', id: 'r1' });
    await opened.instance.notices.notify(other, { kind: 'access-requested', id: 'r2' });
    await opened.instance.notices.notify(one, { kind: 'access-decided', id: 'r1' });
    end();
    await opened.instance.notices.notify(one, { kind: 'access-ended', id: 'r1' });
    assert.deepEqual(
      heard.map(({ seq, kind, id }) => [seq, kind, id]),
      [
        [1, 'access-requested', 'r1'],
        [2, 'access-decided', 'r1'],
      ],
    );
    await opened.close();
    opened = await openTestInstance(dir);
    const { notices } = opened.instance;
    const listed = await notices.list(one, 1);
    assert.deepEqual(
      listed.map(({ seq, kind }) => [seq, kind]),
      [
        [2, 'access-decided'],
        [3, 'access-ended'],
      ],
    );
    assert.equal(notices.last(one), 3);
    assert.equal(notices.last('nobody'), 0);
    assert.deepEqual(await notices.list(one, 3), []);
  });

  it('of one batch follow each other, and are told once it is committed', async () => {
    const { notices, appender } = opened.instance;
    const heard: number[] = [];
    const end = notices.listen(one, ({ seq }) => heard.push(seq));
    const begun = notices.last(one);
    const items = await appender.writeRows((view) => {
      const staged = notices.prepare(view, [
        { participant: one, kind: 'emergency-opened', id: 'e1' },
        { participant: one, kind: 'emergency-reviewed', id: 'e1' },
      ]);
      return { writes: staged.writes, value: staged.items };
    });
    assert.deepEqual(heard, []);
    notices.told(items);
    assert.deepEqual(heard, [begun + 1, begun + 2]);
    end();
  });

  it('are kept up to a number', async () => {
    const { notices, appender } = opened.instance;
    const many = Array.from({ length: FEED_MAX + 5 }, (_, i) => ({
      participant: other,
      kind: 'access-requested' as const,
      id: `r${i}`,
    }));
    const begun = notices.last(other);
    await appender.writeRows((view) => ({ writes: notices.prepare(view, many).writes, value: undefined }));
    const [first] = await notices.list(other);
    assert.equal(first?.seq, begun + 6);
  });

  it('name nobody in the store’s keys, and tell nothing in its rows', async () => {
    const rows = await opened.instance.store.iterator({ gte: 'notice', lt: 'notice~' }).all();
    assert.ok(rows.length > 5);
    for (const [key, value] of rows) {
      assert.ok(!key.includes(one) && !key.includes(other));
      assert.ok(!value.includes('access') && !value.includes('emergency'));
    }
  });
});
