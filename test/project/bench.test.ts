import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Result } from '../bench/bench.js';

const MAIN = fileURLToPath(new URL('../bench/main.js', import.meta.url));
const MEMBERS = ['bench', 'ours', 'unit', 'against', 'theirs', 'ratio', 'aim', 'met'];
const ASKED_FOR = [
  'end-to-end',
  'hook-latency-p50',
  'hook-latency-p99',
  'log-append',
  'verify',
  'map',
  'decide',
];

function bench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
}

test('--only with --json prints one array of results and nothing else', () => {
  const { status, stdout } = bench('--json', '--only', 'decide');
  assert.equal(status, 0);
  const results = JSON.parse(stdout) as Result[];
  assert.equal(results.length, 1);
  const [result] = results;
  assert.deepEqual(Object.keys(result ?? {}), MEMBERS);
  assert.equal(result?.bench, 'decide');
  assert.ok(result.ours > 0);
  for (const absent of ['against', 'theirs', 'ratio', 'aim', 'met'] as const)
    assert.equal(result[absent], null, absent);
});

test('--list names every bench once', () => {
  const names = JSON.parse(bench('--list', '--json').stdout) as string[];
  for (const name of ASKED_FOR) assert.ok(names.includes(name), name);
  assert.equal(new Set(names).size, names.length);
});

test('what is unknown is refused with the nearest that is known', () => {
  for (const [args, nearest] of [
    [['--only', 'log-apend'], 'log-append'],
    [['--only=verfy'], 'verify'],
    [['--jsn'], '--json'],
  ] as const) {
    const { status, stdout, stderr } = bench(...args);
    assert.equal(status, 2, args.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, new RegExp(`did you mean ${nearest}\\?`));
  }
  assert.equal(bench('--only').status, 2);
});
