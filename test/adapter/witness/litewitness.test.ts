import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openEmbedded } from '../../../ledger/engines/index.js';
import { generateSeed, parseVkey } from '../../../ledger/log/index.js';
import { checkPolicy, parsePolicy } from '../../../ledger/witness/index.js';
import { CheckpointCosigner } from '../../../adapter/services/witness/index.js';
import { genesis, openStore, ORIGIN, records, scratchDir, theCast } from '../../ledger/log/fixture.js';
import { sizeOf } from './begun-log.js';
import { keepingLogger, silent } from './test-witness.js';

const shared = process.env['FIREBREAK_SHARED'] ?? resolve(process.cwd(), '..', 'shared');
const script = join(shared, 'tools', 'witness', 'run.sh');
/** The first start builds it. */
const BUILD_MS_MAX = 300_000;

function run(...args: readonly string[]): { ok: boolean; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync('bash', [script, ...args], {
    encoding: 'utf8',
    timeout: BUILD_MS_MAX,
  });
  return { ok: status === 0, out: stdout ?? '', err: stderr ?? '' };
}

/** Why the witness of others cannot be started here, or `false`. */
function reason(): string | false {
  if (!existsSync(script)) return 'the shared tools are absent';
  if (spawnSync('go', ['version']).status !== 0) return 'go is not on PATH';
  for (const tool of ['ssh-agent', 'ssh-add', 'ssh-keygen', 'flock', 'setsid'])
    if (spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0) return `${tool} is not on PATH`;
  return run('build').ok ? false : 'the witness could not be built';
}

test(
  'a real witness cosigns our checkpoints, and our policy accepts them',
  { skip: reason() },
  async (context) => {
    const cast = await theCast();
    const store = await openStore(await scratchDir(context));
    const seed = generateSeed();
    const engine = await openEmbedded(store, { origin: ORIGIN, logKeySeed: seed, nowMs: Date.now });
    const started = run('start', '0', engine.vkey);
    assert.ok(started.ok, started.err);
    const said = (name: string): string =>
      new RegExp(`^${name}=(.*)$`, 'm').exec(started.out)?.[1]?.replaceAll('\\', '') ?? '';
    context.after(() => {
      run('stop', said('PID'));
    });
    const policy = parsePolicy(
      Buffer.from(`log ${engine.vkey}\nwitness lite ${said('VKEY')} ${said('BASE')}\nquorum lite\n`, 'utf8'),
    );
    assert.ok(policy.ok, JSON.stringify(policy));
    const { logger, lines } = keepingLogger();
    const cosigner = new CheckpointCosigner({ log: engine, policy: policy.policy, logger, roundMs: 20 });
    const reach = async (size: number): Promise<Buffer> => {
      for (let i = 0; i < 500 && sizeOf(cosigner.cosigned()) !== size; i++) await sleep(10);
      assert.equal(sizeOf(cosigner.cosigned()), size, lines.join(''));
      return cosigner.cosigned() ?? Buffer.alloc(0);
    };

    await engine.commit({ submissions: [genesis(cast)], writes: [] });
    cosigner.onCheckpoint();
    assert.ok(checkPolicy(await reach(engine.head().size), policy.policy).ok);
    // Growth over a tile's edge, with a proof out of our tiles.
    for (const count of [1, 250, 300]) {
      await engine.commit({ submissions: records(cast, count), writes: [] });
      cosigner.onCheckpoint();
      const note = await reach(engine.head().size);
      const verdict = checkPolicy(note, policy.policy);
      assert.ok(verdict.ok);
      assert.ok(Math.abs((verdict.witnessed[0]?.timeS ?? 0) - Date.now() / 1000) < 60);
      assert.ok(verdict.checkpoint.root.equals(engine.head().root));
      assert.equal(verdict.signedBy[0]?.keyId.toString('hex'), parseVkey(engine.vkey).keyId.toString('hex'));
    }
    await cosigner.close();

    // One that begins anew learns by a conflict where the witness stands.
    const again = new CheckpointCosigner({ log: engine, policy: policy.policy, logger: silent, roundMs: 20 });
    again.onCheckpoint();
    for (let i = 0; i < 500 && again.cosigned() === undefined; i++) await sleep(10);
    assert.ok(checkPolicy(again.cosigned() ?? Buffer.alloc(0), policy.policy).ok);
    await again.close();
    await engine.close();
    await store.close();
  },
);
