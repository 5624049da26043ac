/** What the writer of `log-writer.ts` and its killer share. */

/** In the writer's folder. */
export const KEYS_FILE = 'keys.json';

/** base64url, but for the actor's fingerprint. */
export interface WriterKeys {
  readonly logSeed: string;
  readonly actor: string;
  readonly instanceSeed: string;
  readonly tagKeys: readonly string[];
}

/** An append that the writer was told is committed. */
export interface Acknowledged {
  /** Of the consents, in order. */
  readonly leaves: readonly number[];
  /** Handles of the consents. */
  readonly signed: readonly string[];
}

/** A row that stands or falls with the entry of a handle. */
export function probeKey(handle: string): string {
  return `probe/${handle}`;
}
