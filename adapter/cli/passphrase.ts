/** The passphrase of the keys: from a file that the configuration names, or typed by a person who is asked. */
import { readFileSync, statSync } from 'node:fs';
import type { AskPassphrase } from '../../ledger/vault/index.js';
import type { Config } from '../config.js';
import { AdapterError } from '../errors.js';

const ENTER = /[\r\n]/;
const CTRL_C = '\u0003';
const DELETE = /[\b\u007f]/;
/** Any bit for the group or for others. */
const OTHERS = 0o077;

/**
 * How a command learns the passphrase.
 *
 * @throws AdapterError ADAPTER_BAD_CONFIG when there is neither a file nor somebody to ask.
 */
export function passphraseOf({ passphraseFile }: Pick<Config, 'passphraseFile'>): AskPassphrase {
  return async () => {
    if (passphraseFile !== undefined) return fromFile(passphraseFile);
    if (process.stdin.isTTY) return typed('Passphrase of the keys: ');
    throw new AdapterError(
      'ADAPTER_BAD_CONFIG',
      'the keys lie under a passphrase: name its file in passphraseFile (FIREBREAK_PASSPHRASE_FILE), or start on a terminal',
    );
  };
}

/** A new passphrase: typed twice where it is typed. */
export async function newPassphrase(config: Pick<Config, 'passphraseFile'>): Promise<string> {
  if (config.passphraseFile !== undefined || !process.stdin.isTTY) return passphraseOf(config)();
  const first = await typed('New passphrase of the keys: ');
  if (first === (await typed('The same again: '))) return first;
  throw new AdapterError('ADAPTER_USAGE', 'the two are not the same');
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
