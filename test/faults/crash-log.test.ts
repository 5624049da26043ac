import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Anchoring } from '../../adapter/instance/anchoring.js';
import { seedSigner } from '../../adapter/instance/signers.js';
import { stderrLogger } from '../../adapter/logger.js';
import { Appender, tagCount } from '../../ledger/custody/index.js';
import { openEmbedded, readEntry } from '../../ledger/engines/index.js';
import { generateSeed } from '../../ledger/log/index.js';
import type { Entry } from '../../ledger/log/index.js';
import { openStateMap } from '../../ledger/state/index.js';
import { tag } from '../../ledger/vault/index.js';
import { storeReader, verifyLog } from '../../ledger/verify/index.js';
import { genesis, openStore, ORIGIN, scratchDir, theCast } from '../ledger/log/fixture.js';
import { KEYS_FILE, probeKey } from './log-writer-files.js';
import type { Acknowledged, WriterKeys } from './log-writer-files.js';

const KILLS = process.env['FIREBREAK_TEST_LONG'] === '1' ? 200 : 20;
/** A log is given up for a new one after so many kills, so that reading all of it stays quick. */
const KILLS_A_LOG = 10;
/** From the writer's first word on, ms. */
const WRITING_MS_MAX = 250;
const WRITER = fileURLToPath(new URL('log-writer.js', import.meta.url));

interface Log {
  readonly dir: string;
  readonly keys: WriterKeys;
  /** Of all its writers. */
  readonly acknowledged: Acknowledged[];
}

async function begin(dir: string): Promise<Log> {
  const cast = await theCast();
  mkdirSync(dir);
  const keys: WriterKeys = {
    logSeed: generateSeed().toString('base64url'),
    actor: cast.instance.actor,
    instanceSeed: cast.instance.seed.toString('base64url'),
    tagKeys: Array.from({ length: 5 }, () => randomBytes(32).toString('base64url')),
  };
  writeFileSync(join(dir, KEYS_FILE), JSON.stringify(keys));
  const store = await openStore(dir);
  const logKeySeed = Buffer.from(keys.logSeed, 'base64url');
  const engine = await openEmbedded(store, { origin: ORIGIN, logKeySeed, nowMs: Date.now });
  await engine.commit({ submissions: [genesis(cast)], writes: [] });
  await engine.close();
  await store.close();
  return { dir, keys, acknowledged: [] };
}

/** Runs a writer and kills it at a random instant, sometimes while it still opens the log. */
async function writeAndKill(log: Log): Promise<void> {
  const child = spawn(process.execPath, [WRITER, log.dir], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  const spoke = new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString('utf8');
      resolve();
    });
  });
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString('utf8')));
  const ended = new Promise<NodeJS.Signals | null>((resolve) => {
    child.once('close', (_code, signal) => resolve(signal));
  });
  if (randomInt(8) === 0) await sleep(randomInt(400));
  else {
    await Promise.race([spoke, ended]);
    await sleep(randomInt(WRITING_MS_MAX));
  }
  child.kill('SIGKILL');
  assert.equal(await ended, 'SIGKILL', err);
  // A line that was cut off was acknowledged to nobody.
  const whole = out.slice(0, out.lastIndexOf('\n') + 1);
  for (const line of whole.split('\n').filter((text) => text !== ''))
    log.acknowledged.push(JSON.parse(line) as Acknowledged);
}

/** All that must hold after a kill. @returns The log's size. */
async function inspect({ dir, keys, acknowledged }: Log): Promise<number> {
  const store = await openStore(dir);
  try {
    const state = await openStateMap(store, { anchorsMax: 3 });
    const logKeySeed = Buffer.from(keys.logSeed, 'base64url');
    const engine = await openEmbedded(store, { origin: ORIGIN, logKeySeed, nowMs: Date.now, state });
    const { size } = engine.head();
    const leaves = new Map<string, number>();
    const tags = new Set<string>();
    for (let leaf = 0; leaf < size; leaf++) {
      const bytes = readEntry(store, leaf);
      assert.ok(bytes !== undefined, `leaf ${leaf} is there`);
      const entry = JSON.parse(bytes.toString('utf8')) as Entry;
      for (const each of entry.tags) tags.add(each);
      if (entry.type !== 'consent.signed') continue;
      const handle = entry.body['handle'];
      assert.ok(typeof handle === 'string');
      assert.equal(leaves.get(handle), undefined, 'no entry is doubled');
      leaves.set(handle, leaf);
    }
    for (const { leaves: said, signed } of acknowledged) {
      const found = signed.map((handle) => leaves.get(handle));
      assert.deepEqual(found, said, 'what was acknowledged is where it was said to be');
    }
    // Rows and entries went down together, acknowledged or not.
    const rows = await store.keys({ gte: 'probe/', lt: 'probe/~' }).all();
    assert.deepEqual(new Set(rows), new Set([...leaves.keys()].map(probeKey)));
    let counted = 0;
    for (const [i, text] of keys.tagKeys.entries()) {
      const count = tagCount({ get: (key) => store.getSync(key) }, `subject-${i}`);
      counted += count;
      for (let n = 0; n < count; n++) assert.ok(tags.has(tag(Buffer.from(text, 'base64url'), n)));
    }
    assert.equal(counted, tags.size);

    // The map that grew through the kills is the map that the entries alone give.
    const instance = seedSigner(keys.actor, Buffer.from(keys.instanceSeed, 'base64url'));
    const appender = new Appender({ store, engine, origin: ORIGIN, instance });
    const logger = stderrLogger('error');
    const anchoring = new Anchoring({ store, engine, appender, state, periodMs: 1_000_000, logger });
    const anchor = await anchoring.anchor();
    const report = await verifyLog(storeReader(store));
    assert.deepEqual(
      report.checks.filter(({ ok }) => !ok),
      [],
    );
    assert.equal(report.size, anchor.size + 2);
    await anchoring.close();
    await appender.close();
    await engine.close();
    return size;
  } finally {
    await store.close();
  }
}

test(`a writer killed ${KILLS} times: nothing acknowledged is lost, nothing doubled`, async (context: TestContext) => {
  const scratch = await scratchDir(context);
  let kills = 0;
  let acknowledged = 0;
  let entries = 0;
  while (kills < KILLS) {
    const log = await begin(join(scratch, String(kills)));
    for (let i = 0; i < KILLS_A_LOG && kills < KILLS; i++, kills++) {
      await writeAndKill(log);
      const size = await inspect(log);
      if (i === KILLS_A_LOG - 1) entries += size;
    }
    acknowledged += log.acknowledged.reduce((count, { signed }) => count + signed.length, 0);
  }
  context.diagnostic(`${kills} kills, ${entries} entries, ${acknowledged} consents acknowledged`);
  assert.ok(acknowledged > KILLS * 50, 'the writers were at work when they were killed');
});
