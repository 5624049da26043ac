/**
 * Challenges for signing in. One tells nothing of who asked, and takes no room here: it carries its end and a mark that
 * only this instance makes. That it is used once, is seen when it is used.
 */
import { randomBytes } from 'node:crypto';
import { mark } from '../../../ledger/vault/index.js';

const RANDOM_BYTES = 16;
/** Time to sign, ms: somebody types a passphrase. */
export const CHALLENGE_MS = 120_000;
const CHALLENGE = /^([A-Za-z0-9_-]{22})\.(\d{13,15})\.([A-Za-z0-9_-]{22,64})$/;

/** A challenge of 128 random bits that holds for {@link CHALLENGE_MS}. */
export function newChallenge(markKey: Buffer, nowMs: number): string {
  const random = randomBytes(RANDOM_BYTES).toString('base64url');
  const until = Math.ceil(nowMs) + CHALLENGE_MS;
  return `${random}.${until}.${markOf(markKey, random, until)}`;
}

/** When a challenge ends, ms; `undefined` for one that is over, or none of ours. */
export function challengeEnd(markKey: Buffer, text: string, nowMs: number): number | undefined {
  const [, random = '', untilText = '', given = ''] = CHALLENGE.exec(text) ?? [];
  const until = Number(untilText);
  if (random === '' || given !== markOf(markKey, random, until)) return undefined;
  return until > nowMs ? until : undefined;
}

function markOf(markKey: Buffer, random: string, until: number): string {
  return mark(markKey, 'sign-in challenge', random, String(until));
}
