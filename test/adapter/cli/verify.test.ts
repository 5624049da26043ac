import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { openStore } from '../../../adapter/instance/store.js';
import { entriesPath, generateSeed, partialWidth, tilePath } from '../../../ledger/log/index.js';
import type { Submission } from '../../../ledger/log/index.js';
import { storeReader } from '../../../ledger/verify/index.js';
import type { VerifyReport } from '../../../ledger/verify/index.js';
import {
  draft,
  everyType,
  firstAnchor,
  genesis,
  random32,
  records,
  submit,
  theCast,
} from '../../ledger/log/fixture.js';
import type { Cast } from '../../ledger/log/fixture.js';
import { leavesOf, publish, T0, VKEY } from '../../ledger/verify/published-log.js';
import type { Files } from '../../ledger/verify/published-log.js';
import { removeFolder, temporaryFolder } from '../../support/instance.js';
import { run, up } from './cli.js';
import type { Finished } from './cli.js';

const dir = temporaryFolder();
let cast: Cast;
let submissions: Submission[];
let leaves: Buffer[];
before(async () => {
  cast = await theCast();
  submissions = [genesis(cast), firstAnchor(cast), everyType(cast), ...records(cast, 300)];
  leaves = leavesOf(submissions);
});
after(() => removeFolder(dir));

let folders = 0;
/** A folder with these files, as a web server would host them. */
function folderOf(files: Files): string {
  const folder = join(dir, `log-${folders++}`);
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  }
  return folder;
}

/** A file that holds these bytes. */
function fileOf(bytes: Buffer): string {
  const file = join(dir, `file-${folders++}`);
  writeFileSync(file, bytes);
  return file;
}

const verify = (...args: string[]): Promise<Finished> => run(['verify', ...args], dir);

/** Lines of checks that failed. */
function failures({ stdout }: Finished): string[] {
  return stdout.split('\n').filter((line) => line.startsWith('FAIL'));
}

test('a good log: a line a check, exit 0; as JSON the same', async () => {
  const folder = folderOf(publish(leaves));
  const [text, json] = await Promise.all([
    verify(folder, '--vkey', VKEY),
    verify(folder, '--vkey', VKEY, '--json'),
  ]);
  assert.deepEqual([text.code, json.code, json.stderr], [0, 0, '']);
  const report = JSON.parse(json.stdout) as VerifyReport;
  for (const { name, checked } of report.checks) {
    assert.match(text.stdout, new RegExp(`^ok   ${name} +${checked}$`, 'm'));
  }
  assert.deepEqual([report.ok, report.size, report.vkeyTrust], [true, leaves.length, 'given']);
  assert.match(text.stdout, /\nverified\n$/);
});

/** Changes one bit of a byte. */
function flip(at: number): (bytes: Buffer) => Buffer {
  return (bytes) => {
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes;
  };
}

function replace(from: string, to: string): (bytes: Buffer) => Buffer {
  return (bytes) => Buffer.from(bytes.toString().replace(from, to));
}

function more(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.of(0)]);
}

/** A log in which one thing is wrong, and the line that says so. */
function broken(): [string, Files, RegExp][] {
  const good = publish(leaves);
  const set = (path: string, change: (bytes: Buffer) => Buffer | undefined): Files => {
    const files = new Map(good);
    const changed = change(Buffer.from(good.get(path) ?? ''));
    if (changed === undefined) files.delete(path);
    else files.set(path, changed);
    return files;
  };
  const size = leaves.length;
  const last = partialWidth(size, 0);
  const [bundle, leafTile, upper] = [entriesPath(0), tilePath(0, 0), tilePath(1, 0, 1)];
  const by = cast.instance.actor;
  const grown = (...extra: Submission[]): Files => publish([...leaves, ...leavesOf(extra)]);
  const anchor = { size: 0, keys: 1, root: random32() };
  const twice = records(cast, 1);
  const tagged = submit(cast.hospital, [
    draft(cast.hospital.actor, 'disclosure', { handle: random32(), commitment: random32() }, [random32()]),
  ]);
  return [
    [
      'a checkpoint of another key',
      publish(leaves, undefined, generateSeed()),
      /checkpoint .*\[no-known-signature\]/,
    ],
    [
      'a checkpoint with CRLF',
      set('checkpoint', (bytes) => Buffer.from(bytes.toString().replaceAll('\n', '\r\n'))),
      /checkpoint .*\[control-character\]/,
    ],
    [
      'a checkpoint cut short',
      set('checkpoint', (bytes) => bytes.subarray(0, -1)),
      /checkpoint .*\[malformed\]/,
    ],
    [
      'a checkpoint with another size',
      set('checkpoint', replace(`\n${size}\n`, `\n${size - 1}\n`)),
      /checkpoint .*\[bad-signature\]/,
    ],
    [
      'a changed entry',
      set(bundle, flip(2 + (leaves[0]?.length ?? 0) + 20)),
      /leaf-hashes +leaf 1, in tile\/entries\/000, entry and leaf hash differ \(expected \S{44}, found \S{44}\)/,
    ],
    [
      'a bundle that is missing',
      set(bundle, () => undefined),
      /leaf-hashes +leaf 0, in tile\/entries\/000, the bundle is missing \(expected 256 entries, found 0\)/,
    ],
    [
      'a bundle with more behind it',
      set(bundle, more),
      /leaf-hashes +leaf 255, .*bytes behind the bundle’s last entry \(expected 0, found 1\)/,
    ],
    [
      'a leaf tile cut short',
      set(leafTile, (bytes) => bytes.subarray(0, 100)),
      /leaf-hashes +leaf 3, in tile\/0\/000, the tile is missing or short/,
    ],
    [
      'a leaf tile with more behind it',
      set(tilePath(0, 1, last), more),
      /leaf-hashes +in tile\/0\/001\.p\/\d+, bytes behind the tile’s last hash \(expected \d+, found \d+\)/,
    ],
    [
      'an upper tile changed',
      set(upper, flip(3)),
      /tiles +in tile\/1\/000\.p\/1, the tile’s hash 0 .*\(expected \S{44}, found \S{44}\)/,
    ],
    [
      'an upper tile of another length',
      set(upper, more),
      /tiles +in tile\/1\/000\.p\/1, the tile has another length \(expected 32, found 33\)/,
    ],
    [
      'an upper tile that is missing',
      set(upper, () => undefined),
      /tiles +in tile\/1\/000\.p\/1, the tile is missing/,
    ],
    [
      'an entry that is not canonical',
      publish(leaves.with(6, replace('{"actor"', '{ "actor"')(leaves[6] ?? Buffer.alloc(0)))),
      /form +leaf 6, /,
    ],
    [
      'a time that goes back',
      publish(
        leaves.with(leaves.length - 1, replace(`"at":${T0}`, '"at":7')(leaves.at(-1) ?? Buffer.alloc(0))),
      ),
      /order +leaf \d+, time goes back \(expected at least \d+, found 7\)/,
    ],
    [
      'a submission that ends early',
      publish(leaves.slice(0, -1)),
      /submissions +leaf \d+, the log ends within a submission/,
    ],
    [
      'a submission with another root',
      publish(leaves.with(leaves.length - 1, leaves.at(-2) ?? Buffer.alloc(0))),
      /submissions +leaf \d+, the root is not that of the drafts \(expected \S{43}, found \S{43}\)/,
    ],
    [
      'what was never signed, withdrawn',
      grown(
        submit(cast.instance, [
          draft(by, 'consent.withdrawn', { handle: random32(), commitment: random32() }),
        ]),
      ),
      /sequence +leaf \d+, it withdraws no consent in force/,
    ],
    ['a tag of no instance', grown(tagged), /tags +leaf \d+, tags of an actor that is no instance/],
    ['an entry logged twice', grown(...twice, ...twice), /tags +leaf \d+, a tag that occurred before/],
    [
      'a wrong anchor',
      grown(submit(cast.instance, [draft(by, 'state.anchored', anchor)])),
      /state +leaf \d+, .* \(expected 1, found 0\)/,
    ],
  ];
}

test('each kind of failure: exit 1, its check, leaf, rule and values', async () => {
  const cases = broken();
  for (let i = 0; i < cases.length; i += 2) {
    await Promise.all(
      cases.slice(i, i + 2).map(async ([what, files, line]) => {
        const finished = await verify(folderOf(files), '--vkey', VKEY);
        assert.equal(finished.code, 1, what);
        assert.match(failures(finished).join('\n'), line, what);
        assert.match(finished.stdout, /\nNOT verified\n$/);
      }),
    );
  }
});

test('since a checkpoint: what is new, what is not judged; a rollback and a fork exit 1', async () => {
  const earlier = publish(leaves.slice(0, 4));
  const since = fileOf(earlier.get('checkpoint') ?? Buffer.alloc(0));
  const folder = folderOf(publish(leaves));
  const good = await verify(folder, '--vkey', VKEY, '--since', since);
  assert.equal(good.code, 0, good.stdout);
  assert.match(good.stdout, /^ok {3}consistency +1$/m);
  assert.match(good.stdout, /^-- {3}sequence +0 \(not judged: needs the entries before/m);
  assert.match(good.stdout, /^since {2}4$/m);
  assert.match(good.stdout, /\nverified, save what was not judged\n$/);
  const checkpoint = join(folder, 'checkpoint');
  const rollback = await verify(folderOf(earlier), '--vkey', VKEY, '--since', checkpoint);
  assert.equal(rollback.code, 1);
  assert.match(rollback.stdout, /^FAIL consistency .*\(expected at least \d+, found 4\) \[rollback\]$/m);
  const other = folderOf(publish([...leaves.slice(0, 3), Buffer.from('x'), ...leaves.slice(4)]));
  const fork = await verify(other, '--vkey', VKEY, '--since', since, '--json');
  const report = JSON.parse(fork.stdout) as VerifyReport;
  assert.deepEqual([fork.code, report.ok], [1, false]);
  assert.equal(report.checks.find(({ name }) => name === 'consistency')?.failure?.code, 'fork');
});

test('a state file: written whole and private, gone on from, kept by a failed run; a damaged one exits 3', async () => {
  const state = join(dir, 'log.state');
  const folder = folderOf(publish(leaves));
  assert.equal((await verify(folder, '--vkey', VKEY, '--state', state)).code, 0);
  assert.equal(statSync(state).mode & 0o777, 0o600);
  const first = readFileSync(state);
  const grown = folderOf(publish([...leaves, ...leavesOf(records(cast, 5))]));
  const again = await verify(grown, '--vkey', VKEY, '--state', state);
  assert.match(again.stdout, new RegExp(`^since {2}${leaves.length}$`, 'm'));
  assert.match(again.stdout, /\nverified\n$/);
  const second = readFileSync(state);
  assert.ok(!second.equals(first));
  assert.equal((await verify(folder, '--vkey', VKEY, '--state', state)).code, 1, 'the log is shorter now');
  assert.ok(readFileSync(state).equals(second));
  writeFileSync(state, second.subarray(0, -1));
  const damaged = await verify(grown, '--vkey', VKEY, '--state', state);
  assert.equal(damaged.code, 3);
  assert.match(damaged.stderr, /damaged; remove it to verify the whole log\n {2}\(LEDGER_CORRUPT\)/);
});

test('wrong usage exits 2, and what cannot be read exits 3', async () => {
  const folder = folderOf(publish(leaves.slice(0, 4)));
  const since = join(folder, 'checkpoint');
  const usage: [string[], RegExp][] = [
    [[folder, '--since', since, '--state', 'x'], /--state knows since when/],
    [[folder, '--since', join(dir, 'nowhere')], /--since .* cannot be read/],
    [[folder, '--state', dir], /--state .* cannot be read/],
    [[folder, '--cache', 'x'], /--cache is for a log that is read from an address/],
    [[join(dir, 'nowhere')], /neither a data folder, nor an exported log, nor an address/],
  ];
  for (const [args, says] of usage) {
    const { code, stderr } = await verify(...args);
    assert.deepEqual([args, code], [args, 2]);
    assert.match(stderr, says);
  }
  const [, name, key] = /^([^+]+)\+[0-9a-f]{8}\+(.*)$/.exec(VKEY) ?? [];
  const failing: [string[], RegExp][] = [
    [[folder, '--vkey', 'nonsense'], /LEDGER_BAD_KEY/],
    [
      [folder, '--vkey', `${name}+00000000+${key}`],
      /a key id that is not its key’s\n {2}\(LEDGER_BAD_KEY_ID\)/,
    ],
    [
      [folder, '--vkey', `${name}+00000000+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA`],
      /\(LEDGER_UNSAFE_KEY\)/,
    ],
    [
      [folder, '--vkey', VKEY, '--state', join(dir, 'no-folder', 'x')],
      /the state cannot be written[\s\S]*LEDGER_WRITE_FAILED/,
    ],
  ];
  for (const [args, says] of failing) {
    const { code, stderr } = await verify(...args);
    assert.deepEqual([args, code], [args, 3]);
    assert.match(stderr, says);
  }
});

test('an address: progress to stderr, a cache, and an end of the server is exit 3', async () => {
  const files = publish(leaves);
  let asked: string[] = [];
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace('/log/', '');
    asked.push(path);
    const bytes = files.get(path);
    response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cache = join(dir, 'cache');
  assert.equal((await verify(address, '--vkey', VKEY, '--cache', cache)).code, 0);
  assert.ok(asked.includes(entriesPath(0)));
  asked = [];
  assert.equal((await verify(`${address}/log/`, '--vkey', VKEY, '--cache', cache)).code, 0);
  assert.ok(!asked.includes(entriesPath(0)) && asked.includes('checkpoint'));
  files.set('checkpoint', Buffer.from('x'));
  assert.match((await verify(address, '--cache', cache)).stderr, /without --cache all is fetched anew/);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  const gone = await verify(address);
  assert.equal(gone.code, 3);
  assert.match(gone.stderr, /LEDGER_UNREADABLE/);
});

test('a data folder is compared with its vault, while it runs and after', async () => {
  const data = join(dir, 'data');
  const once = await run(['--data', data, 'up', '--demo', '--once', '--patients', '2', '--json'], dir);
  assert.equal(once.code, 0, once.stderr);
  const good = JSON.parse((await verify(data, '--json')).stdout) as VerifyReport;
  const openings = good.checks.find(({ name }) => name === 'openings');
  assert.ok(good.ok && (openings?.checked ?? 0) > 10, JSON.stringify(good.checks));
  const note = fileOf((await storedCheckpoint(data)) ?? Buffer.alloc(0));
  const part = await verify(data, '--since', note);
  assert.equal(part.code, 0, part.stdout);
  assert.match(part.stdout, /^-- {3}openings +0 \(not judged: /m);
  const running = await up(['--data', data, '--demo', '--patients', '2'], dir);
  try {
    const live = JSON.parse((await verify(data, '--json')).stdout) as VerifyReport;
    assert.ok(
      (live.checks.find(({ name }) => name === 'openings')?.checked ?? 0) > 10,
      JSON.stringify(live.checks),
    );
    assert.ok(live.ok);
  } finally {
    await running.stop();
  }
  const store = await openStore(data);
  const [row] = await store.iterator({ gte: 'vault/', lt: 'vault/~', limit: 1 }).all();
  assert.ok(row !== undefined);
  await store.del(row[0]);
  await store.close();
  const missing = await verify(data);
  assert.equal(missing.code, 1);
  assert.match(
    missing.stdout,
    /^FAIL openings .*leaf \d+, the record is not in the vault.*\[opening-missing\]$/m,
  );
});

async function storedCheckpoint(data: string): Promise<Buffer | undefined> {
  const store = await openStore(data);
  try {
    return await storeReader(store).read('checkpoint', 65_536);
  } finally {
    await store.close();
  }
}
