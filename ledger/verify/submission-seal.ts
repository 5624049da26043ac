/** What holds a submission together: the root over its drafts, and the one signature. */
import type { KeyObject } from 'node:crypto';
import { canonicalize, verify } from '../log/index.js';
import { foldHashes } from './bundle-hashes.js';

/** First bytes under a submission's signature. */
const DOMAIN = 'firebreak/submission/v1\n';

/** A submission as its leaf states it, with what follows the leaf. */
export interface SubmissionSeal {
  readonly actor: string;
  readonly count: number;
  readonly origin: string;
  /** base64url, as stated. */
  readonly root: string;
  /** base64url, as stated. */
  readonly signature: string;
  /** Leaf hashes of the drafts, side by side. */
  readonly drafts: Uint8Array;
  readonly key: KeyObject;
}

/** A seal that does not hold: the rule, and the two values where there are two. */
export interface BrokenSeal {
  readonly rule: string;
  readonly expected?: string;
  readonly found?: string;
}

/** Whether root and signature hold. Pure work on bytes, so that another thread can do it. */
export function checkSeal(seal: SubmissionSeal): BrokenSeal | undefined {
  const { actor, count, drafts, key, origin } = seal;
  const root = foldHashes(Buffer.from(drafts.buffer, drafts.byteOffset, drafts.byteLength)).toString(
    'base64url',
  );
  if (seal.root !== root) {
    return { rule: 'the root is not that of the drafts', expected: seal.root, found: root };
  }
  const message = Buffer.from(DOMAIN + canonicalize({ actor, count, origin, root }), 'utf8');
  const isGood = verify(key, message, Buffer.from(seal.signature, 'base64url'));
  return isGood ? undefined : { rule: 'the signature fails' };
}
