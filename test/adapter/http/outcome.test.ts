import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdapterError } from '../../../adapter/errors.js';
import { outcomeOf } from '../../../adapter/http/outcome.js';
import { LedgerError } from '../../../ledger/errors.js';
import { VaultError } from '../../../ledger/vault/index.js';
import { MappingError } from '../../../mappings/index.js';

test('all elements at fault are named', () => {
  const expression = ['Observation.subject', 'Observation.performer[0]'];
  const { status, outcome } = outcomeOf(new MappingError('MAPPING_SEVERAL_PATIENTS', 'two', { expression }));
  assert.equal(status, 422);
  assert.deepEqual(outcome.issue[0]?.expression, expression);
});

test('a fault of ours shows its code, and nothing of what happened', () => {
  const secret = 'a key, a path';
  for (const error of [
    new LedgerError('LEDGER_CORRUPT', secret),
    new VaultError('VAULT_UNSEAL_FAILED', secret),
  ]) {
    const { status, outcome } = outcomeOf(error);
    assert.equal(status, 500);
    assert.deepEqual(outcome.issue, [{ severity: 'error', code: 'exception', diagnostics: error.code }]);
  }
  for (const error of [
    new TypeError(secret),
    Object.assign(new Error(secret), { code: 'EIO' }),
    secret,
    undefined,
  ]) {
    const { status, outcome } = outcomeOf(error);
    assert.equal(status, 500);
    assert.ok(!JSON.stringify(outcome).includes(secret));
  }
});

test('a full disk and a busy ledger ask to come again', () => {
  for (const error of [
    new AdapterError('ADAPTER_DISK_FULL', ''),
    new LedgerError('LEDGER_WRITE_FAILED', ''),
    new LedgerError('LEDGER_BUSY', ''),
    new LedgerError('LEDGER_CLOSED', ''),
  ])
    assert.equal(outcomeOf(error).status, 503, error.code);
});
