import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import {
  checkEvidence,
  contradictionOf,
  findCosignature,
  formatAddCheckpoint,
  parseCosignerVkey,
  withSignatures,
} from '../../../ledger/witness/index.js';
import {
  durableSteps,
  EvidenceFolder,
  openWitnessKey,
  WitnessStore,
} from '../../../adapter/services/witness/index.js';
import type { DurableSteps } from '../../../adapter/services/witness/index.js';
import { scratchDir } from '../../ledger/log/fixture.js';
import { SampleLog } from '../../ledger/witness/sample-log.js';
import { openLevel, testWitness } from './test-witness.js';

const log = new SampleLog().grow(700);
const watched = { origin: log.origin, verifiers: [log.verifier] };

function body(oldSize: number, size: number): Buffer {
  return formatAddCheckpoint({ oldSize, proof: log.proof(oldSize, size), note: log.note(size) });
}

/** Fails a step once, before or after it took effect. */
function failing(step: keyof DurableSteps, when: 'before' | 'after'): DurableSteps {
  let failed = false;
  const wrap =
    <A extends readonly unknown[]>(name: keyof DurableSteps, run: (...args: A) => Promise<void>) =>
    async (...args: A): Promise<void> => {
      const now = name === step && !failed;
      if (now && when === 'before') {
        failed = true;
        throw new Error('fault');
      }
      await run(...args);
      if (now) {
        failed = true;
        throw new Error('fault');
      }
    };
  return {
    write: wrap('write', durableSteps.write),
    rename: wrap('rename', durableSteps.rename),
    syncFolder: wrap('syncFolder', durableSteps.syncFolder),
  };
}

const faults = (['write', 'rename', 'syncFolder'] as const).flatMap((step) =>
  (['before', 'after'] as const).map((when) => ({ step, when })),
);

test('state: the batch fails before or after it took effect; then reload and check', async (context) => {
  for (const when of ['before', 'after'] as const) {
    const dir = await scratchDir(context);
    let store: Store = await openLevel(dir);
    const own = testWitness([watched], { heads: new WitnessStore(store) });
    await own.witness.addCheckpoint(body(0, 300));

    const batch: Store['batch'] = store.batch.bind(store);
    const faulty = async (rows: StoreWrite[], options: { sync: boolean }): Promise<void> => {
      if (when === 'after') await batch(rows, options);
      throw new Error('fault');
    };
    Object.assign(store, { batch: faulty });
    await assert.rejects(own.witness.addCheckpoint(body(300, 600)), { message: 'fault' });
    await store.close();

    store = await openLevel(dir);
    const again = testWitness([watched], { heads: new WitnessStore(store) });
    const size = again.witness.latest(log.origin)?.checkpoint.size;
    assert.equal(size, when === 'after' ? 600 : 300);
    // Who got no answer asks again, and hears where the witness stands.
    const answer = await again.witness.addCheckpoint(body(300, 600));
    assert.equal(answer.status, when === 'after' ? 409 : 200);
    assert.equal((await again.witness.addCheckpoint(body(600, 600))).status, 200);
    await store.close();
  }
});

test('state: past heads are remembered up to a bound, the oldest forgotten first', async (context) => {
  const store = await openLevel(await scratchDir(context));
  const heads = new WitnessStore(store, 5);
  const { witness } = testWitness([watched], { heads });
  for (let size = 1; size <= 12; size++) await witness.addCheckpoint(body(size - 1, size));
  const kept = Array.from({ length: 12 }, (_, i) => i + 1).filter(
    (size) => heads.at(log.origin, size) !== undefined,
  );
  assert.deepEqual(kept, [8, 9, 10, 11, 12]);
  // A new opening counts anew.
  const reopened = new WitnessStore(store, 5);
  await reopened.put(log.origin, 13, log.note(13));
  assert.deepEqual([reopened.at(log.origin, 8), reopened.at('other', 13)], [undefined, undefined]);
  await store.close();
});

test('state: what was damaged is not believed', async (context) => {
  const store = await openLevel(await scratchDir(context));
  const own = testWitness([watched], { heads: new WitnessStore(store) });
  await own.witness.addCheckpoint(body(0, 300));
  const [key = ''] = await store.keys({ gte: 'witness/head/', limit: 1 }).all();
  const row = store.getSync(key) ?? Buffer.alloc(0);
  for (const bad of [
    Buffer.alloc(0),
    row.subarray(0, -5),
    Buffer.from(row.toString('utf8').replace('300', '200'), 'utf8'),
  ]) {
    await store.put(key, bad);
    await assert.rejects(own.witness.addCheckpoint(body(0, 300)), { code: 'ADAPTER_DATA_FOLDER_FOREIGN' });
  }
  await store.close();
});

test('key: each step fails before or after; the next start has one key', async (context) => {
  for (const { step, when } of faults) {
    const dir = await scratchDir(context);
    await assert.rejects(openWitnessKey(dir, 'w.example', 'witness', failing(step, when)), {
      message: 'fault',
    });
    const first = await openWitnessKey(dir, 'w.example');
    const second = await openWitnessKey(dir, undefined);
    assert.equal(first.vkey, second.vkey, `${when} ${step}`);
    assert.equal(statSync(join(dir, 'witness-key')).mode & 0o777, 0o600);
  }
});

test('key: open to others, damaged or of another name is refused', async (context) => {
  const dir = await scratchDir(context);
  const foreign = { code: 'ADAPTER_DATA_FOLDER_FOREIGN' };
  const made = await openWitnessKey(dir, undefined);
  assert.match(made.name, /^witness\.firebreak\.example\/[0-9a-f]{16}$/);
  await assert.rejects(openWitnessKey(dir, 'other.example'), foreign);
  await assert.rejects(openWitnessKey(await scratchDir(context), 'two words'), {
    code: 'ADAPTER_BAD_CONFIG',
  });
  // Neither role takes the other's folder.
  await assert.rejects(openWitnessKey(dir, undefined, 'auditor'), foreign);
  const auditorDir = await scratchDir(context);
  assert.match((await openWitnessKey(auditorDir, undefined, 'auditor')).name, /^auditor\./);
  await assert.rejects(openWitnessKey(auditorDir, undefined), foreign);
  const path = join(dir, 'witness-key');
  if (process.platform !== 'win32') {
    chmodSync(path, 0o640);
    await assert.rejects(openWitnessKey(dir, undefined), foreign);
    chmodSync(path, 0o600);
  }
  const text = readFileSync(path, 'utf8');
  for (const bad of ['', text.slice(0, -9), text.replace('PRIVATE', 'PUBLIC'), `${text}${text}`]) {
    writeFileSync(path, bad);
    await assert.rejects(openWitnessKey(dir, undefined), foreign);
  }
});

test('evidence: each step fails before or after; kept again it is whole, and once', async (context) => {
  const evidence = contradictionOf([log.verifier], log.head(), log.fork(1, 699).head());
  assert.ok(evidence !== undefined);
  for (const { step, when } of faults) {
    const dir = await scratchDir(context);
    await assert.rejects(new EvidenceFolder(dir, failing(step, when)).keep(evidence), { message: 'fault' });
    const folder = new EvidenceFolder(dir);
    for (const path of await folder.list()) assert.ok(checkEvidence(await folder.read(path)).ok);
    const path = await folder.keep(evidence);
    assert.equal(await folder.keep(evidence), path);
    assert.deepEqual(await folder.list(), [path]);
    assert.deepEqual(readdirSync(folder.dir).length, 1);
    assert.ok(checkEvidence(await folder.read(path), [log.vkey]).ok);
  }
});

const RUNS = 6;

test('a witness killed at any instant goes back behind nothing that it answered', async (context) => {
  const dir = join(await scratchDir(context), 'witness');
  mkdirSync(dir);
  let answered = 0;
  let vkey = '';
  for (let run = 0; run < RUNS; run++) {
    const program = fileURLToPath(new URL('witness-process.js', import.meta.url));
    const child = spawn(process.execPath, [program, 'witness', log.vkey, '--dir', dir, '--port', '0'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let address = '';
    for await (const line of createInterface({ input: child.stderr })) {
      const own = /^witness (\S+)$/.exec(line)?.[1];
      if (own !== undefined) {
        assert.ok(vkey === '' || vkey === own, 'the key stays');
        vkey = own;
      }
      address = /listening on (http:\S+);/.exec(line)?.[1] ?? '';
      if (address !== '') break;
    }
    assert.notEqual(address, '');
    const { logs } = (await (await fetch(address)).json()) as { logs: { size: number }[] };
    let size = logs[0]?.size ?? 0;
    assert.ok(size >= answered, `${size} after ${answered} was answered`);
    const exited = once(child, 'exit');
    const killed = sleep(5 + run * 17).then(() => child.kill('SIGKILL'));
    try {
      while (size < log.size) {
        const response = await fetch(`${address}/add-checkpoint`, {
          method: 'POST',
          body: new Uint8Array(body(size, size + 1)),
        });
        const line = await response.text();
        assert.equal(response.status, 200);
        size += 1;
        const note = withSignatures(log.note(size), [line.trimEnd()]);
        assert.ok(findCosignature(note, parseCosignerVkey(vkey)) !== undefined);
        answered = size;
      }
    } catch (error) {
      // The kill came between: what was not answered may or may not be remembered.
      if (error instanceof assert.AssertionError) throw error;
    }
    await killed;
    await exited;
  }
  assert.ok(answered > 0);
  assert.ok(existsSync(join(dir, 'witness-key')));
});
