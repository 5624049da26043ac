import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import { requestHash } from '../../../ledger/consent/index.js';
import { canonicalBytes } from '../../../ledger/log/index.js';
import type { JsonValue } from '../../../ledger/log/index.js';
import { asks, HRESCH } from './fixtures.js';

const full = asks({
  actor: { references: ['Organization/é"\\\u0001'], roles: ['r|x'] },
  resource: { authors: ['A/1'], refersTo: ['B/1'], referredBy: [], references: ['C/1'] },
});

test('the hash is that of the RFC 8785 form', () => {
  for (const request of [asks(), full]) {
    const canonical = canonicalBytes(request as unknown as JsonValue);
    assert.equal(requestHash(request), createHash('sha256').update(canonical).digest('base64url'));
  }
  const unlabelled = asks({ resource: { labels: undefined } });
  const canonical = canonicalBytes(JSON.parse(JSON.stringify(unlabelled)) as JsonValue);
  assert.equal(requestHash(unlabelled), createHash('sha256').update(canonical).digest('base64url'));
});

test('requests that ask for different things have different hashes', () => {
  const requests = [
    asks(),
    full,
    asks({ subject: 'patient-2' }),
    asks({ action: 'use' }),
    asks({ purposes: [HRESCH] }),
    asks({ actor: { references: [] } }),
    asks({ resource: { id: 'o2' } }),
    asks({ resource: { labels: [] } }),
    asks({ resource: { labels: undefined } }),
    asks({ resource: { period: { startMs: 0, endMs: 1 } } }),
    asks({ resource: { refersTo: ['X/1'] } }),
    asks({ resource: { referredBy: ['X/1'] } }),
  ];
  assert.equal(new Set(requests.map(requestHash)).size, requests.length);
});
