/**
 * An auditor's finding: an entry that is on the log by the log's own signature, and the rule that it breaks. Anyone
 * with the log's key sees that the log bears the entry; that the rule is broken is repeated with `firebreak verify`,
 * since most rules speak of all entries before.
 */
import {
  canonicalBytes,
  decodeBase64,
  encodeVkey,
  HASH_BYTES,
  leafHash,
  verifyInclusion,
} from '../log/index.js';
import type { Checkpoint, JsonValue, NoteVerifier } from '../log/index.js';
import { CHECK_NAMES } from '../verify/index.js';
import type { CheckName } from '../verify/index.js';
import type { SignedHead } from './evidence.js';
import { keepSignatures } from './log-lines.js';
import type { BrokenRule } from './replay.js';
import { areTexts, judgeHead, membersOfFile, verifiersFor, VKEYS_MAX } from './signed-file.js';

/** First member of a finding's file. */
export const FINDING_FORMAT = 'firebreak/audit/v1';

/** Larger files are refused unread: an entry of 64 KiB in base64, a checkpoint and 64 hashes fit. */
export const FINDING_BYTES_MAX = 256 * 1024;

const INCLUSION_MAX = 64;
const TEXT_MAX = 4096;

/** A finding, in the file's own form. */
export interface AuditFinding {
  readonly kind: 'audit';
  readonly origin: string;
  /** Canonical JSON. */
  readonly bytes: Buffer;
}

/**
 * Writes a finding.
 *
 * @param entry - The leaf's bytes.
 * @param inclusion - From the leaf to the head's root.
 */
export function auditFinding(
  verifiers: readonly NoteVerifier[],
  head: SignedHead,
  broken: BrokenRule,
  entry: Buffer,
  inclusion: readonly Buffer[],
): AuditFinding {
  const { origin } = head.checkpoint;
  const { check, expected, found, leaf, rule } = broken;
  const bytes = canonicalBytes({
    check,
    entry: entry.toString('base64'),
    ...(expected === undefined ? {} : { expected }),
    format: FINDING_FORMAT,
    ...(found === undefined ? {} : { found }),
    head: keepSignatures(head.note, verifiers).toString('utf8'),
    inclusion: inclusion.map((hash) => hash.toString('base64')),
    leaf,
    origin,
    rule,
    vkeys: verifiers.map(({ name, publicKey }) => encodeVkey(name, publicKey)),
  });
  return { kind: 'audit', origin, bytes };
}

/** A finding's file, judged. */
export type FindingVerdict =
  | {
      /** The log signed a tree that has this entry. */
      readonly ok: true;
      readonly origin: string;
      readonly head: Checkpoint;
      readonly leaf: number;
      readonly entry: Buffer;
      readonly check: CheckName;
      readonly rule: string;
      readonly expected?: string;
      readonly found?: string;
      readonly vkeys: readonly string[];
      readonly vkeyTrust: 'given' | 'first-sight';
    }
  | {
      readonly ok: false;
      readonly code:
        | 'malformed'
        | 'bad-key'
        | 'key-not-trusted'
        | 'head-not-signed'
        | 'other-origin'
        | 'entry-not-included';
    };

/**
 * Judges a finding's file. Pure: no network, no clock.
 *
 * @param trusted - vkeys of the log; without them the file's own are believed.
 * @throws LedgerError LEDGER_BAD_KEY for a malformed key in `trusted`.
 */
export function checkFinding(bytes: Buffer, trusted?: readonly string[]): FindingVerdict {
  const file = readFinding(bytes);
  if (file === undefined) return { ok: false, code: 'malformed' };
  const verifiers = verifiersFor(file.vkeys, trusted);
  if (verifiers === undefined) return { ok: false, code: 'bad-key' };
  const judged = judgeHead(file.head, file.origin, verifiers, trusted !== undefined);
  if (!judged.ok) return judged;
  const { checkpoint: head, vkeys } = judged;
  const { leaf, entry, inclusion } = file;
  if (leaf >= head.size || !verifyInclusion(leaf, head.size, leafHash(entry), inclusion, head.root))
    return { ok: false, code: 'entry-not-included' };
  return {
    ok: true,
    origin: file.origin,
    head,
    leaf,
    entry,
    check: file.check,
    rule: file.rule,
    ...(file.expected === undefined ? {} : { expected: file.expected }),
    ...(file.found === undefined ? {} : { found: file.found }),
    vkeys,
    vkeyTrust: trusted === undefined ? 'first-sight' : 'given',
  };
}

interface FindingFile {
  readonly check: CheckName;
  readonly entry: Buffer;
  readonly expected: string | undefined;
  readonly found: string | undefined;
  readonly head: string;
  readonly inclusion: readonly Buffer[];
  readonly leaf: number;
  readonly origin: string;
  readonly rule: string;
  readonly vkeys: readonly string[];
}

const NEEDED = ['check', 'entry', 'format', 'head', 'inclusion', 'leaf', 'origin', 'rule', 'vkeys'];
const KNOWN = new Set([...NEEDED, 'expected', 'found']);

function readFinding(bytes: Buffer): FindingFile | undefined {
  const members = membersOfFile(bytes, FINDING_BYTES_MAX);
  if (members === undefined) return undefined;
  if (!NEEDED.every((name) => name in members) || !Object.keys(members).every((name) => KNOWN.has(name)))
    return undefined;
  const { check, expected, format, found, head, inclusion, leaf, origin, rule, vkeys } = members;
  const name = CHECK_NAMES.find((known) => known === check);
  const entry = decodeBase64(typeof members['entry'] === 'string' ? members['entry'] : '*');
  if (format !== FINDING_FORMAT || name === undefined || entry === undefined) return undefined;
  if (typeof head !== 'string' || typeof origin !== 'string' || !isShort(rule)) return undefined;
  if (!isShortOrAbsent(expected) || !isShortOrAbsent(found)) return undefined;
  if (typeof leaf !== 'number' || !Number.isSafeInteger(leaf) || leaf < 0) return undefined;
  if (!areTexts(vkeys, VKEYS_MAX) || !areTexts(inclusion, INCLUSION_MAX)) return undefined;
  const hashes = inclusion.map(decodeBase64).filter((hash) => hash?.length === HASH_BYTES);
  if (hashes.length !== inclusion.length) return undefined;
  return {
    check: name,
    entry,
    expected,
    found,
    head,
    inclusion: hashes as Buffer[],
    leaf,
    origin,
    rule,
    vkeys,
  };
}

function isShort(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && value.length <= TEXT_MAX;
}

function isShortOrAbsent(value: JsonValue | undefined): value is string | undefined {
  return value === undefined || isShort(value);
}
