/** Names that say nothing: of entries, participants, codes. */
import { randomBytes } from 'node:crypto';

const HANDLE_BYTES = 32;

/** Random bytes, base64url, which no command line takes for an option. @param bytes - 32 are a handle of 43 characters. */
export function newHandle(bytes = HANDLE_BYTES): string {
  for (;;) {
    const handle = randomBytes(bytes).toString('base64url');
    if (!handle.startsWith('-')) return handle;
  }
}
