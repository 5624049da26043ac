import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { exportLog, openEmbedded } from '../../ledger/engines/index.js';
import { encodeVkey, generateSeed, publicKey } from '../../ledger/log/index.js';
import { checkPolicy, cosigner, parsePolicy } from '../../ledger/witness/index.js';
import {
  everyType,
  genesis,
  openStore,
  ORIGIN,
  records,
  scratchDir,
  theCast,
} from '../ledger/log/fixture.js';

const hasGo = spawnSync('go', ['version']).status === 0;
const skip = hasGo ? false : 'go is not on PATH';

/** The Go sources are not compiled by tsc: they lie in the repository, which is where tests are run from. */
const sources = resolve(process.cwd(), 'test', 'outside');

const run = promisify(execFile);

async function check(
  program: string,
  log: string,
  vkey: string,
  flags: readonly string[] = [],
): Promise<{ code: number; out: string; err: string }> {
  try {
    const { stdout, stderr } = await run(program, [...flags, log, vkey], { timeout: 60_000 });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
}

async function serve(context: TestContext, dir: () => string): Promise<string> {
  const server: Server = createServer((request, response) => {
    readFile(join(dir(), request.url ?? '')).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return `http://127.0.0.1:${address.port}`;
}

async function build(dir: string): Promise<string> {
  const program = join(dir, 'outside');
  await run('go', ['build', '-o', program, '.'], { cwd: sources, timeout: 300_000 });
  return program;
}

test('Go’s own log code verifies what we publish, and refuses a tampered copy', { skip }, async (context) => {
  const cast = await theCast();
  const dir = await scratchDir(context);
  const program = await build(dir);

  const store = await openStore(dir);
  context.after(() => store.close());
  const seed = generateSeed();
  const engine = await openEmbedded(store, {
    origin: ORIGIN,
    logKeySeed: seed,
    nowMs: () => 1_795_000_000_000,
  });
  const good = join(dir, 'good');
  let served = good;
  const url = await serve(context, () => served);
  const expectGood = async (): Promise<void> => {
    await exportLog(engine, good);
    const { size, root } = engine.head();
    const { code, out, err } = await check(program, url, engine.vkey);
    assert.deepEqual(
      { code, out, err },
      { code: 0, out: `ok ${size} ${root.toString('base64')}\n`, err: '' },
    );
  };
  await expectGood();
  await engine.commit({ submissions: [genesis(cast), everyType(cast)], writes: [] });
  await expectGood();
  // Two levels of tiles, with a partial one in each.
  await engine.commit({ submissions: records(cast, 900), writes: [] });
  await expectGood();

  const stranger = encodeVkey(ORIGIN, publicKey(generateSeed()));
  assert.equal((await check(program, url, stranger)).code, 1);
  const paths = ['checkpoint', 'tile/entries/001', 'tile/0/000', 'tile/1/000.p/3'];
  for (const [i, path] of paths.entries()) {
    served = join(dir, `tampered-${i}`);
    await cp(good, served, { recursive: true });
    const bytes = await readFile(join(served, path));
    const offset = path === 'checkpoint' ? ORIGIN.length + 1 : 40;
    bytes[offset] = (bytes[offset] ?? 0) ^ 1;
    await writeFile(join(served, path), bytes);
    const { code, out } = await check(program, url, engine.vkey);
    assert.deepEqual({ path, code, out }, { path, code: 1, out: '' });
  }
});

test('Go proves from the folder alone that the log only grew', { skip }, async (context) => {
  const cast = await theCast();
  const dir = await scratchDir(context);
  const program = await build(dir);
  const seed = generateSeed();
  const open = async (name: string) => {
    const store = await openStore(join(dir, name));
    context.after(() => store.close());
    return openEmbedded(store, { origin: ORIGIN, logKeySeed: seed, nowMs: () => 1_795_000_000_000 });
  };
  const engine = await open('log');
  const folder = join(dir, 'export');
  const older: string[] = [];
  for (const count of [0, 1, 200, 300, 700]) {
    await engine.commit({ submissions: records(cast, count), writes: [] });
    await exportLog(engine, folder);
    const file = join(dir, `checkpoint-${engine.head().size}`);
    await cp(join(folder, 'checkpoint'), file);
    older.push(file);
    for (const from of older) {
      const { code, err } = await check(program, folder, engine.vkey, ['-from', from]);
      assert.deepEqual({ from, code, err }, { from, code: 0, err: '' });
    }
  }
  // Another history under the same key is no older state of this one, and neither is a longer one.
  const fork = await open('fork');
  await fork.commit({ submissions: records(cast, 200), writes: [] });
  await writeFile(join(dir, 'forked'), fork.checkpoint());
  await fork.commit({ submissions: records(cast, 2000), writes: [] });
  await writeFile(join(dir, 'ahead'), fork.checkpoint());
  for (const from of ['forked', 'ahead']) {
    const { code } = await check(program, folder, engine.vkey, ['-from', join(dir, from)]);
    assert.deepEqual({ from, code }, { from, code: 1 });
  }
});

test('Go judges a cosigned checkpoint by a witness policy as we do', { skip }, async (context) => {
  const cast = await theCast();
  const dir = await scratchDir(context);
  const program = await build(dir);
  const store = await openStore(dir);
  context.after(() => store.close());
  const engine = await openEmbedded(store, {
    origin: ORIGIN,
    logKeySeed: generateSeed(),
    nowMs: () => 1_795_000_000_000,
  });
  await engine.commit({ submissions: records(cast, 20), writes: [] });
  const folder = join(dir, 'export');
  await exportLog(engine, folder);
  const witnesses = ['a', 'b', 'c'].map((name) => cosigner(`witness.example/${name}`, generateSeed()));
  const policyText = [
    `log ${engine.vkey}`,
    ...witnesses.map(({ vkey }, i) => `witness w${i} ${vkey}`),
    'group inner any w1 w2',
    'group outer all w0 inner',
    'quorum outer',
    '',
  ].join('\n');
  const policyFile = join(dir, 'policy');
  await writeFile(policyFile, policyText);
  const parsed = parsePolicy(Buffer.from(policyText, 'utf8'));
  assert.ok(parsed.ok);
  const note = engine.checkpoint().toString('utf8');
  const text = note.slice(0, note.indexOf('\n\n') + 1);
  for (const signers of [[], [0], [1, 2], [0, 1], [0, 2], [0, 1, 2]]) {
    const lines = signers.map((i) => `${witnesses[i]?.cosign(text, 1_795_000_000) ?? ''}\n`);
    const cosigned = Buffer.from(note + lines.join(''), 'utf8');
    await writeFile(join(folder, 'checkpoint'), cosigned);
    const ours = checkPolicy(cosigned, parsed.policy);
    const { code } = await check(program, folder, engine.vkey, ['-policy', policyFile]);
    assert.deepEqual({ signers, code }, { signers, code: ours.ok ? 0 : 1 });
    assert.equal(ours.ok, signers.includes(0) && signers.length > 1);
  }
  // A cosignature of other bytes, under the name and id of a witness.
  const forged = witnesses.map((witness) => `${witness.cosign(`${text}x\n`, 1_795_000_000)}\n`).join('');
  await writeFile(join(folder, 'checkpoint'), note + forged);
  assert.equal((await check(program, folder, engine.vkey, ['-policy', policyFile])).code, 1);
});
