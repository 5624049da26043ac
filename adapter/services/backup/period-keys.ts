/**
 * The identity files of backup periods: made, found again, and destroyed. They are the operator's, kept apart from data
 * and backups; the instance never holds one.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { AdapterError, codeOf, messageOf } from '../../errors.js';
import type { BackupPeriod } from '../backup-periods.js';
import { BackupError } from './errors.js';
import { syncFolder } from './write-age.js';

/** An identity out of a file. */
export interface Identity {
  /** `AGE-SECRET-KEY-1…`. */
  readonly secret: string;
  /** `age1…`. */
  readonly recipient: string;
}

const FILE_BYTES_MAX = 64 * 1024;
const SECRET = /^AGE-SECRET-KEY-1[A-Z0-9]{20,}$/;

/** A new identity. */
export async function newIdentity(): Promise<Identity> {
  const secret = await generateX25519Identity();
  return { secret, recipient: await identityToRecipient(secret) };
}

/**
 * Writes a period's identity to a file that did not exist, as `age-keygen` would, readable by its owner alone.
 *
 * @throws AdapterError ADAPTER_USAGE when the file exists or cannot be made.
 */
export async function writeIdentity(
  path: string,
  { secret, recipient }: Identity,
  notes: Readonly<Record<string, string>>,
): Promise<void> {
  const lines = Object.entries({ ...notes, 'public key': recipient }).map(
    ([name, value]) => `# ${name}: ${value}\n`,
  );
  let file: number;
  try {
    file = openSync(path, 'wx', 0o600);
  } catch (cause) {
    const why = codeOf(cause) === 'EEXIST' ? 'it exists' : messageOf(cause);
    throw new AdapterError('ADAPTER_USAGE', `${path} cannot be made: ${why}`, { cause });
  }
  try {
    writeSync(file, `${lines.join('')}${secret}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  await syncFolder(dirname(path));
}

/**
 * The identities in a file: one a line, among comments.
 *
 * @throws BackupError BACKUP_BAD_IDENTITY when there is none, or one that is damaged.
 */
export async function readIdentities(path: string): Promise<Identity[]> {
  let text: string;
  try {
    if (statSync(path).size > FILE_BYTES_MAX) throw new Error('it is too large');
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new BackupError('BACKUP_BAD_IDENTITY', `${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
  const secrets = text.split(/\r?\n/).filter((line) => SECRET.test(line.trim()));
  const found: Identity[] = [];
  for (const line of secrets) {
    const secret = line.trim();
    try {
      found.push({ secret, recipient: await identityToRecipient(secret) });
    } catch {
      // The cause would show the line.
      throw new BackupError('BACKUP_BAD_IDENTITY', `${path} holds a damaged age identity`);
    }
  }
  if (found.length === 0)
    throw new BackupError('BACKUP_BAD_IDENTITY', `${path} holds no age identity (a line AGE-SECRET-KEY-1…)`);
  return found;
}

/** Files among these, or in these folders, that hold the identity of a period. */
export async function identityFilesOf(
  period: Pick<BackupPeriod, 'recipient'>,
  paths: readonly string[],
): Promise<string[]> {
  const files = paths.flatMap((path) => {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) throw new AdapterError('ADAPTER_USAGE', `${path} does not exist`);
    return found.isDirectory() ? readdirSync(path).map((name) => join(path, name)) : [path];
  });
  const holding: string[] = [];
  for (const file of files) {
    if (!statSync(file).isFile()) continue;
    const identities = await readIdentities(file).catch(() => []);
    if (identities.some(({ recipient }) => recipient === period.recipient)) holding.push(file);
  }
  return holding;
}

/**
 * Destroys an identity file: overwritten, synced, removed. Remanence in the medium, and copies elsewhere, are beyond it.
 *
 * @throws AdapterError ADAPTER_CONFLICT for a file that holds other identities too, which would be lost with it.
 */
export async function destroyIdentityFile(path: string): Promise<void> {
  if ((await readIdentities(path)).length > 1)
    throw new AdapterError('ADAPTER_CONFLICT', `${path} holds other keys too: take this one out by hand`);
  const { size } = statSync(path);
  const file = openSync(path, 'r+');
  try {
    writeSync(file, randomBytes(size), 0, size, 0);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  rmSync(path);
  await syncFolder(dirname(path));
}
