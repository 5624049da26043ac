/** What a checker trusts: the log's key, the witnesses' and the authority's root. Prepared once, used for any number of files. */
import { isRoot, readCertificate } from './certificate.js';
import type { Certificate } from './certificate.js';
import { isSafeKey, portableCrypto } from './crypto.js';
import type { ProofCrypto } from './crypto.js';
import type { ReadConsent } from './documents.js';
import { ProofError } from './errors.js';
import { readVkey } from './note.js';
import type { NoteKey } from './note.js';
import { remembered } from './remembered.js';

/** A witness policy as `parsePolicy` reads one; of its logs and witnesses the vkeys alone are used. */
export interface ProofPolicy {
  readonly logs: readonly { readonly vkey: string }[];
  readonly witnesses: readonly { readonly name: string; readonly vkey: string }[];
  /** In order of definition; each member is a witness or an earlier group. */
  readonly groups: ReadonlyMap<string, { readonly threshold: number; readonly members: readonly string[] }>;
  /** A witness or group; `undefined` asks for none. */
  readonly quorum: string | undefined;
}

/** What {@link proofTrust} takes. Logs are those of `vkeys` and of the policy together; at least one. */
export interface ProofTrustInput {
  /** Keys of logs. */
  readonly vkeys?: readonly string[];
  readonly policy?: ProofPolicy;
  /** DER of the authority's root certificate. */
  readonly caRoot: Uint8Array;
  /**
   * Reads the documents behind consents. Without one an opened document is shown with its signature unjudged, and a
   * denial is refused by `consent-compiler-missing`.
   */
  readonly readConsent?: ReadConsent;
}

/** Made by {@link proofTrust}. */
export interface ProofTrust {
  readonly crypto: ProofCrypto;
  readonly root: Certificate;
  readonly logs: readonly NoteKey[];
  readonly witnesses: ReadonlyMap<NoteKey, string>;
  /** Whether these witnesses, by their names, are enough. */
  readonly isQuorum: (names: readonly string[]) => boolean;
  readonly readConsent: ReadConsent | undefined;
}

/**
 * Reads what is to be trusted.
 *
 * @param primitives - A faster pair of primitives than the portable one.
 * @throws ProofError PROOF_BAD_TRUST for a key that is malformed, unsafe or of the wrong kind, for no log at all, and
 * for a root that is none.
 */
export function proofTrust(input: ProofTrustInput, primitives: ProofCrypto = portableCrypto): ProofTrust {
  const { vkeys = [], policy, caRoot, readConsent } = input;
  const crypto = remembered(primitives);
  const logs = [...vkeys, ...(policy?.logs ?? []).map(({ vkey }) => vkey)].map((vkey) =>
    keyOf(vkey, 1, crypto),
  );
  if (logs.length === 0) throw new ProofError('PROOF_BAD_TRUST', 'no key of a log to trust');
  const witnesses = new Map(
    (policy?.witnesses ?? []).map(({ name, vkey }) => [keyOf(vkey, 4, crypto), name] as const),
  );
  const root = readCertificate(caRoot, crypto);
  if (root === undefined || !isSafeKey(root.key) || !isRoot(root, crypto)) {
    throw new ProofError('PROOF_BAD_TRUST', 'not the root certificate of an authority');
  }
  return { crypto, root, logs, witnesses, isQuorum: (names) => isQuorum(policy, names), readConsent };
}

function keyOf(vkey: string, type: NoteKey['type'], crypto: ProofCrypto): NoteKey {
  const key = readVkey(vkey, crypto);
  if (key?.type === type) return key;
  throw new ProofError('PROOF_BAD_TRUST', type === 1 ? 'not the key of a log' : 'not the key of a witness');
}

function isQuorum(policy: ProofPolicy | undefined, names: readonly string[]): boolean {
  if (policy?.quorum === undefined) return true;
  const met = new Set(names);
  for (const [name, { threshold, members }] of policy.groups) {
    if (members.filter((member) => met.has(member)).length >= threshold) met.add(name);
  }
  return met.has(policy.quorum);
}
