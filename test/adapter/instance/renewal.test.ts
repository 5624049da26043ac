import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openInstance } from '../../../adapter/instance/instance.js';
import { createLogger } from '../../../adapter/logger.js';
import { storeReader, verifyLog } from '../../../ledger/verify/index.js';
import {
  addImportSource,
  removeFolder,
  servicesOf,
  temporaryFolder,
  testConfig,
} from '../../support/instance.js';
import { consentFor, enrolWallet, signedBundle } from '../../support/wallet.js';

const DAY_MS = 86_400_000;

test('an instance renews its certificate before it ends, and its log verifies', async () => {
  const dir = temporaryFolder();
  const logger = createLogger('error', () => undefined);
  let nowMs = Date.now();
  const open = () => openInstance({ config: testConfig(dir), demo: false, logger, nowMs: () => nowMs });
  try {
    const first = await open();
    const before = first.organisation.fingerprint;
    await addImportSource(first);
    await first.close();

    nowMs += 30 * DAY_MS;
    const second = await open();
    assert.equal(second.organisation.fingerprint, before, 'two thirds of its life are left');
    await second.close();

    // Long after the first certificate's end: the instance was off, and its first entry is the renewal.
    nowMs += 120 * DAY_MS;
    const third = await open();
    assert.notEqual(third.organisation.fingerprint, before);
    assert.equal(third.organisation.participant, first.organisation.participant);
    const wallet = await enrolWallet(servicesOf(third), 'ward', 'p1');
    const consent = consentFor(wallet, { dateTime: new Date(nowMs).toISOString() });
    await third.consents.submit(signedBundle(wallet, consent));
    const report = await verifyLog(storeReader(third.store));
    assert.deepEqual(
      report.checks.filter(({ ok }) => !ok),
      [],
    );
    assert.equal(report.countsByType['participant.renewed'], 1);
    await third.close();
  } finally {
    removeFolder(dir);
  }
});
