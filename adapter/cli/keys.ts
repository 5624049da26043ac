import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { generateSeed, privateKeyObject } from '../../ledger/log/index.js';
import { makeCsr } from '../../ledger/participants/index.js';
import { areKeysProtected, generateX25519, openKeyRing, x25519PublicKey } from '../../ledger/vault/index.js';
import { AdapterError } from '../errors.js';
import { openStore } from '../instance/store.js';
import { listKeys, rotateLogKey } from '../services/key-admin.js';
import type { ListedKeys } from '../services/key-admin.js';
import type { RotationUnderWay } from '../instance/log-rotation.js';
import type { Config } from '../config.js';
import { configOf, onInstance } from './open.js';
import { newPassphrase, passphraseOf } from './passphrase.js';
import { createTerminal } from './terminal.js';

const UNITS_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

export function addKeys(program: Command): void {
  const group = program
    .command('keys')
    .description('the instance’s own keys, and keys for an organisation that enrols')
    .addHelpText('after', '\nExample:\n  firebreak keys list');
  group
    .command('list')
    .description('public keys and certificates of the instance; never a private one')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  firebreak keys list --json')
    .action(async (flags: { json?: boolean }, command: Command) => {
      const { config } = configOf(command);
      const keys = await onInstance<ListedKeys>(
        config,
        { command: 'keys-list', args: {} },
        () => undefined,
        listKeys,
      );
      createTerminal(false).print(flags.json === true ? JSON.stringify(keys) : render(keys));
    });
  group
    .command('rotate')
    .description('put a new key in the place of the log’s; both sign until the overlap ends')
    .argument('<which>', 'log')
    .option('--overlap <time>', 'such as 30d, 12h or 0s', '30d')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Examples:
  firebreak keys rotate log
  firebreak keys rotate log --overlap 90d
Tell verifiers and witnesses the new key within the overlap. Afterwards the former key is destroyed; who knows only
that one still gets on, by what is published under /log/rotations/.`,
    )
    .action(async (which: string, flags: { overlap: string; json?: boolean }, command: Command) => {
      if (which !== 'log')
        throw new AdapterError(
          'ADAPTER_USAGE',
          'of the instance’s keys the log’s alone is rotated here: log',
        );
      const overlapMs = readTime(flags.overlap);
      const { config } = configOf(command);
      const rotation = await onInstance<RotationUnderWay>(
        config,
        { command: 'keys-rotate-log', args: { overlapMs } },
        () => undefined,
        (instance) => rotateLogKey(instance, overlapMs),
      );
      createTerminal(false).print(
        flags.json === true
          ? JSON.stringify(rotation)
          : [
              `from   ${rotation.from}`,
              `to     ${rotation.to}`,
              `both sign until ${new Date(rotation.overlapUntil).toISOString()}`,
            ].join('\n'),
      );
    });
  group
    .command('protect')
    .description('put the private keys under a passphrase; the instance must not run')
    .addHelpText(
      'after',
      `
Examples:
  firebreak keys protect
  FIREBREAK_PASSPHRASE_FILE=./secret firebreak keys protect
The passphrase is typed, or read from the file that passphraseFile names (chmod 600), or from FIREBREAK_PASSPHRASE,
which whoever sees the process can read. Each later command asks for it in the same way. Nothing recovers it.`,
    )
    .action(async (_flags: object, command: Command) => {
      const { config } = configOf(command);
      await withFolder(config, async (dir) => {
        if (areKeysProtected(dir))
          throw new AdapterError('ADAPTER_CONFLICT', 'the keys lie under a passphrase already');
        const ring = await openKeyRing(dir);
        await ring.protect(await newPassphrase(config));
      });
      createTerminal(false).print(
        'the keys lie under the passphrase: without it nothing of this folder can be read',
      );
    });
  group
    .command('unprotect')
    .description('take the passphrase off the private keys; the instance must not run')
    .addHelpText('after', '\nExample:\n  firebreak keys unprotect')
    .action(async (_flags: object, command: Command) => {
      const { config } = configOf(command);
      await withFolder(config, async (dir) => {
        if (!areKeysProtected(dir))
          throw new AdapterError('ADAPTER_CONFLICT', 'the keys lie under no passphrase');
        (await openKeyRing(dir, passphraseOf(config))).unprotect();
      });
      createTerminal(false).print('the keys lie in plain files of their owner');
    });
  group
    .command('new')
    .description('make keys of an organisation and a PKCS#10 request for its certificate')
    .requiredOption(
      '--out <name>',
      'writes <name>.key, <name>.x25519.key (of their owner alone) and <name>.csr',
    )
    .addHelpText('after', '\nExample:\n  firebreak keys new --out city-hospital')
    .action(async ({ out }: { out: string }) => {
      const seed = generateSeed();
      const x25519 = generateX25519();
      const csr = await makeCsr({ seed, x25519Public: x25519PublicKey(x25519) });
      const pem = privateKeyObject(seed).export({ format: 'pem', type: 'pkcs8' });
      writeNew([
        { path: `${out}.key`, text: String(pem), mode: 0o600 },
        { path: `${out}.x25519.key`, text: x25519Pem(x25519), mode: 0o600 },
        { path: `${out}.csr`, text: csr.pem, mode: 0o644 },
      ]);
      createTerminal(false).print(
        `${out}.key and ${out}.x25519.key stay with you; send ${out}.csr to be certified`,
      );
    });
}

/** PKCS#8 of a raw X25519 key. @see RFC 8410 */
function x25519Pem(raw: Buffer): string {
  const der = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), raw]).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${der.replaceAll(/.{64}(?=.)/g, '$&\n')}\n-----END PRIVATE KEY-----\n`;
}

/** Changes the folder of keys while no instance has it: the store's lock says so. */
async function withFolder(config: Config, change: (dir: string) => Promise<void>): Promise<void> {
  const store = await openStore(config.dataDir);
  try {
    await change(join(config.dataDir, 'keys'));
  } finally {
    await store.close();
  }
}

interface NewFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

/** Files of which none may be there yet, for a key is never overwritten: all of them, or none. */
function writeNew(files: readonly NewFile[]): void {
  const made: string[] = [];
  try {
    for (const { path, text, mode } of files) {
      const fd = openSync(path, 'wx', mode);
      made.push(path);
      try {
        writeSync(fd, text);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    }
  } catch (cause) {
    const failed = files[made.length]?.path ?? files.at(-1)?.path ?? '';
    for (const path of made) rmSync(path, { force: true });
    throw new AdapterError('ADAPTER_USAGE', `${failed} exists, or cannot be written`, { cause });
  }
}

function readTime(text: string): number {
  const [, number, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const factor = UNITS_MS[unit];
  if (number === undefined || factor === undefined)
    throw new AdapterError('ADAPTER_USAGE', `${text} is not a time such as 30d, 12h, 90m or 0s`);
  return Number(number) * factor;
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function render({ log, rotation, instance, authority, protected: isProtected }: ListedKeys): string {
  return [
    ...log.map((vkey) => `log        ${vkey}`),
    ...(rotation === undefined
      ? []
      : [`rotation   both keys sign until ${new Date(rotation.overlapUntil).toISOString()}`]),
    `instance   ${instance.fingerprint}, certified until ${day(instance.notAfter)}`,
    `authority  root ${authority.root}`,
    `           issuing ${authority.issuing}, until ${day(authority.notAfter)}`,
    `at rest    ${isProtected ? 'under a passphrase' : 'in plain files of their owner'}`,
  ].join('\n');
}
