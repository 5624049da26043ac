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
  url: string,
  vkey: string,
): Promise<{ code: number; out: string; err: string }> {
  try {
    const { stdout, stderr } = await run(program, [url, vkey], { timeout: 60_000 });
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

test('Go’s own log code verifies what we publish, and refuses a tampered copy', { skip }, async (context) => {
  const cast = await theCast();
  const dir = await scratchDir(context);
  const program = join(dir, 'outside');
  await run('go', ['build', '-o', program, '.'], { cwd: sources, timeout: 300_000 });

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
