import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { parseCheckpoint, splitNote } from '../../../ledger/log/index.js';
import { addImportSource, openTestInstance, removeFolder, temporaryFolder } from '../../support/instance.js';
import type { TestInstance } from '../../support/instance.js';

/** A folder, and in it the data of an instance that is not open. */
export interface BegunLog {
  readonly dir: string;
  readonly data: string;
  readonly vkey: string;
}

/** A data folder with a log that has begun, so that its key is known. @param grow - Adds to it. */
export async function begunLog(
  context: TestContext,
  grow?: (opened: TestInstance) => Promise<void>,
): Promise<BegunLog> {
  const dir = temporaryFolder();
  context.after(() => removeFolder(dir));
  const data = join(dir, 'data');
  const first = await openTestInstance(data);
  await addImportSource(first.instance);
  await grow?.(first);
  const vkey = (await first.instance.engine.read('vkey'))?.toString('utf8').trim() ?? '';
  await first.close();
  return { dir, data, vkey };
}

/** Size of the tree that a checkpoint is of; -1 for what is none. */
export function sizeOf(note: Buffer | undefined): number {
  return parseCheckpoint(splitNote(note ?? Buffer.alloc(0))?.text ?? '')?.size ?? -1;
}
