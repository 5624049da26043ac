/** Witnesses in processes of their own, from an instance's commits to what a stranger checks. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkPolicy, parsePolicy } from '../../../ledger/witness/index.js';
import { prove } from '../../../adapter/services/proofs/index.js';
import { serveHttp } from '../../../adapter/services/server.js';
import { openTestInstance, removeFolder, servicesOf, temporaryFolder } from '../../support/instance.js';
import type { TestInstance } from '../../support/instance.js';
import { enrolWallet } from '../../support/wallet.js';
import { begunLog, sizeOf } from './begun-log.js';
import { publishFiles } from './audited-log.js';
import { runFirebreak, runMain, startWitness } from './run-firebreak.js';
import type { RunningWitness } from './run-firebreak.js';

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1500 && !condition(); i++) await sleep(10);
  assert.ok(condition());
}

let patients = 0;

async function grow({ instance }: TestInstance, times = 1): Promise<void> {
  const [source] = instance.sources.list();
  for (let i = 0; i < times; i++) await enrolWallet(servicesOf(instance), source?.id ?? '', `q${++patients}`);
}

const script = join(
  process.env['FIREBREAK_SHARED'] ?? resolve(process.cwd(), '..', 'shared'),
  'tools',
  'witness',
  'run.sh',
);
/** The first start builds it. */
const BUILD_MS_MAX = 300_000;

/** The witness of others, where it can be had. */
function startLitewitness(
  context: TestContext,
  vkey: string,
): { readonly vkey: string; readonly address: string } | undefined {
  if (!existsSync(script) || spawnSync('go', ['version']).status !== 0) {
    context.diagnostic('without the witness of others: go or the shared tools are absent');
    return undefined;
  }
  const bash = (...args: readonly string[]): string => {
    const { status, stdout } = spawnSync('bash', [script, ...args], {
      encoding: 'utf8',
      timeout: BUILD_MS_MAX,
    });
    return status === 0 ? stdout : '';
  };
  const started = bash('start', '0', vkey);
  const said = (name: string): string =>
    new RegExp(`^${name}=(.*)$`, 'm').exec(started)?.[1]?.replaceAll('\\', '') ?? '';
  if (said('VKEY') === '') {
    context.diagnostic('without the witness of others: it could not be started');
    return undefined;
  }
  context.after(() => void bash('stop', said('PID')));
  return { vkey: said('VKEY'), address: said('BASE') };
}

test('two of three witnesses, one of them gone, an auditor, and one of others: published, proved, checked', async (context) => {
  const { dir, data, vkey } = await begunLog(context, grow);
  const running: RunningWitness[] = [];
  context.after(async () => {
    await Promise.all(running.map((one) => one.stop()));
  });
  for (const name of ['w1', 'w2', 'w3'])
    running.push(await startWitness(vkey, '--dir', join(dir, name), '--name', `witness.example/${name}`));
  await running[2]?.stop();

  const opened = await openTestInstance(data);
  let http = await serveHttp(opened.instance, () => undefined);
  const port = Number(new URL(http.address).port);
  const auditor = await startWitness(
    `${http.address}/log`,
    '--replay',
    '--vkey',
    vkey,
    '--interval',
    '1',
    '--dir',
    join(dir, 'auditor'),
  );
  running.push(auditor);
  await http.close();
  await opened.close();

  const lite = startLitewitness(context, vkey);
  const path = join(dir, 'witness.policy');
  const lines = [
    `log ${vkey}`,
    ...running.slice(0, 3).map((one, i) => `witness w${i + 1} ${one.vkey} ${one.address}`),
    `witness auditor ${auditor.vkey} ${auditor.address}`,
    ...(lite === undefined ? [] : [`witness lite ${lite.vkey} ${lite.address}`]),
    'group hospitals 2 w1 w2 w3',
    `group everyone all hospitals auditor${lite === undefined ? '' : ' lite'}`,
    'quorum everyone',
  ];
  writeFileSync(path, `${lines.join('\n')}\n`);
  const policy = parsePolicy(Buffer.from(`${lines.join('\n')}\n`, 'utf8'));
  assert.ok(policy.ok);

  const again = await openTestInstance(data, { witnessPolicy: path, port });
  context.after(() => again.close());
  http = await serveHttp(again.instance, () => undefined);
  context.after(() => http.close());
  await grow(again, 3);
  await again.instance.anchorState();
  const { instance } = again;
  const isPublished = (): boolean =>
    checkPolicy(instance.publishedCheckpoint(), policy.policy).ok &&
    sizeOf(instance.publishedCheckpoint()) === instance.engine.head().size;
  await until(isPublished);
  const verdict = checkPolicy(instance.publishedCheckpoint(), policy.policy);
  assert.ok(verdict.ok);
  const names = verdict.witnessed.map(({ witness }) => witness.name);
  assert.deepEqual(names, ['w1', 'w2', 'auditor', ...(lite === undefined ? [] : ['lite'])]);

  // A proof file rests on the cosigned checkpoint, and a stranger judges it by the policy alone.
  const proved = await prove(instance, {
    what: 'participant',
    handle: instance.organisation.participant,
  });
  assert.ok(proved.proved, JSON.stringify(proved));
  const file = join(dir, 'participant.proof.json');
  writeFileSync(file, proved.file);
  const root = join(dir, 'root.der');
  writeFileSync(root, instance.authority.root);
  const checked = await runMain('check', file, '--policy', path, '--ca', root);
  assert.equal(checked.code, 0, checked.out + checked.err);
  // A stricter policy, which wants the one that is gone, is not met.
  const strict = join(dir, 'strict.policy');
  writeFileSync(strict, `${lines.join('\n').replace('hospitals 2', 'hospitals all')}\n`);
  const refused = await runMain('check', file, '--policy', strict, '--ca', root);
  assert.equal(refused.code, 1, refused.out);
});

test('a forking operator is caught by a witness, and the evidence convinces who has the log’s key alone', async (context) => {
  const { dir, data, vkey } = await begunLog(context, grow);
  const copy = join(dir, 'copy');
  cpSync(data, copy, { recursive: true });
  const [honest, forked] = [await openTestInstance(data), await openTestInstance(copy)];
  context.after(async () => {
    await honest.close();
    await forked.close();
  });
  // Two histories behind one key, and one address that shows now the one and now the other.
  await grow(honest, 2);
  await grow(forked, 3);
  let shown = honest;
  const url = await publishFiles(context, (path) => shown.instance.engine.read(path));
  const witnessDir = join(dir, 'witness');
  const once = ['--dir', witnessDir, '--vkey', vkey, '--once', '--json'];
  const first = await runFirebreak('witness', `${url}/log`, ...once);
  assert.equal(first.code, 0, first.err);
  const seen = (JSON.parse(first.out) as { size: number }).size;
  shown = forked;
  const caught = await runFirebreak('witness', `${url}/log`, ...once);
  assert.equal(caught.code, 1, caught.err);
  const { code, evidence } = JSON.parse(caught.out) as { code: string; evidence: string[] };
  assert.equal(code, 'log-contradicts-itself');

  const printed = await runFirebreak('witness', 'evidence', '--dir', witnessDir);
  assert.equal(printed.code, 0, printed.err);
  assert.match(printed.out, /^ {2}(?:other-history|two-roots): \S+ contradicted itself$/m);
  assert.match(printed.out, new RegExp(`^  signed size ${seen} with root `, 'm'));
  // Elsewhere: the file, and the log's key.
  const file = join(temporaryCopy(context), 'evidence.json');
  cpSync(evidence[0] ?? '', file);
  const convinced = await runMain('check', file, '--vkey', vkey);
  assert.equal(convinced.code, 0, convinced.out + convinced.err);
  const stranger = 'stranger.example/log+de2dc956+AQSaD08ZKRCE71j++DKxbbNCVMZM3YWudzsaQM2LbU+F';
  assert.notEqual((await runMain('check', file, '--vkey', stranger)).code, 0);

  // The operator who asks the witness for the other history hears of it too.
  const running = await startWitness(vkey, '--dir', witnessDir);
  context.after(() => running.stop());
  const path = join(dir, 'fork.policy');
  writeFileSync(path, `log ${vkey}\nwitness w ${running.vkey} ${running.address}\nquorum w\n`);
  await forked.close();
  const asking = await openTestInstance(copy, { witnessPolicy: path });
  context.after(() => asking.close());
  const { witnessing } = asking.instance;
  await until(() => witnessing.report()?.witnesses[0]?.outcome === 'refused');
  assert.match(witnessing.report()?.witnesses[0]?.code ?? '', /^(?:status-422|witness-saw-another-root)$/);
  assert.equal(checkPolicy(asking.instance.publishedCheckpoint(), policyOf(path, vkey, running)).ok, false);
});

function policyOf(path: string, vkey: string, running: RunningWitness): Parameters<typeof checkPolicy>[1] {
  const parsed = parsePolicy(Buffer.from(`log ${vkey}\nwitness w ${running.vkey}\nquorum w\n`));
  assert.ok(parsed.ok, path);
  return parsed.policy;
}

function temporaryCopy(context: TestContext): string {
  const dir = temporaryFolder();
  context.after(() => removeFolder(dir));
  return dir;
}
