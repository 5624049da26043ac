import { rename, rm, writeFile } from 'node:fs/promises';
import { AdapterError, messageOf } from '../errors.js';

/** As files are, less what the process takes away. */
const FOR_ALL = 0o666;

/**
 * Writes beside the file and renames, so that a crash leaves no half of it.
 *
 * @throws AdapterError ADAPTER_UNPROCESSABLE.
 */
export async function writeWhole(file: string, content: string, mode = FOR_ALL): Promise<void> {
  const part = `${file}.part-${process.pid}`;
  try {
    await writeFile(part, content, { mode });
    await rename(part, file);
  } catch (cause) {
    await rm(part, { force: true });
    throw new AdapterError('ADAPTER_UNPROCESSABLE', `cannot write ${file}: ${messageOf(cause)}`, { cause });
  }
}
