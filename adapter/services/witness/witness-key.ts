/** The witness's own key: one text file, readable by its owner alone. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { generateSeed } from '../../../ledger/log/index.js';
import { encodeCosignerSkey, parseCosignerSkey } from '../../../ledger/witness/index.js';
import type { Cosigner } from '../../../ledger/witness/index.js';
import { AdapterError, codeOf } from '../../errors.js';
import { durableSteps, writeDurably } from './durable-file.js';
import type { DurableSteps } from './durable-file.js';

/** Whose key it is: the two say different things by the same signature, so neither takes the other's file. */
export type WitnessRole = 'witness' | 'auditor';

const KEY_FILES: Readonly<Record<WitnessRole, string>> = { witness: 'witness-key', auditor: 'auditor-key' };
const OWNER_ONLY = 0o600;
/** Any bit for the group or for others. */
const OTHERS = 0o077;
/** A key file has some hundred bytes. */
const KEY_FILE_BYTES_MAX = 4096;

/**
 * Reads the key of a witness's folder, or makes it. The caller has the folder's lock.
 *
 * @param dir - Exists.
 * @param role - An auditor's key is never a plain witness's.
 * @param name - The witness's name; `undefined` takes what is there, or a random one for a new key.
 * @throws AdapterError ADAPTER_BAD_CONFIG for a name that no key can have, ADAPTER_DATA_FOLDER_FOREIGN when the file
 * is damaged, open to others, of another name, or the folder is of the other role.
 */
export async function openWitnessKey(
  dir: string,
  name: string | undefined,
  role: WitnessRole = 'witness',
  steps: DurableSteps = durableSteps,
): Promise<Cosigner> {
  const path = join(dir, KEY_FILES[role]);
  const other = role === 'witness' ? 'auditor' : 'witness';
  if (existsSync(join(dir, KEY_FILES[other]))) {
    throw new AdapterError(
      'ADAPTER_DATA_FOLDER_FOREIGN',
      `${dir} is the folder of a${other === 'auditor' ? 'n auditor' : ' witness'}; name another with --dir`,
    );
  }
  const text = await readKeyFile(path);
  if (text === undefined) {
    const made = name ?? `${role}.firebreak.example/${randomBytes(8).toString('hex')}`;
    let skey: string;
    try {
      skey = encodeCosignerSkey(made, generateSeed());
    } catch (cause) {
      throw new AdapterError('ADAPTER_BAD_CONFIG', `a witness cannot be named ${JSON.stringify(made)}`, {
        cause,
      });
    }
    await writeDurably(path, Buffer.from(`${skey}\n`, 'utf8'), OWNER_ONLY, steps);
    return parseCosignerSkey(skey);
  }
  let cosigner: Cosigner;
  try {
    cosigner = parseCosignerSkey(text.replace(/\n$/, ''));
  } catch (cause) {
    throw new AdapterError('ADAPTER_DATA_FOLDER_FOREIGN', `${path} is damaged: restore it`, { cause });
  }
  if (name !== undefined && name !== cosigner.name) {
    throw new AdapterError(
      'ADAPTER_DATA_FOLDER_FOREIGN',
      `${path} is the key of ${cosigner.name}; another witness needs a folder of its own`,
    );
  }
  return cosigner;
}

async function readKeyFile(path: string): Promise<string | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw new AdapterError('ADAPTER_DATA_FOLDER_FOREIGN', `${path} cannot be read`, { cause });
  }
  try {
    // Asked of the open file, so that it is the one we read. Windows has no such bits.
    if (process.platform !== 'win32' && ((await file.stat()).mode & OTHERS) !== 0) {
      throw new AdapterError(
        'ADAPTER_DATA_FOLDER_FOREIGN',
        `${path} is open to others: make it readable by its owner only (chmod 600)`,
      );
    }
    const bytes = Buffer.alloc(KEY_FILE_BYTES_MAX);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return bytes.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
