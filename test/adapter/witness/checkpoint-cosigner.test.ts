import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { checkPolicy, formatAddCheckpoint, parsePolicy } from '../../../ledger/witness/index.js';
import type { WitnessPolicy } from '../../../ledger/witness/index.js';
import { CheckpointCosigner, readPolicyFile, witnessUrls } from '../../../adapter/services/witness/index.js';
import type { CosignerOptions, Post } from '../../../adapter/services/witness/index.js';
import { scratchDir } from '../../ledger/log/fixture.js';
import { SampleLog } from '../../ledger/witness/sample-log.js';
import { sizeOf } from './begun-log.js';
import { keepingLogger, silent, testWitness } from './test-witness.js';
import type { TestWitness } from './test-witness.js';

type Behaviour = 'answers' | 'hangs' | 'is down' | 'lies';

interface Setting {
  readonly log: SampleLog;
  readonly policy: WitnessPolicy;
  readonly witnesses: readonly TestWitness[];
  readonly behaviour: Behaviour[];
  /** Requests so far, by witness. */
  readonly asked: number[];
  readonly published: Buffer[];
  readonly cosigner: (more?: Partial<CosignerOptions>) => CheckpointCosigner;
}

/** Three witnesses behind a network of our own; two of them are the quorum. */
function setting(rule = '2 A B C'): Setting {
  const log = new SampleLog().grow(10);
  const names = ['A', 'B', 'C'];
  const watched = { origin: log.origin, verifiers: [log.verifier] };
  const witnesses = names.map((name, i) =>
    testWitness([watched], { name: `witness.example/${name}`, seed: 210 + i }),
  );
  const lines = names.map((name, i) => `witness ${name} ${witnesses[i]?.cosigner.vkey ?? ''} http://${name}`);
  const parsed = parsePolicy(
    Buffer.from(`log ${log.vkey}\n${lines.join('\n')}\ngroup g ${rule}\nquorum g\n`, 'utf8'),
  );
  assert.ok(parsed.ok);
  const behaviour: Behaviour[] = ['answers', 'answers', 'answers'];
  const asked = [0, 0, 0];
  const published: Buffer[] = [];
  const post: Post = async (url, body, signal) => {
    const i = names.indexOf(/^http:\/\/(\w)\/add-checkpoint$/.exec(url)?.[1] ?? '');
    asked[i] = (asked[i] ?? 0) + 1;
    const how = behaviour[i];
    if (how === 'is down') throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    if (how === 'hangs')
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
      });
    const answer = await witnesses[i]?.witness.addCheckpoint(body);
    assert.ok(answer !== undefined);
    const type = answer.status === 409 ? 'text/x.tlog.size' : 'text/plain; charset=utf-8';
    if (answer.status === 200) {
      const line = how === 'lies' ? answer.line.replace(/.{8}$/, 'AAAAAAA=') : answer.line;
      return { status: 200, type, body: Buffer.from(`${line}\n`, 'utf8') };
    }
    const text = answer.status === 409 ? answer.size : answer.code;
    return { status: answer.status, type, body: Buffer.from(`${text}\n`) };
  };
  return {
    log,
    policy: parsed.policy,
    witnesses,
    behaviour,
    asked,
    published,
    cosigner: (more = {}) =>
      new CheckpointCosigner({
        log: {
          checkpoint: () => log.note(),
          read: (path) => log.reader().read(path, 8192),
        },
        policy: parsed.policy,
        logger: silent,
        roundMs: 5,
        requestMs: 2000,
        onCosigned: (note) => published.push(note),
        post,
        ...more,
      }),
  };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !condition(); i++) await sleep(5);
  assert.ok(condition());
}

test('a checkpoint is published with the cosignatures of a quorum, and so is each later one', async () => {
  const { log, policy, cosigner } = setting();
  const own = cosigner();
  assert.equal(own.cosigned(), undefined);
  assert.ok(own.canMeetQuorum);
  for (const more of [0, 1, 245, 300]) {
    log.grow(more);
    own.onCheckpoint();
    await until(() => sizeOf(own.cosigned()) === log.size);
    const verdict = checkPolicy(own.cosigned() ?? Buffer.alloc(0), policy);
    assert.ok(verdict.ok);
    assert.equal(verdict.checkpoint.size, log.size);
  }
  await until(() => own.status().every(({ outcome }) => outcome === 'cosigned'));
  await own.close();
});

test('one that hangs and one that is down delay nothing that two others can give', async () => {
  const { log, policy, behaviour, cosigner } = setting('1 A B C');
  behaviour[0] = 'hangs';
  behaviour[1] = 'is down';
  const own = cosigner();
  const started = performance.now();
  own.onCheckpoint();
  assert.ok(performance.now() - started < 50, 'asking is in the background');
  await until(() => own.cosigned() !== undefined);
  assert.ok(performance.now() - started < 1500, 'the hanging one was not waited for');
  log.grow(5);
  own.onCheckpoint();
  await until(() => sizeOf(own.cosigned()) === 15);
  assert.ok(checkPolicy(own.cosigned() ?? Buffer.alloc(0), policy).ok);
  const closing = performance.now();
  await own.close();
  assert.ok(performance.now() - closing < 500, 'closing ends what hangs');
  own.onCheckpoint();
  assert.equal(sizeOf(own.cosigned()), 15);
});

test('without a quorum nothing is published; it is asked again until there is one', async () => {
  const { behaviour, published, cosigner } = setting('all A B C');
  const { logger, lines } = keepingLogger();
  behaviour[2] = 'is down';
  const own = cosigner({ logger });
  own.onCheckpoint();
  await until(() => own.status().some(({ code }) => code === 'ECONNREFUSED'));
  await sleep(60);
  assert.equal(published.length, 0);
  behaviour[2] = 'answers';
  await until(() => own.cosigned() !== undefined);
  assert.equal(lines.filter((line) => line.includes('did not cosign')).length, 1, 'said once');
  await own.close();
});

test('who cosigned is not asked again while another is waited for', async () => {
  const { behaviour, asked, cosigner } = setting('all A B C');
  behaviour[2] = 'is down';
  const own = cosigner();
  own.onCheckpoint();
  await until(() => (asked[2] ?? 0) > 2);
  assert.deepEqual(asked.slice(0, 2), [1, 1]);
  await own.close();
});

test('the time limit of a request outlives a garbage collection', async () => {
  const { behaviour, cosigner } = setting();
  behaviour.fill('hangs');
  const own = cosigner({ requestMs: 150 });
  own.onCheckpoint();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 4; i++) {
    await sleep(20);
    collect();
  }
  await until(() => own.status().every(({ outcome }) => outcome === 'unreachable'));
  await own.close();
});

test('a line that does not check is no cosignature', async () => {
  const { behaviour, published, cosigner } = setting('all A B C');
  behaviour[1] = 'lies';
  const own = cosigner();
  own.onCheckpoint();
  await until(() => own.status()[1]?.outcome === 'refused');
  assert.deepEqual(own.status()[1], {
    name: 'B',
    url: 'http://B',
    outcome: 'refused',
    code: 'no-good-cosignature',
    size: 0,
  });
  assert.equal(published.length, 0);
  await own.close();
});

test('of many checkpoints in a row the last is cosigned, with few requests', async () => {
  const { log, asked, cosigner } = setting();
  const own = cosigner({ roundMs: 20 });
  for (let i = 0; i < 200; i++) {
    log.grow(1);
    own.onCheckpoint();
  }
  await until(() => sizeOf(own.cosigned()) === log.size);
  assert.ok((asked[0] ?? 0) < 10, String(asked));
  await own.close();
});

test('a restart learns from the witnesses where they are', async () => {
  const { log, policy, cosigner } = setting();
  const before = cosigner();
  before.onCheckpoint();
  await until(() => before.cosigned() !== undefined);
  await before.close();
  log.grow(100);
  const after = cosigner();
  after.onCheckpoint();
  await until(() => sizeOf(after.cosigned()) === 110);
  assert.ok(checkPolicy(after.cosigned() ?? Buffer.alloc(0), policy).ok);
  await after.close();
});

test('a witness that follows us by itself may know a newer head than the one shown', async () => {
  const { log, witnesses, behaviour, cosigner } = setting('all A B C');
  const { logger, lines } = keepingLogger();
  behaviour[2] = 'is down';
  const old = log.note();
  const own = cosigner({ logger });
  log.grow(20);
  const request = formatAddCheckpoint({ oldSize: 0, proof: [], note: log.note() });
  assert.equal((await witnesses[0]?.witness.addCheckpoint(request))?.status, 200);
  own.onCheckpoint(old);
  await until(() => own.status()[0]?.code === 'witness-knows-a-newer-one');
  assert.ok(!lines.some((line) => line.includes('another history')), lines.join(''));
  behaviour[2] = 'answers';
  own.onCheckpoint();
  await until(() => sizeOf(own.cosigned()) === 30);
  await own.close();
});

test('a start with a cosigned checkpoint knows where its witnesses stand', async () => {
  const { log, asked, cosigner } = setting();
  const before = cosigner();
  before.onCheckpoint();
  await until(() => before.status().every(({ size }) => size === 10));
  const cosigned = before.cosigned();
  assert.ok(cosigned !== undefined);
  await before.close();
  log.grow(7);
  asked.fill(0);
  const after = cosigner({ cosigned });
  assert.ok(after.status().every(({ size, outcome }) => size === 10 && outcome === 'not-asked'));
  assert.deepEqual(after.cosigned(), cosigned);
  after.onCheckpoint();
  await until(() => sizeOf(after.cosigned()) === 17);
  assert.equal(asked[0], 1, 'no conflict was needed to learn it');
  await after.close();
});

test('a log that was rolled back or forked is told so by its witnesses', async () => {
  for (const [size, code] of [
    [5, 'witness-is-ahead'],
    [10, 'witness-saw-another-root'],
    [20, 'status-422'],
  ] as const) {
    const { log, cosigner, published } = setting();
    const { logger, lines } = keepingLogger();
    const before = cosigner();
    before.onCheckpoint();
    await until(() => before.status().every(({ outcome }) => outcome === 'cosigned'));
    await before.close();
    const fork = log.fork(3, size - 3);
    const after = cosigner({
      log: { checkpoint: () => fork.note(), read: (path) => fork.reader().read(path, 8192) },
      logger,
    });
    published.length = 0;
    after.onCheckpoint();
    await until(() => after.status().every((status) => status.code === code));
    assert.equal(published.length, 0);
    if (size <= 10) assert.ok(lines.some((line) => line.includes('another history')));
    await after.close();
  }
});

test('a policy file and addresses of the configuration', async (context) => {
  const dir = await scratchDir(context);
  mkdirSync(dir, { recursive: true });
  const path = join(dir, 'policy');
  const bad = { code: 'ADAPTER_BAD_CONFIG' };
  assert.throws(() => readPolicyFile(path), bad);
  writeFileSync(path, 'quorum x\n');
  assert.throws(() => readPolicyFile(path), bad);
  const { witnesses } = setting();
  const keys = witnesses.map(({ cosigner }) => cosigner.vkey);
  writeFileSync(
    path,
    `witness A ${keys[0]} http://a\nwitness B ${keys[1]}\nwitness C ${keys[2]}\ngroup g 2 A B C\nquorum g\n`,
  );
  const policy = readPolicyFile(path);
  assert.deepEqual(
    [...witnessUrls(policy, 'B=https://b, A=http://other')],
    [
      ['A', 'http://other'],
      ['B', 'https://b'],
    ],
  );
  for (const text of [undefined, 'B', 'D=http://d', 'B=ftp://b', 'B=', 'A=http://a'])
    assert.throws(() => witnessUrls(policy, text), bad, text);
});
