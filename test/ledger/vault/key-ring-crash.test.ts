/**
 * The folder of keys under a crash at each of its file operations: before the operation, after it, and in the middle of
 * a write. Whatever is left must open, hold one whole set of keys, and be clean once it was opened.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openKeyRing } from '../../../ledger/vault/index.js';
import type { InstanceKeys, KeyRing } from '../../../ledger/vault/index.js';

const PASSPHRASE = 'correct horse battery';
/** Each try is quick. */
const WORK_FACTOR = 2;
const NEXT = Buffer.alloc(32, 7);
const root = mkdtempSync(join(tmpdir(), 'firebreak-test-'));
after(() => rmSync(root, { recursive: true, force: true }));

const ask = async (): Promise<string> => PASSPHRASE;
const open = (dir: string): Promise<KeyRing> => openKeyRing(dir, ask, WORK_FACTOR);

type How = 'before' | 'after' | 'half';
class Crash extends Error {}

/** The functions that change a file system; a process that is dead calls none of them, save that its files are closed. */
const CHANGES = [
  'openSync',
  'writeSync',
  'fsyncSync',
  'fchmodSync',
  'renameSync',
  'rmSync',
  'mkdirSync',
] as const;

/** Runs a change, and has it end at its n-th file operation. @returns Whether it came so far. */
async function crashes(dir: string, at: number, how: How, change: () => Promise<unknown>): Promise<boolean> {
  const functions = fs as unknown as Record<string, (...args: unknown[]) => unknown>;
  const originals = new Map(CHANGES.map((name) => [name, functions[name]] as const));
  const files = new Set<unknown>();
  let calls = 0;
  let isDead = false;
  for (const [name, original] of originals) {
    if (original === undefined) throw new Error(name);
    functions[name] = (...args: unknown[]) => {
      const [target] = args;
      const isOurs = typeof target === 'string' ? target.startsWith(dir) : files.has(target);
      if (!isOurs) return original(...args);
      if (isDead) throw new Crash();
      const isLast = calls++ === at;
      if (isLast) isDead = true;
      if (isLast && how === 'before') throw new Crash();
      if (isLast && how === 'half' && name === 'writeSync' && args[1] instanceof Uint8Array)
        original(target, args[1].subarray(0, args[1].length / 2));
      else {
        const result = original(...args);
        if (name === 'openSync') files.add(result);
        if (!isLast) return result;
      }
      throw new Crash();
    };
  }
  syncBuiltinESMExports();
  try {
    await change();
  } catch (error) {
    if (!isDead) throw error;
  } finally {
    for (const [name, original] of originals) if (original !== undefined) functions[name] = original;
    syncBuiltinESMExports();
  }
  return isDead;
}

interface Case {
  readonly name: string;
  /** Brings a folder of plain keys to where the change begins. */
  readonly prepare: (ring: KeyRing) => Promise<void>;
  readonly change: (ring: KeyRing) => Promise<void>;
  /** What the log's keys may be afterwards. */
  readonly outcomes: (keys: InstanceKeys) => readonly Partial<InstanceKeys>[];
}

const protect = (ring: KeyRing): Promise<void> => ring.protect(PASSPHRASE);
const keepNext = (ring: KeyRing): Promise<void> => ring.keepNextLogKey(NEXT);
const same = ({ logSeed }: InstanceKeys): Partial<InstanceKeys>[] => [{ logSeed }];
const kept = ({ logSeed }: InstanceKeys): Partial<InstanceKeys>[] => [
  { logSeed },
  { logSeed, nextLogSeed: NEXT },
];
const promoted = ({ logSeed }: InstanceKeys): Partial<InstanceKeys>[] => [
  { logSeed, nextLogSeed: NEXT },
  { logSeed: NEXT },
];

const CASES: readonly Case[] = [
  { name: 'protect', prepare: async () => undefined, change: protect, outcomes: same },
  { name: 'unprotect', prepare: protect, change: async (ring) => ring.unprotect(), outcomes: same },
  { name: 'keep a next log key', prepare: async () => undefined, change: keepNext, outcomes: kept },
  { name: 'keep a next log key, protected', prepare: protect, change: keepNext, outcomes: kept },
  { name: 'promote', prepare: keepNext, change: (ring) => ring.promoteNextLogKey(), outcomes: promoted },
  {
    name: 'promote, protected',
    prepare: async (ring) => {
      await protect(ring);
      await keepNext(ring);
    },
    change: (ring) => ring.promoteNextLogKey(),
    outcomes: promoted,
  },
];

const plain = join(root, 'plain');
const { keys } = await open(plain);

const PLAIN_FILES = 6;

for (const [index, { name, prepare, change, outcomes }] of CASES.entries()) {
  test(`${name}: a crash at any step leaves one good set`, async () => {
    const template = join(root, `${index}`);
    cpSync(plain, template, { recursive: true });
    await prepare(await open(template));
    const seen = new Set<number>();
    for (const how of ['before', 'after', 'half'] as const) {
      for (let at = 0, isDead = true; isDead; at++) {
        const dir = join(root, `${index}-${how}-${at}`);
        cpSync(template, dir, { recursive: true });
        const ring = await open(dir);
        isDead = await crashes(dir, at, how, () => change(ring));
        const where = `${how} ${at}`;
        const found = (await open(dir)).keys;
        const { logSeed, nextLogSeed, ...others } = found;
        const { logSeed: _, ...before } = keys;
        assert.deepEqual(others, before, where);
        const outcome = outcomes(keys).findIndex(
          (one) =>
            one.logSeed?.equals(logSeed) === true &&
            (one.nextLogSeed === undefined
              ? nextLogSeed === undefined
              : nextLogSeed?.equals(one.nextLogSeed)),
        );
        assert.ok(outcome >= 0, where);
        seen.add(outcome);
        // Opened once, nothing of the crash is left: one protected file, or plain ones and no other.
        const names = readdirSync(dir);
        const expected = PLAIN_FILES + (nextLogSeed === undefined ? 0 : 1);
        if (existsSync(join(dir, 'keys.age'))) assert.deepEqual(names, ['keys.age'], where);
        else assert.equal(names.length, expected, `${where}: ${names.join(' ')}`);
        // And the change can be made again.
        await change(await open(dir));
        const again = (await open(dir)).keys;
        const { logSeed: wanted } = outcomes(keys).at(-1) ?? {};
        assert.deepEqual(again.logSeed, wanted, where);
        if (wanted?.equals(keys.logSeed) === false) {
          for (const file of readdirSync(dir))
            assert.ok(!readFileSync(join(dir, file)).includes(keys.logSeed), `${where} ${file}`);
        }
        rmSync(dir, { recursive: true });
      }
    }
    // The loop has seen each state that a crash can leave.
    assert.equal(seen.size, outcomes(keys).length);
  });
}

test('making the keys: a crash at any step leaves none or all', async () => {
  for (const how of ['before', 'after', 'half'] as const) {
    for (let at = 0, isDead = true; isDead; at++) {
      const data = join(root, `first-${how}-${at}`);
      const dir = join(data, 'keys');
      isDead = await crashes(data, at, how, () => open(dir));
      const names = existsSync(dir) ? readdirSync(dir).length : 0;
      assert.ok(names === 0 || names === PLAIN_FILES, `${how} ${at}: ${names}`);
      const made = (await open(dir)).keys;
      assert.deepEqual((await open(dir)).keys, made);
      rmSync(data, { recursive: true });
    }
  }
});
