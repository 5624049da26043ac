/** A restore that asks witnesses whether the log has grown since. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { restore } from '../../../adapter/services/backup/index.js';
import type { RestoreReport } from '../../../adapter/services/backup/index.js';
import type { ConfiguredWitnesses, Post } from '../../../adapter/services/witness/index.js';
import { parseVkey } from '../../../ledger/log/index.js';
import { parsePolicy } from '../../../ledger/witness/index.js';
import type { WitnessPolicy } from '../../../ledger/witness/index.js';
import type { Bench } from '../support/bench.js';
import { openBackupBench, restoring } from '../support/backup-bench.js';
import type { BackupBench } from '../support/backup-bench.js';
import { testWitness } from '../witness/test-witness.js';

let backups: BackupBench;
let bench: Bench;
let file: string;
let published: string;

/** What each witness knows, by its address. */
const witnesses = new Map<string, ReturnType<typeof testWitness>>();
const silent = new Set<string>();
const NAMES = ['w1', 'w2', 'w3'];

const post: Post = async (url, body) => {
  const name = new URL(url).hostname;
  const found = witnesses.get(name);
  if (found === undefined || silent.has(name)) throw new Error('no answer');
  const answer = await found.witness.addCheckpoint(body);
  const said = answer.status === 200 ? answer.line : 'size' in answer ? String(answer.size) : answer.code;
  const type = answer.status === 409 ? 'text/x.tlog.size' : 'text/plain';
  return { status: answer.status, type, body: Buffer.from(`${said}\n`) };
};

before(async () => {
  backups = await openBackupBench();
  ({ bench } = backups);
  ({ file } = await backups.backUp('old.age'));
  published = await backups.publish();
});

after(() => backups.close());

async function freshWitnesses(): Promise<ConfiguredWitnesses> {
  silent.clear();
  const {
    engine,
    identity: { origin },
  } = bench.instance;
  const verifiers = [parseVkey(((await engine.read('vkey')) ?? Buffer.alloc(0)).toString('utf8').trim())];
  for (const [i, name] of NAMES.entries())
    witnesses.set(name, testWitness([{ origin, verifiers }], { name, seed: i + 1 }));
  const lines = NAMES.map(
    (name) => `witness ${name} ${witnesses.get(name)?.cosigner.vkey ?? ''} http://${name}/`,
  );
  const parsed = parsePolicy(
    Buffer.from(`${lines.join('\n')}\ngroup two 2 ${NAMES.join(' ')}\nquorum two\n`),
  );
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const policy: WitnessPolicy = parsed.policy;
  return { policy, urls: new Map(NAMES.map((name) => [name, `http://${name}`])) };
}

function restored(configured: ConfiguredWitnesses, more: object = {}): Promise<RestoreReport> {
  const options = { witnesses: configured, post, nothingPublished: false, ...more };
  return restore(restoring(file, backups.identity, backups.fresh(), options));
}

test('that know nothing newer let it go live', async () => {
  assert.equal((await restored(await freshWitnesses())).outcome, 'live');
});

test('of which one has seen more: it waits, and catches up with the published log', async () => {
  const configured = await freshWitnesses();
  const { AskedWitness } = await import('../../../adapter/services/witness/index.js');
  const [witness] = configured.policy.witnesses;
  assert.ok(witness !== undefined);
  const asked = await new AskedWitness(witness, 'http://w1', post).ask(
    bench.instance.engine.checkpoint(),
    async (path) => bench.instance.engine.read(path),
    AbortSignal.timeout(5000),
  );
  assert.equal(asked.outcome, 'cosigned');
  const waiting = await restored(configured, { nothingPublished: true });
  assert.deepEqual([waiting.outcome, waiting.waitsFor], ['waiting', 'ahead']);
  const live = await restored(configured, { log: published, catchUp: true });
  assert.equal(live.outcome, 'live');
  assert.equal(live.size, bench.instance.engine.head().size);
});

test('of which too few answer: it waits, unless the operator knows better', async () => {
  const configured = await freshWitnesses();
  silent.add('w1');
  assert.equal((await restored(configured)).outcome, 'live', 'one alone is no quorum');
  silent.add('w2');
  const waiting = await restored(configured);
  assert.deepEqual([waiting.waitsFor, waiting.silentWitnesses?.toSorted()], ['unsure', ['w1', 'w2']]);
  assert.equal((await restored(configured, { nothingPublished: true })).outcome, 'live');
});
