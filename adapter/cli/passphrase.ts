/**
 * The passphrase of the keys: from a file that the configuration names, from the environment, or typed by a person who
 * is asked. Never from an argument: those are shown to everybody on the machine.
 */
import { readFileSync, statSync } from 'node:fs';
import { PASSPHRASE_CHARS_MIN } from '../../ledger/vault/index.js';
import type { AskPassphrase } from '../../ledger/vault/index.js';
import type { Config } from '../config.js';
import { AdapterError } from '../errors.js';

const ENTER = /[\r\n]/;
const CTRL_C = '\u0003';
const DELETE = /[\b\u007f]/;
/** Any bit for the group or for others. */
const OTHERS = 0o077;
const VARIABLE = 'FIREBREAK_PASSPHRASE';

/**
 * How a command learns the passphrase: asked again, it gives what it learnt.
 *
 * @throws AdapterError ADAPTER_BAD_CONFIG when there is neither a file, nor the variable, nor somebody to ask.
 */
export function passphraseOf({ passphraseFile }: Pick<Config, 'passphraseFile'>): AskPassphrase {
  takeVariable();
  let learnt: string | undefined;
  return async () => {
    if (passphraseFile !== undefined) return fromFile(passphraseFile);
    learnt ??= fromEnvironment();
    if (learnt === undefined && process.stdin.isTTY) learnt = await typed('Passphrase of the keys: ');
    if (learnt !== undefined) return learnt;
    throw new AdapterError(
      'ADAPTER_BAD_CONFIG',
      'the keys lie under a passphrase: name its file in passphraseFile (FIREBREAK_PASSPHRASE_FILE), or start on a terminal',
    );
  };
}

let taken: string | undefined;

/** Taken out of the environment, so that no process started later inherits it, whether it is needed or not. */
function takeVariable(): void {
  const passphrase = process.env[VARIABLE];
  if (passphrase === undefined) return;
  Reflect.deleteProperty(process.env, VARIABLE);
  if (passphrase !== '') taken = passphrase;
}

function fromEnvironment(): string | undefined {
  takeVariable();
  if (taken === undefined) return undefined;
  process.stderr.write(
    `${VARIABLE} can be read by whoever sees this process; a file named by FIREBREAK_PASSPHRASE_FILE is safer\n`,
  );
  return taken;
}

/**
 * A new passphrase: typed twice where it is typed.
 *
 * @throws AdapterError ADAPTER_USAGE for one that is too short, or was not typed alike; ADAPTER_BAD_CONFIG
 */
export async function newPassphrase({ passphraseFile }: Pick<Config, 'passphraseFile'>): Promise<string> {
  const given = passphraseFile === undefined ? fromEnvironment() : fromFile(passphraseFile);
  if (given !== undefined) return longEnough(given);
  if (!process.stdin.isTTY) {
    throw new AdapterError(
      'ADAPTER_BAD_CONFIG',
      'there is nobody to type a passphrase: name its file in passphraseFile (FIREBREAK_PASSPHRASE_FILE)',
    );
  }
  const first = longEnough(await typed('New passphrase of the keys: '));
  if (first === (await typed('The same again: '))) return first;
  throw new AdapterError('ADAPTER_USAGE', 'the two are not the same');
}

function longEnough(passphrase: string): string {
  if (passphrase.length >= PASSPHRASE_CHARS_MIN) return passphrase;
  throw new AdapterError('ADAPTER_USAGE', `a passphrase has at least ${PASSPHRASE_CHARS_MIN} characters`);
}

function fromFile(path: string): string {
  try {
    if (process.platform !== 'win32' && (statSync(path).mode & OTHERS) !== 0)
      throw new AdapterError('ADAPTER_BAD_CONFIG', `${path} is open to others: chmod 600 it`);
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (cause) {
    if (cause instanceof AdapterError) throw cause;
    throw new AdapterError('ADAPTER_BAD_CONFIG', `${path} cannot be read`, { cause });
  }
}

/** Reads a line without showing it. */
function typed(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write(prompt);
  return new Promise((resolve, reject) => {
    let line = '';
    const end = (finish: () => void): void => {
      stdin.off('data', take);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write('\n');
      finish();
    };
    const take = (chunk: Buffer): void => {
      for (const char of chunk.toString('utf8')) {
        if (char === CTRL_C)
          return end(() => reject(new AdapterError('ADAPTER_USAGE', 'no passphrase given')));
        if (ENTER.test(char)) return end(() => resolve(line));
        line = DELETE.test(char) ? line.slice(0, -1) : line + char;
      }
    };
    stdin.setRawMode(true);
    stdin.resume();
    stdin.on('data', take);
  });
}
