/** An instance and its witnesses: what is asked, published, kept and told. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseVkey } from '../../../ledger/log/index.js';
import { folderReader, verifyLog } from '../../../ledger/verify/index.js';
import { checkPolicy, parsePolicy } from '../../../ledger/witness/index.js';
import type { WitnessPolicy } from '../../../ledger/witness/index.js';
import { exportPublished } from '../../../adapter/services/export-published.js';
import { serveHttp } from '../../../adapter/services/server.js';
import { serveWitness } from '../../../adapter/services/witness/index.js';
import type { WitnessServer } from '../../../adapter/services/witness/index.js';
import { openTestInstance, servicesOf } from '../../support/instance.js';
import type { TestInstance } from '../../support/instance.js';
import { enrolWallet } from '../../support/wallet.js';
import { run, up } from '../cli/cli.js';
import { begunLog, sizeOf } from './begun-log.js';
import type { BegunLog } from './begun-log.js';
import { silent, testWitness } from './test-witness.js';
import type { TestWitness } from './test-witness.js';

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1000 && !(await condition()); i++) await sleep(10);
  assert.ok(await condition());
}

interface Home extends BegunLog {
  /** Writes a policy and gives its path. */
  readonly policy: (...lines: readonly string[]) => { path: string; policy: WitnessPolicy };
}

/** A data folder with a log that has begun, so that its key is known. */
async function home(context: TestContext): Promise<Home> {
  const begun = await begunLog(context);
  const { dir, vkey } = begun;
  return {
    ...begun,
    policy: (...lines) => {
      const path = join(dir, 'witness.policy');
      const text = `log ${vkey}\n${lines.join('\n')}\n`;
      writeFileSync(path, text);
      const parsed = parsePolicy(Buffer.from(text, 'utf8'));
      assert.ok(parsed.ok, JSON.stringify(parsed));
      return { path, policy: parsed.policy };
    },
  };
}

let patients = 0;

/** Something is logged. */
async function grow({ instance }: TestInstance): Promise<void> {
  const [source] = instance.sources.list();
  await enrolWallet(servicesOf(instance), source?.id ?? '', `p${++patients}`);
}

interface Served extends TestWitness {
  server: WitnessServer;
  /** Ends it, or starts it again on its port. */
  down: () => Promise<void>;
  again: () => Promise<void>;
}

async function serveOne(context: TestContext, vkey: string, name: string, seed: number): Promise<Served> {
  const verifier = parseVkey(vkey);
  const own = testWitness([{ origin: verifier.name, verifiers: [verifier] }], { name, seed });
  const server = await serveWitness(own.witness, { host: '127.0.0.1', port: 0, logger: silent });
  const port = Number(new URL(server.address).port);
  let isUp = true;
  const served: Served = {
    ...own,
    server,
    down: async () => {
      if (isUp) await served.server.close();
      isUp = false;
    },
    again: async () => {
      served.server = await serveWitness(own.witness, { host: '127.0.0.1', port, logger: silent });
      isUp = true;
    },
  };
  context.after(served.down);
  return served;
}

test('a quorum’s cosignatures are published, exported, told, and there after a restart', async (context) => {
  const { dir, data, vkey, policy } = await home(context);
  const witnesses = await Promise.all(
    ['a', 'b', 'c'].map((name, i) => serveOne(context, vkey, `witness.example/${name}`, 120 + i)),
  );
  const [a, b, c] = witnesses;
  const made = policy(
    ...witnesses.map(({ cosigner }, i) => `witness w${i} ${cosigner.vkey}`),
    'group two 2 w0 w1 w2',
    'quorum two',
  );
  const config = {
    witnessPolicy: made.path,
    witnesses: witnesses.map(({ server }, i) => `w${i}=${server.address}`).join(', '),
  };
  await c?.down();
  let opened = await openTestInstance(data, config);
  let http = await serveHttp(opened.instance, () => undefined);
  context.after(async () => {
    await http.close();
    await opened.close();
  });
  const served = async (): Promise<Buffer> =>
    Buffer.from(await (await fetch(`${http.address}/log/checkpoint`)).arrayBuffer());
  const isCosigned = async (): Promise<boolean> => {
    const note = await served();
    return checkPolicy(note, made.policy).ok && sizeOf(note) === opened.instance.engine.head().size;
  };
  // Also of what was there before the policy was.
  await until(isCosigned);
  for (let round = 0; round < 3; round++) {
    await grow(opened);
    await until(isCosigned);
  }
  const { instance } = opened;
  assert.deepEqual(await served(), instance.publishedCheckpoint());
  const report = instance.witnessing.report();
  const { size } = instance.engine.head();
  assert.deepEqual(
    report?.witnesses.map(({ name, outcome, lag }) => [name, outcome, lag]),
    [
      ['w0', 'cosigned', 0],
      ['w1', 'cosigned', 0],
      ['w2', 'unreachable', size],
    ],
  );
  const metrics = await (await fetch(`${http.address}/metrics`)).text();
  assert.match(metrics, new RegExp(`^firebreak_log_published_size ${size}$`, 'm'));
  assert.match(metrics, /^firebreak_witness_up\{witness="w0"\} 1$/m);
  assert.match(metrics, /^firebreak_witness_up\{witness="w2"\} 0$/m);
  assert.match(metrics, new RegExp(`^firebreak_witness_lag\\{witness="w2"\\} ${size}$`, 'm'));
  assert.match(metrics, new RegExp(`^firebreak_witness_cosigned_size\\{witness="w1"\\} ${size}$`, 'm'));

  const out = join(dir, 'public');
  await exportPublished(instance, out);
  const exported = await folderReader(out).read('checkpoint', 100_000);
  assert.ok(exported !== undefined && checkPolicy(exported, made.policy).ok);
  assert.equal((await verifyLog(folderReader(out), { vkeys: [vkey] })).ok, true);

  // All witnesses away, a restart, and more entries: what was cosigned stays what is shown.
  const before = await served();
  await http.close();
  await opened.close();
  await Promise.all([a?.down(), b?.down()]);
  opened = await openTestInstance(data, config);
  http = await serveHttp(opened.instance, () => undefined);
  assert.deepEqual(await served(), before);
  assert.ok(
    opened.instance.witnessing
      .report()
      ?.witnesses.slice(0, 2)
      .every((one) => one.size === size),
  );
  await grow(opened);
  assert.deepEqual(await served(), before);
  assert.ok(sizeOf(opened.instance.engine.checkpoint()) > size);
  // The tiles of the older size are still there for its readers.
  const old = sizeOf(before);
  const partial = await fetch(`${http.address}/log/tile/0/000.p/${old}`);
  assert.deepEqual([partial.status, (await partial.arrayBuffer()).byteLength], [200, old * 32]);
  await Promise.all([b?.again(), c?.again()]);
  await until(isCosigned);
  await http.close();
  await opened.close();

  // Without a policy the newest is shown, and a policy that comes again begins from there.
  opened = await openTestInstance(data);
  assert.deepEqual(opened.instance.publishedCheckpoint(), opened.instance.engine.checkpoint());
  await grow(opened);
  const newest = sizeOf(opened.instance.publishedCheckpoint());
  await opened.close();
  await Promise.all([b?.down(), c?.down()]);
  opened = await openTestInstance(data, config);
  assert.ok(sizeOf(opened.instance.publishedCheckpoint()) >= newest);
  await opened.close();
});

/** A server that does to each connection what a hostile witness may do. */
async function hostile(
  context: TestContext,
  answer: string | undefined,
  flood = false,
): Promise<{ url: string; open: () => number; openMax: () => number; sent: () => number }> {
  let open = 0;
  let openMax = 0;
  let sent = 0;
  const sockets = new Set<{ destroy(): unknown }>();
  const server = createServer((socket) => {
    sockets.add(socket);
    open += 1;
    openMax = Math.max(open, openMax);
    socket.on('error', () => undefined);
    socket.on('close', () => void (open -= 1));
    socket.once('data', () => {
      if (answer === undefined) return;
      socket.write(answer);
      if (!flood) return;
      const chunk = Buffer.alloc(64 * 1024, 0x41);
      const pour = (): void => {
        while (!socket.destroyed && sent < 1e9) {
          sent += chunk.length;
          if (!socket.write(chunk)) return void socket.once('drain', pour);
        }
      };
      pour();
    });
    socket.resume();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, open: () => open, openMax: () => openMax, sent: () => sent };
}

test('commits complete while witnesses hang, flood, lie, redirect or are down, and one good is enough', async (context) => {
  const { data, vkey, policy } = await home(context);
  const trap = await hostile(context, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n';
  const garbage = `\u2014 witness.example/x ${Buffer.alloc(76, 1).toString('base64')}\n`;
  const servers = {
    hangs: await hostile(context, undefined),
    drips: await hostile(context, `${head}Content-Length: 100000\r\n\r\nx`),
    floods: await hostile(context, `${head}\r\n`, true),
    lies: await hostile(context, `${head}Content-Length: ${Buffer.byteLength(garbage)}\r\n\r\n${garbage}`),
    redirects: await hostile(
      context,
      `HTTP/1.1 307 Temporary Redirect\r\nLocation: ${trap.url}/add-checkpoint\r\nContent-Length: 0\r\n\r\n`,
    ),
    conflicts: await hostile(
      context,
      'HTTP/1.1 409 Conflict\r\nContent-Type: text/x.tlog.size\r\nContent-Length: 17\r\n\r\n9007199254740991\n',
    ),
    babbles: await hostile(context, 'no HTTP at all\r\n\r\n'),
  };
  const names = Object.keys(servers);
  const keys = names.map((name, i) => testWitness([], { name: `witness.example/${name}`, seed: 140 + i }));
  const good = await serveOne(context, vkey, 'witness.example/good', 160);
  const gone = await serveOne(context, vkey, 'witness.example/down', 161);
  await gone.down();
  const made = policy(
    ...names.map(
      (name, i) => `witness ${name} ${keys[i]?.cosigner.vkey ?? ''} ${Object.values(servers)[i]?.url ?? ''}`,
    ),
    `witness down ${gone.cosigner.vkey} ${gone.server.address}`,
    `witness good ${good.cosigner.vkey} ${good.server.address}`,
    `group g 1 ${names.join(' ')} down good`,
    'quorum g',
  );
  const opened = await openTestInstance(data, { witnessPolicy: made.path });
  context.after(() => opened.close());
  const { engine, witnessing } = opened.instance;
  const before = engine.head().size;
  for (let i = 0; i < 12; i++) await grow(opened);
  assert.ok(engine.head().size >= before + 12, 'commits went on');
  await until(() => sizeOf(opened.instance.publishedCheckpoint()) === engine.head().size);
  assert.ok(checkPolicy(opened.instance.publishedCheckpoint(), made.policy).ok);
  const code = (name: string): string | undefined =>
    witnessing.report()?.witnesses.find((one) => one.name === name)?.code;
  await until(() =>
    ['floods', 'lies', 'redirects', 'conflicts', 'babbles', 'down'].every((name) => code(name)),
  );
  assert.equal(code('lies'), 'no-good-cosignature');
  assert.equal(code('floods'), 'no-good-cosignature');
  assert.equal(code('conflicts'), 'witness-is-ahead');
  assert.equal(code('down'), 'ECONNREFUSED');
  assert.equal(trap.openMax(), 0, 'a redirect is not followed');
  assert.equal(servers.hangs.openMax(), 1, 'who does not answer is not asked again meanwhile');
  assert.ok(servers.floods.sent() < 64 * 1024 * 1024, `${servers.floods.sent()} bytes were taken`);
  const closing = performance.now();
  await opened.close();
  assert.ok(performance.now() - closing < 8000, 'closing ends what hangs');
});

test('a wrong configuration of witnesses is refused at the start, and named', async (context) => {
  const { dir, data, policy } = await home(context);
  const key = testWitness([], { name: 'witness.example/k', seed: 170 }).cosigner.vkey;
  const other = testWitness([], { name: 'witness.example/l', seed: 171 }).cosigner.vkey;
  const { path } = policy(
    `witness w ${key} http://127.0.0.1:1`,
    `witness v ${other}`,
    'group g all w v',
    'quorum g',
  );
  const broken = join(dir, 'broken.policy');
  writeFileSync(broken, 'group g 2 nobody\nquorum g\n');
  mkdirSync(join(dir, 'folder'));
  const cases: [Record<string, string>, RegExp][] = [
    [{ FIREBREAK_WITNESS_POLICY: path }, /can never be the quorum/],
    [
      { FIREBREAK_WITNESS_POLICY: path, FIREBREAK_WITNESSES: 'x=http://127.0.0.1:2' },
      /a witness of the policy/,
    ],
    [{ FIREBREAK_WITNESS_POLICY: path, FIREBREAK_WITNESSES: 'v=ftp://127.0.0.1' }, /not an http or https/],
    [{ FIREBREAK_WITNESS_POLICY: broken }, /line 1 is refused: bad-threshold/],
    [{ FIREBREAK_WITNESS_POLICY: join(dir, 'absent') }, /cannot be read/],
    [{ FIREBREAK_WITNESS_POLICY: join(dir, 'folder') }, /cannot be read/],
    [{ FIREBREAK_WITNESSES: 'w=http://127.0.0.1:2' }, /witnesses needs witnessPolicy/],
  ];
  for (const [env, said] of cases) {
    const { code, stderr } = await run(['--data', data, 'up', '--port', '0'], dir, env);
    assert.deepEqual([code, said.test(stderr)], [2, true], stderr);
  }
  const [env = {}] = cases[0] ?? [];
  const examined = await run(['--data', data, 'doctor'], dir, env);
  assert.equal(examined.code, 1);
  assert.match(examined.stdout, /^FAIL witnesses {6}.*can never be the quorum/m);
});

test('doctor tells how each witness does', async (context) => {
  const { dir, data, vkey, policy } = await home(context);
  const good = await serveOne(context, vkey, 'witness.example/good', 180);
  const stranger = testWitness([], { name: 'witness.example/stranger', seed: 181 });
  const elsewhere = await serveWitness(stranger.witness, { host: '127.0.0.1', port: 0, logger: silent });
  context.after(() => elsewhere.close());
  const { path } = policy(
    `witness good ${good.cosigner.vkey} ${good.server.address}`,
    `witness stranger ${stranger.cosigner.vkey} ${elsewhere.address}`,
    'group g any good stranger',
    'quorum g',
  );
  const env = { FIREBREAK_WITNESS_POLICY: path };
  const idle = await run(['--data', data, 'doctor'], dir, env);
  assert.equal(idle.code, 0, idle.stdout);
  assert.match(idle.stdout, /^ok {3}witnesses .*quorum g; asked while an instance runs$/m);
  const running = await up(['--data', data], dir, env);
  context.after(() => running.child.kill('SIGKILL'));
  let told = idle;
  await until(async () => {
    told = await run(['--data', data, 'doctor', '--json'], dir, env);
    return told.stdout.includes('status-404') && told.stdout.includes('cosigned');
  });
  const { ok, findings } = JSON.parse(told.stdout) as {
    ok: boolean;
    findings: { check: string; ok: boolean; detail: string }[];
  };
  assert.deepEqual([told.code, ok], [1, false]);
  const of = (check: string): { ok: boolean; detail: string } | undefined =>
    findings.find((finding) => finding.check === check);
  assert.equal(of('witness good')?.ok, true);
  assert.match(of('witness good')?.detail ?? '', /^cosigned, .*; cosigned \d+ entries, 0 behind; http:/);
  assert.equal(of('witness stranger')?.ok, false);
  assert.match(of('witness stranger')?.detail ?? '', /does not know this log/);
  assert.match(of('witnesses')?.detail ?? '', /published \d+ of \d+ entries/);
  await running.stop();
});

test('who needs a cosigned checkpoint of a size waits for it, within bounds', async (context) => {
  const { data, vkey, policy } = await home(context);
  const good = await serveOne(context, vkey, 'witness.example/good', 190);
  const made = policy(`witness w ${good.cosigner.vkey} ${good.server.address}`, 'quorum w');
  const opened = await openTestInstance(data, { witnessPolicy: made.path });
  context.after(() => opened.close());
  const { engine, witnessing } = opened.instance;
  await grow(opened);
  const { size } = engine.head();
  const note = await witnessing.covering(size, 8000);
  assert.ok(checkPolicy(note, made.policy).ok && sizeOf(note) >= size);
  await good.down();
  await grow(opened);
  assert.deepEqual(await witnessing.covering(engine.head().size, 50), engine.checkpoint());
});

const KILLS = 4;

test('an instance killed at any instant shows no less than before', async (context) => {
  const { data, vkey, policy } = await home(context);
  const good = await serveOne(context, vkey, 'witness.example/good', 195);
  const made = policy(`witness w ${good.cosigner.vkey} ${good.server.address}`, 'quorum w');
  const program = fileURLToPath(new URL('growing-process.js', import.meta.url));
  let shown = 0;
  let cosigned = 0;
  for (let round = 0; round < KILLS; round++) {
    const child = spawn(process.execPath, [program, data, made.path, `k${round}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'close');
    let killing: NodeJS.Timeout | undefined;
    for await (const line of createInterface({ input: child.stdout })) {
      const [, size, note] = /^(\d+) (\S+)$/.exec(line) ?? [];
      // The kill may cut the last line.
      if (size === undefined || note === undefined) continue;
      assert.ok(Number(size) >= shown, `round ${round}: ${size} after ${shown}`);
      shown = Number(size);
      if (checkPolicy(Buffer.from(note, 'base64'), made.policy).ok) cosigned += 1;
      // From the first quorum on nothing plain is shown, not even after a kill.
      else assert.equal(cosigned, 0);
      killing ??= setTimeout(() => child.kill('SIGKILL'), 1500 + round * 377);
    }
    await ended;
    clearTimeout(killing);
  }
  assert.ok(cosigned > KILLS, `${cosigned} cosigned ones were shown`);
  const opened = await openTestInstance(data, { witnessPolicy: made.path });
  context.after(() => opened.close());
  assert.ok(sizeOf(opened.instance.publishedCheckpoint()) >= shown);
});
