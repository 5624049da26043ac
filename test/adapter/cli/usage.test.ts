import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { removeFolder, temporaryFolder } from '../../support/instance.js';
import { run, start } from './cli.js';

const dir = temporaryFolder();
after(() => removeFolder(dir));

const COMMANDS = [
  [],
  ['up'],
  ['import'],
  ['source'],
  ['source', 'add'],
  ['source', 'list'],
  ['source', 'sync'],
  ['verify'],
  ['log'],
  ['log', 'export'],
  ['analyze'],
  ['dead-letters'],
  ['dead-letters', 'list'],
  ['dead-letters', 'show'],
  ['dead-letters', 'replay'],
  ['dead-letters', 'discard'],
  ['doctor'],
];

test('the help of every command has an example, and names its flags', async () => {
  for (let i = 0; i < COMMANDS.length; i += 3) {
    await Promise.all(
      COMMANDS.slice(i, i + 3).map(async (command) => {
        const { code, stdout, stderr } = await run([...command, '--help'], dir);
        assert.deepEqual([code, stderr], [0, ''], command.join(' '));
        assert.match(stdout, /\nExamples?:\n {2}firebreak /, command.join(' '));
        assert.match(stdout, /--data <dir>/);
      }),
    );
  }
});

test('a reader who has enough ends nothing: no trace on stderr, exit 0', async () => {
  const child = start(['--help'], dir);
  // Closed before the command has begun to write.
  child.stdout?.destroy();
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
  const [code] = (await once(child, 'close')) as [number | null];
  assert.deepEqual([code, stderr], [0, '']);
});

test('an unknown command or flag: the nearest right one, and exit 2', async () => {
  const cases: [string[], RegExp][] = [
    [['improt'], /unknown command 'improt'[\s\S]*Did you mean import\?/],
    [['verfy', 'x'], /Did you mean verify\?/],
    [['source', 'ad'], /Did you mean add\?/],
    [['dead-letters', 'lst'], /Did you mean list\?/],
    [['up', '--onec'], /unknown option '--onec'[\s\S]*Did you mean --once\?/],
    [['--dta', 'x', 'up'], /Did you mean --data\?/],
    [['import'], /missing required argument 'path'/],
    [['source', 'add', 'http://localhost/'], /required option '--id <id>'/],
    [['verify', 'a', 'b'], /too many arguments/],
    [['up', '--patients', 'many'], /--patients takes a whole number/],
    [['verify', join(dir, 'nothing-here')], /neither a data folder, nor an exported log, nor an address/],
    [[], /Usage: firebreak/],
  ];
  for (let i = 0; i < cases.length; i += 3) {
    await Promise.all(
      cases.slice(i, i + 3).map(async ([args, says]) => {
        const { code, stdout, stderr } = await run(args, dir);
        assert.deepEqual([args, code, stdout], [args, 2, '']);
        assert.match(stderr, says);
      }),
    );
  }
});

test('a wrong configuration names the value and what it takes, and exits 2', async () => {
  const folder = join(dir, 'config');
  mkdirSync(folder);
  const file = join(folder, 'firebreak.yaml');
  const wrong: [string, RegExp][] = [
    ['port: many', /firebreak\.yaml: port must be a whole number from 0 to 65535/],
    ['prot: 80', /unknown name prot; known: .*port/],
    ['[1, 2]', /must hold a mapping/],
    ['"a: [', /is not YAML/],
    ['logLevel: loud', /logLevel must be one of debug, info, warn, error/],
    ['host: 0.0.0.0', /set logAudience/],
    ['redisUrl: here', /redisUrl must be an address such as redis:/],
    ['port: true', /port must be a text or a number/],
  ];
  for (const [text, says] of wrong) {
    writeFileSync(file, text);
    const { code, stderr } = await run(['doctor'], folder);
    assert.deepEqual([text, code], [text, 2]);
    assert.match(stderr, says);
  }
  writeFileSync(file, 'port: 8000\npartitions: 2\n');
  const env = { FIREBREAK_PARTITIONS: '3', FIREBREAK_PORT: '' };
  const { stdout } = await run(['doctor', '--json', '--data', 'here'], folder, env);
  const { config, origins } = JSON.parse(stdout) as Record<'config' | 'origins', Record<string, unknown>>;
  assert.deepEqual(
    [config['port'], config['partitions'], config['dataDir']],
    [8000, 3, join(folder, 'here')],
  );
  assert.deepEqual(
    [origins['port'], origins['partitions'], origins['dataDir']],
    ['file', 'environment', 'flag'],
  );
  assert.equal((await run(['doctor'], folder, { FIREBREAK_PORT: '70000' })).code, 2);
});

test('no redis-server: said by the doctor, and by what needs it, with what to do', async () => {
  const env = { FIREBREAK_REDIS_SERVER: join(dir, 'no-such-redis') };
  const doctor = await run(['doctor', '--data', join(dir, 'r')], dir, env);
  assert.equal(doctor.code, 1);
  assert.match(doctor.stdout, /FAIL redis .*no-such-redis does not run: install redis-server/);
  // One that stays up waits for a Redis; who runs it once is told.
  const up = await run(['up', '--once', '--port', '0', '--data', join(dir, 'r')], dir, env);
  assert.equal(up.code, 3);
  assert.match(up.stderr, /QUEUE_REDIS_MISSING/);
  assert.match(up.stderr, /npm run setup/);
});

test('an import of what is not there, or is no FHIR file', async () => {
  const data = ['--data', join(dir, 'i')];
  const missing = await run([...data, 'import', 'nowhere.json'], dir);
  assert.equal(missing.code, 3);
  assert.match(missing.stderr, /nowhere\.json is not there\n {2}\(ADAPTER_NOT_FOUND\)/);
  writeFileSync(join(dir, 'note.txt'), 'no FHIR');
  const wrong = await run([...data, 'import', 'note.txt'], dir);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /note\.txt is not \.json, \.ndjson or \.jsonl/);
  writeFileSync(join(dir, 'bad.json'), '{"resourceType":"Patient",');
  const bad = await run([...data, 'import', 'bad.json'], dir);
  assert.equal(bad.code, 3);
  assert.match(bad.stderr, /bad\.json {2}MAPPING_NOT_JSON/);
  const demo = await run([...data, 'import', '--demo', 'bad.json'], dir);
  assert.equal(demo.code, 3);
  assert.match(demo.stderr, /holds a real instance/);
});

test('a source that is no FHIR server, cannot be reached, or must not be asked', async () => {
  let answer = 'hello';
  const server = createServer((_request, response) => response.end(answer));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const add = (url: string, id = 'city') =>
    run(['--data', join(dir, 's'), 'source', 'add', url, '--id', id], dir);
  try {
    for (answer of [
      'hello',
      'null',
      '[]',
      '{}',
      '{"resourceType":"Patient"}',
      '{"resourceType":"CapabilityStatement"}',
    ]) {
      const { code, stdout, stderr } = await add(`http://127.0.0.1:${port}`);
      assert.deepEqual([answer, code, stdout], [answer, 3, '']);
      assert.match(stderr, /ADAPTER_SOURCE_REFUSED/, answer);
    }
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  const away = await add(`http://127.0.0.1:${port}`);
  assert.equal(away.code, 3);
  assert.match(away.stderr, /ADAPTER_SOURCE_UNREACHABLE/);
  for (const url of [
    'nonsense',
    'http://fhir.example/',
    'file:///etc',
    'ftp://a/',
    'https://user:secret@fhir.example/',
  ])
    assert.deepEqual([url, (await add(url)).code], [url, 2]);
  const { stdout } = await run(['--data', join(dir, 's'), 'source', 'list'], dir);
  assert.equal(stdout, 'no sources\n');
});
