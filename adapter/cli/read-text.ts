import { readFileSync } from 'node:fs';
import { AdapterError } from '../errors.js';

/** The text of a file that was named on the command line. @throws AdapterError ADAPTER_USAGE */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new AdapterError('ADAPTER_USAGE', `${path} cannot be read`, { cause });
  }
}
