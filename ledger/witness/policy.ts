/**
 * Witness policies: which logs and witnesses are known, and whose cosignatures make a checkpoint valid.
 *
 * @see https://c2sp.org/tlog-policy
 */
import { LedgerError } from '../errors.js';
import { parseVkey } from '../log/index.js';
import type { NoteVerifier } from '../log/index.js';
import { parseCosignerVkey } from './cosignature.js';

/** Larger files are refused unread. */
export const POLICY_BYTES_MAX = 256 * 1024;

/** Logs, witnesses and groups a policy may have, each; the specification asks for 32 at least. */
const DEFINITIONS_MAX = 256;

/** A log of a policy. */
export interface PolicyLog {
  readonly vkey: string;
  readonly verifier: NoteVerifier;
  readonly url?: string;
}

/** A witness of a policy. */
export interface PolicyWitness {
  /** Within the policy; the key has a name of its own. */
  readonly name: string;
  readonly vkey: string;
  readonly verifier: NoteVerifier;
  /** Submission prefix, below which `add-checkpoint` lies. */
  readonly url?: string;
}

/** At least `threshold` of the members; each the name of a witness or of an earlier group. */
export interface PolicyGroup {
  readonly threshold: number;
  readonly members: readonly string[];
}

/** A policy as read. */
export interface WitnessPolicy {
  readonly logs: readonly PolicyLog[];
  readonly witnesses: readonly PolicyWitness[];
  readonly groups: ReadonlyMap<string, PolicyGroup>;
  /** Name of a witness or group; `undefined` for `none`. */
  readonly quorum: string | undefined;
}

/** Why a policy is refused. */
export type PolicyRefusal =
  | 'too-large'
  | 'forbidden-octet'
  | 'unknown-keyword'
  | 'malformed-line'
  | 'bad-log-key'
  | 'bad-witness-key'
  | 'duplicate-log'
  | 'duplicate-witness'
  | 'duplicate-name'
  | 'unknown-name'
  | 'member-listed-twice'
  | 'bad-threshold'
  | 'two-quorums'
  | 'no-quorum';

/** A policy file, read or refused; `line` counts from 1 and is 0 where no single line is at fault. */
export type ParsedPolicy =
  | { readonly ok: true; readonly policy: WitnessPolicy }
  | { readonly ok: false; readonly code: PolicyRefusal; readonly line: number };

const NONE = 'none';

/**
 * Reads a policy file. A group whose threshold exceeds its members, or a name that nothing defines, is refused:
 * such a quorum could never be met.
 */
export function parsePolicy(bytes: Buffer): ParsedPolicy {
  if (bytes.length > POLICY_BYTES_MAX) return { ok: false, code: 'too-large', line: 0 };
  const reading = new Reading();
  // Octets are opaque: each becomes one character, and only keys and URLs are read as UTF-8.
  for (const [i, line] of bytes.toString('latin1').split('\n').entries()) {
    const code = reading.take(line);
    if (code !== undefined) return { ok: false, code, line: i + 1 };
  }
  return reading.finish();
}

/** Whether these witnesses are a quorum. @param cosigned - Names within the policy. */
export function quorumIsMet(policy: WitnessPolicy, cosigned: ReadonlySet<string>): boolean {
  if (policy.quorum === undefined) return true;
  // Groups come in order of definition and name only earlier ones, so one pass settles all.
  const met = new Set(cosigned);
  for (const [name, { threshold, members }] of policy.groups) {
    if (members.filter((member) => met.has(member)).length >= threshold) met.add(name);
  }
  return met.has(policy.quorum);
}

class Reading {
  readonly #logs: PolicyLog[] = [];
  readonly #witnesses: PolicyWitness[] = [];
  readonly #groups = new Map<string, PolicyGroup>();
  /** Names of witnesses and groups. */
  readonly #names = new Set<string>();
  /** Names that are a group's member already: each may count in one way only. */
  readonly #members = new Set<string>();
  #quorum: string | undefined;

  take(line: string): PolicyRefusal | undefined {
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(line)) return 'forbidden-octet';
    const words = line.split(/[ \t]+/).filter((word) => word !== '');
    const [keyword = '', ...rest] = words;
    if (keyword === '' || keyword.startsWith('#')) return undefined;
    switch (keyword) {
      case 'log':
        return this.#log(rest);
      case 'witness':
        return this.#witness(rest);
      case 'group':
        return this.#group(rest);
      case 'quorum':
        return this.#setQuorum(rest);
      default:
        return 'unknown-keyword';
    }
  }

  finish(): ParsedPolicy {
    if (this.#quorum === undefined) return { ok: false, code: 'no-quorum', line: 0 };
    const quorum = this.#quorum === NONE ? undefined : this.#quorum;
    return {
      ok: true,
      policy: { logs: this.#logs, witnesses: this.#witnesses, groups: this.#groups, quorum },
    };
  }

  #log([key, url, ...more]: readonly string[]): PolicyRefusal | undefined {
    if (key === undefined || more.length > 0) return 'malformed-line';
    const verifier = readKey(key, parseVkey);
    if (verifier === undefined) return 'bad-log-key';
    if (this.#logs.some((known) => known.verifier.publicKey.equals(verifier.publicKey)))
      return 'duplicate-log';
    this.#logs.push({ vkey: utf8(key), verifier, ...(url === undefined ? {} : { url: utf8(url) }) });
    return this.#logs.length > DEFINITIONS_MAX ? 'too-large' : undefined;
  }

  #witness([name, key, url, ...more]: readonly string[]): PolicyRefusal | undefined {
    if (name === undefined || key === undefined || more.length > 0) return 'malformed-line';
    const verifier = readKey(key, parseCosignerVkey);
    if (verifier === undefined) return 'bad-witness-key';
    if (this.#witnesses.some((known) => known.verifier.publicKey.equals(verifier.publicKey)))
      return 'duplicate-witness';
    this.#witnesses.push({
      name,
      vkey: utf8(key),
      verifier,
      ...(url === undefined ? {} : { url: utf8(url) }),
    });
    return this.#witnesses.length > DEFINITIONS_MAX ? 'too-large' : this.#define(name);
  }

  #group([name, count, ...members]: readonly string[]): PolicyRefusal | undefined {
    if (name === undefined || count === undefined || members.length === 0) return 'malformed-line';
    const threshold = readThreshold(count, members.length);
    if (threshold === undefined) return 'bad-threshold';
    for (const member of members) {
      if (!this.#names.has(member)) return 'unknown-name';
      if (this.#members.has(member)) return 'member-listed-twice';
      this.#members.add(member);
    }
    this.#groups.set(name, { threshold, members });
    return this.#groups.size > DEFINITIONS_MAX ? 'too-large' : this.#define(name);
  }

  #setQuorum([name, ...more]: readonly string[]): PolicyRefusal | undefined {
    if (name === undefined || more.length > 0) return 'malformed-line';
    if (this.#quorum !== undefined) return 'two-quorums';
    if (name !== NONE && !this.#names.has(name)) return 'unknown-name';
    this.#quorum = name;
    return undefined;
  }

  #define(name: string): PolicyRefusal | undefined {
    if (name === NONE || this.#names.has(name)) return 'duplicate-name';
    this.#names.add(name);
    return undefined;
  }
}

function readThreshold(text: string, members: number): number | undefined {
  if (text === 'any') return 1;
  if (text === 'all') return members;
  const count = /^[1-9]\d{0,3}$/.test(text) ? Number(text) : 0;
  return count >= 1 && count <= members ? count : undefined;
}

function readKey(text: string, parse: (vkey: string) => NoteVerifier): NoteVerifier | undefined {
  try {
    return parse(utf8(text));
  } catch (error) {
    if (error instanceof LedgerError) return undefined;
    throw error;
  }
}

/** Octets, one a character, read as UTF-8; what is not UTF-8 gets a replacement character, which no key has. */
function utf8(octets: string): string {
  return Buffer.from(octets, 'latin1').toString('utf8');
}
