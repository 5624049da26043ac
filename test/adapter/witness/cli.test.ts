import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkPolicy, contradictionOf, parsePolicy } from '../../../ledger/witness/index.js';
import { scratchDir } from '../../ledger/log/fixture.js';
import { SampleLog } from '../../ledger/witness/sample-log.js';

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function firebreak(...args: readonly string[]): Promise<Ran> {
  const program = fileURLToPath(new URL('witness-process.js', import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { timeout: 60_000 }, (error, out, err) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, out, err });
    });
  });
}

/** Publishes a log below `/log`, as an instance does; which one can be changed. */
async function publish(
  context: TestContext,
  log: SampleLog,
): Promise<{ url: string; show: (log: SampleLog) => void }> {
  let shown = log;
  const server = createServer((request, response) => {
    const path = /^\/log\/(.*)$/.exec(request.url ?? '')?.[1];
    void shown
      .reader()
      .read(path ?? '', 1_000_000)
      .then((bytes) => response.writeHead(bytes === undefined ? 404 : 200).end(bytes));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return { url: `http://127.0.0.1:${address.port}`, show: (next) => void (shown = next) };
}

test('--once follows logs, cosigns them, and says so by its exit status', async (context) => {
  const dir = join(await scratchDir(context), 'w');
  const log = new SampleLog().grow(300);
  const { url, show } = await publish(context, log);
  const common = ['--dir', dir, '--once', '--json'];
  const first = await firebreak('witness', url, '--vkey', log.vkey, '--name', 'w.example/1', ...common);
  assert.equal(first.code, 0, first.err);
  const cosigned = JSON.parse(first.out) as { outcome: string; size: number; note: string };
  assert.deepEqual([cosigned.outcome, cosigned.size], ['cosigned', 300]);
  const [, vkey = ''] =
    /^witness (\S+)$/m.exec(
      (await firebreak('witness', url, '--vkey', log.vkey, '--dir', dir, '--once')).err,
    ) ?? [];
  const policy = parsePolicy(Buffer.from(`log ${log.vkey}\nwitness w ${vkey}\nquorum w\n`));
  assert.ok(policy.ok);
  assert.ok(checkPolicy(Buffer.from(cosigned.note, 'utf8'), policy.policy).ok);

  // The log by a policy file, grown and forked.
  const file = join(dir, 'logs.policy');
  writeFileSync(file, `log ${log.vkey} ${url}/log\nquorum none\n`);
  show(log.fork(200, 500));
  const forked = await firebreak('witness', '--policy', file, ...common);
  assert.equal(forked.code, 1, forked.err);
  const refused = JSON.parse(forked.out) as { code: string; evidence: string[] };
  assert.equal(refused.code, 'log-contradicts-itself');

  // What was kept, printed; and judged elsewhere, from the file alone.
  const printed = await firebreak('witness', 'evidence', '--dir', dir);
  assert.equal(printed.code, 0);
  assert.match(printed.out, /other-history: log\.example\/sample contradicted itself/);
  const [path = ''] = refused.evidence;
  const elsewhere = join(await scratchDir(context), 'fork.json');
  writeFileSync(elsewhere, readFileSync(path));
  const judged = await firebreak('witness', 'evidence', elsewhere, '--vkey', log.vkey, '--json');
  assert.equal(judged.code, 0, judged.err);
  const verdict = JSON.parse(judged.out) as { ok: boolean; kind: string; vkeyTrust: string };
  assert.deepEqual([verdict.ok, verdict.kind, verdict.vkeyTrust], [true, 'other-history', 'given']);
  const stranger = new SampleLog('other.example/log', Buffer.alloc(32, 9));
  assert.equal((await firebreak('witness', 'evidence', elsewhere, '--vkey', stranger.vkey)).code, 1);
});

test('evidence that is none exits 1, and wrong usage 2', async (context) => {
  const dir = await scratchDir(context);
  const log = new SampleLog().grow(9);
  const evidence = contradictionOf([log.verifier], log.head(), log.fork(1, 8).head());
  const path = join(dir, 'x.json');
  writeFileSync(path, Buffer.concat([evidence?.bytes ?? Buffer.alloc(0), Buffer.from('\n')]));
  const judged = await firebreak('witness', 'evidence', path);
  assert.equal(judged.code, 1);
  assert.match(judged.out, /NOT evidence: malformed/);
  assert.equal((await firebreak('witness', 'evidence', '--dir', dir)).out, 'no evidence was kept\n');
  for (const args of [
    ['witness'],
    ['witness', 'not-a-key'],
    ['witness', log.vkey, '--port', '99999'],
    ['witness', log.vkey, '--interval', '0'],
    ['witness', 'evidence', join(dir, 'absent.json')],
  ])
    assert.equal(
      (await firebreak(...args, ...(args[1] === 'evidence' ? [] : ['--dir', join(dir, 'w')]))).code,
      2,
      args.join(' '),
    );
  // A log that cannot be reached is neither good nor bad.
  const unreachable = await firebreak('witness', 'http://127.0.0.1:1/log', '--dir', join(dir, 'w'), '--once');
  assert.equal(unreachable.code, 3, unreachable.err);
});
