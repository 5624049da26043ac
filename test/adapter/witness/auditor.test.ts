import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { canonicalBytes, parseCanonical } from '../../../ledger/log/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import { LedgerError } from '../../../ledger/errors.js';
import type { LogReader } from '../../../ledger/verify/index.js';
import {
  checkFinding,
  checkPolicy,
  formatAddCheckpoint,
  fromTiles,
  parsePolicy,
  prefixPath,
  proofOfPath,
} from '../../../ledger/witness/index.js';
import { auditor, EvidenceFolder } from '../../../adapter/services/witness/index.js';
import type { WitnessAnswer } from '../../../adapter/services/witness/index.js';
import { ORIGIN, scratchDir } from '../../ledger/log/fixture.js';
import { auditedLog, publishFiles } from './audited-log.js';
import type { AuditedLog } from './audited-log.js';
import { runFirebreak } from './run-firebreak.js';
import { silent, testWitness } from './test-witness.js';
import type { TestWitness } from './test-witness.js';

interface Audited {
  readonly log: AuditedLog;
  readonly witness: TestWitness;
  readonly auditor: TestWitness;
  readonly findings: EvidenceFolder;
  /** What the auditor reads from. */
  readonly serve: (reader: LogReader) => void;
  readonly offer: (to: TestWitness) => Promise<WitnessAnswer>;
}

async function audited(context: TestContext): Promise<Audited> {
  const log = await auditedLog(context);
  const findings = new EvidenceFolder(await scratchDir(context));
  let served = log.reader;
  const reader: LogReader = { read: (path, bytesMax) => served.read(path, bytesMax) };
  const watched = { origin: ORIGIN, verifiers: [log.verifier], reader };
  const auditing = testWitness([watched], {
    replay: auditor({ findings, logger: silent }),
    name: 'auditor.example/a1',
    seed: 77,
  });
  const offer = async ({ witness }: TestWitness): Promise<WitnessAnswer> => {
    const oldSize = witness.latest(ORIGIN)?.checkpoint.size ?? 0;
    const { size } = log.checkpoint();
    const path = await fromTiles(
      (file) => log.engine.read(file),
      size,
      (nodes) => (oldSize === 0 || oldSize === size ? [] : prefixPath(oldSize, size, nodes)),
    );
    const proof = oldSize === 0 || oldSize === size ? [] : proofOfPath(oldSize, path);
    return witness.addCheckpoint(formatAddCheckpoint({ oldSize, proof, note: log.engine.checkpoint() }));
  };
  return {
    log,
    witness: testWitness([watched]),
    auditor: auditing,
    findings,
    serve: (next) => void (served = next),
    offer,
  };
}

test('an auditor follows a good log, and reads each bundle of it once more at most', async (context) => {
  const { log, auditor: own, offer, findings } = await audited(context);
  for (const count of [3, 300, 1, 700]) {
    await log.grow(count);
    assert.equal((await offer(own)).status, 200);
  }
  assert.deepEqual(await findings.list(), []);
  // Full bundles behind the head cosigned before were not read again.
  const full = log.bundlesRead.filter((path) => !path.includes('.p/'));
  assert.equal(full.length, new Set(full).size);
  // The same head again costs no reading at all.
  const before = log.bundlesRead.length;
  assert.equal((await offer(own)).status, 200);
  assert.equal(log.bundlesRead.length, before);
});

test('a log whose state.anchored is wrong is cosigned by a witness, and refused by an auditor', async (context) => {
  for (const more of [{ root: 'A'.repeat(43) }, { keys: 5 }, { size: 3 }]) {
    const { log, witness, auditor: own, offer, findings } = await audited(context);
    await log.grow(300);
    assert.equal((await offer(own)).status, 200);
    await log.lie(more);
    const leaf = log.checkpoint().size - 1;
    assert.equal((await offer(witness)).status, 200);
    const refused = await offer(own);
    assert.ok(refused.status === 422 && refused.code === 'replay-failed', JSON.stringify(refused));
    const [path = ''] = await findings.list();
    assert.equal(refused.evidence, path);
    const finding = checkFinding(await findings.read(path), [log.vkey]);
    assert.ok(finding.ok, JSON.stringify(finding));
    assert.deepEqual([finding.leaf, finding.check, finding.vkeyTrust], [leaf, 'state', 'given']);
    assert.ok(finding.entry.includes('"type":"state.anchored"'));
    // Whatever it goes on with stands on that leaf: it is refused without reading the log again.
    const read = log.bundlesRead.length;
    await log.grow(300);
    const grown = await offer(own);
    assert.ok(grown.status === 422 && grown.evidence === path);
    assert.equal(log.bundlesRead.length, read);
    assert.equal((await findings.list()).length, 1);
    assert.equal((await offer(witness)).status, 200);
  }
});

test('entries that are not of the signed tree accuse nobody, and are read anew', async (context) => {
  const { log, auditor: own, offer, findings, serve } = await audited(context);
  await log.grow(300);
  assert.equal((await offer(own)).status, 200);
  await log.grow(300);
  serve({
    read: async (path) => {
      const bytes = await log.engine.read(path);
      if (bytes === undefined || !path.startsWith('tile/entries/')) return bytes;
      const changed = Buffer.from(bytes);
      const at = changed.length - 10;
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      return changed;
    },
  });
  const refused = await offer(own);
  assert.deepEqual([refused.status, refused.code], [422, 'other-entries']);
  assert.deepEqual(await findings.list(), []);
  // What could not be read says nothing either, and what was read before it is not lost.
  let reads = 0;
  serve({
    read: async (path) => {
      if (path.startsWith('tile/entries/') && ++reads > 1)
        throw new LedgerError('LEDGER_UNREADABLE', 'no answer');
      return log.engine.read(path);
    },
  });
  assert.deepEqual(await offer(own), { status: 503, code: 'log-unreadable' });
  serve({
    read: async (path) => (path.startsWith('tile/entries/') ? undefined : log.engine.read(path)),
  });
  assert.equal((await offer(own)).status, 503);
  serve(log.reader);
  assert.equal((await offer(own)).status, 200);
});

test('a finding convinces by itself of the leaf, and is refused when anything in it is changed', async (context) => {
  const { log, auditor: own, offer, findings } = await audited(context);
  await log.grow(20);
  await log.lie();
  await offer(own);
  const bytes = await findings.read((await findings.list())[0] ?? '');
  const good = parseCanonical(bytes) as JsonObject;
  assert.equal(checkFinding(bytes).ok, true);
  const other = await auditedLog(context);
  const { entry: encoded } = JSON.parse(bytes.toString('utf8')) as { entry: string };
  const entry = Buffer.from(encoded, 'base64').toString('utf8').replace('AAA', 'AAB');
  const cases: [string, object, string][] = [
    ['another entry', { entry: Buffer.from(entry, 'utf8').toString('base64') }, 'entry-not-included'],
    ['another leaf', { leaf: Number(good['leaf']) - 1 }, 'entry-not-included'],
    ['a leaf behind the head', { leaf: 10_000 }, 'entry-not-included'],
    ['no way up', { inclusion: [] }, 'entry-not-included'],
    ['another head', { head: other.engine.checkpoint().toString('utf8') }, 'key-not-trusted'],
    ['another origin', { origin: 'other.example/log' }, 'other-origin'],
    ['a check that is none', { check: 'everything' }, 'malformed'],
    ['another format', { format: 'firebreak/audit/v2' }, 'malformed'],
    ['one member more', { note: 'x' }, 'malformed'],
    ['a leaf that is no index', { leaf: 1.5 }, 'malformed'],
    ['a hash too short', { inclusion: ['AAAA'] }, 'malformed'],
    ['a rule too long', { rule: 'x'.repeat(5000) }, 'malformed'],
  ];
  for (const [name, change, code] of cases) {
    const verdict = checkFinding(canonicalBytes({ ...good, ...change }), [log.vkey]);
    assert.deepEqual(verdict, { ok: false, code }, name);
  }
  assert.deepEqual(checkFinding(Buffer.concat([bytes, Buffer.from('\n')])), { ok: false, code: 'malformed' });
  assert.deepEqual(checkFinding(Buffer.alloc(300_000, 0x20)), { ok: false, code: 'malformed' });
  assert.deepEqual(checkFinding(bytes, [other.vkey]), { ok: false, code: 'key-not-trusted' });
  assert.throws(() => checkFinding(bytes, ['x']), { code: 'LEDGER_BAD_KEY' });
});

test('the command: an auditor has a folder and a key of its own, and says what it found', async (context) => {
  const log = await auditedLog(context);
  await log.grow(300);
  const url = await publishFiles(context, (path) =>
    path === 'vkey' ? Promise.resolve(Buffer.from(`${log.vkey}\n`)) : log.engine.read(path),
  );
  const dir = join(await scratchDir(context), 'auditor');
  const plain = join(await scratchDir(context), 'witness');
  const common = ['--once', '--json', '--vkey', log.vkey];
  const good = await runFirebreak('witness', url, '--replay', '--dir', dir, ...common);
  assert.equal(good.code, 0, good.err);
  const { note } = JSON.parse(good.out) as { note: string };
  const again = await runFirebreak('witness', url, '--replay', '--dir', dir, '--once', '--vkey', log.vkey);
  const vkey = /^auditor (auditor\.firebreak\.example\/\S+)$/m.exec(again.err)?.[1] ?? '';
  const policy = parsePolicy(Buffer.from(`log ${log.vkey}\nwitness a ${vkey}\nquorum a\n`));
  assert.ok(policy.ok && checkPolicy(Buffer.from(note, 'utf8'), policy.policy).ok);

  await log.lie();
  const refused = await runFirebreak('witness', url, '--replay', '--dir', dir, ...common);
  assert.equal(refused.code, 1, refused.err);
  const told = JSON.parse(refused.out) as { code: string; evidence: string[] };
  assert.equal(told.code, 'replay-failed');
  const witnessed = await runFirebreak('witness', url, '--dir', plain, ...common);
  assert.equal(witnessed.code, 0, witnessed.err);

  const [path = ''] = told.evidence;
  const judged = await runFirebreak('witness', 'evidence', path, '--vkey', log.vkey);
  assert.equal(judged.code, 0, judged.err);
  assert.match(judged.out, /breaks a rule of state: the entries give another state/);
  assert.equal((await runFirebreak('witness', 'evidence', '--dir', dir)).out.split('\n')[0], path);
  const asJson = await runFirebreak('witness', 'evidence', path, '--json');
  const { ok, kind } = JSON.parse(asJson.out) as { ok: boolean; kind: string };
  assert.deepEqual([ok, kind], [true, 'audit']);

  // Neither role in the other's folder, and no log that cannot be read.
  for (const args of [
    ['--replay', '--dir', plain],
    ['--dir', dir],
  ]) {
    const foreign = await runFirebreak('witness', url, ...args, ...common);
    assert.deepEqual([foreign.code, foreign.err.includes('ADAPTER_DATA_FOLDER_FOREIGN')], [3, true]);
  }
  assert.equal((await runFirebreak('witness', log.vkey, '--replay', '--dir', dir, '--once')).code, 2);
});
