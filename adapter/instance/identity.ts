/** What a data folder is: its log's origin, and whether it is a demo. Written once, at its first start. */
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  fsyncSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { AdapterError, messageOf } from '../errors.js';

export interface Identity {
  readonly format: 1;
  /** Origin of the log: names it among all logs. A demo's begins with `demo.`. */
  readonly origin: string;
  /** A demo stays one for good. */
  readonly demo: boolean;
  readonly createdAt: string;
}

const ORIGIN = /^[a-z0-9][a-z0-9./-]{0,126}$/;

/**
 * Reads a folder's identity, or makes it.
 *
 * @param wanted - `demo`: what the command asks for; `undefined` takes what is there (not a demo, when new).
 * @throws AdapterError ADAPTER_DATA_FOLDER_FOREIGN when a demo is asked of a real instance, or the file is damaged.
 */
export function openIdentity(
  dataDir: string,
  wanted: { demo: boolean | undefined },
  nowMs: number,
): Identity {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const path = join(dataDir, 'instance.json');
  if (existsSync(path)) {
    const identity = read(path);
    if (wanted.demo === true && !identity.demo) {
      throw new AdapterError(
        'ADAPTER_DATA_FOLDER_FOREIGN',
        `${dataDir} holds a real instance (${identity.origin}); a demo needs a folder of its own: --data DIR`,
      );
    }
    return identity;
  }
  const demo = wanted.demo === true;
  const name = randomBytes(8).toString('hex');
  const identity: Identity = {
    format: 1,
    origin: demo ? `demo.firebreak.example/${name}` : `firebreak.example/${name}`,
    demo,
    createdAt: new Date(nowMs).toISOString(),
  };
  const temporary = `${path}.tmp`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    writeSync(file, `${JSON.stringify(identity, null, 2)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  // A crash before this line leaves no identity, and the next start makes one; after it, this one holds.
  renameSync(temporary, path);
  return identity;
}

function read(path: string): Identity {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new AdapterError('ADAPTER_DATA_FOLDER_FOREIGN', `${path} is damaged: ${messageOf(cause)}`, {
      cause,
    });
  }
  const { format, origin, demo } = (value ?? {}) as Partial<Identity>;
  if (format !== 1 || typeof origin !== 'string' || !ORIGIN.test(origin) || typeof demo !== 'boolean') {
    throw new AdapterError(
      'ADAPTER_DATA_FOLDER_FOREIGN',
      `${path} is not one of Firebreak's, or of a newer version`,
    );
  }
  return value as Identity;
}
