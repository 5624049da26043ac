/**
 * Evidence that a log contradicted itself. It holds two heads that the log signed, and, where their sizes differ,
 * the path that shows them to be of different histories. Whoever has the log's key is convinced by it alone.
 */
import { canonicalBytes, decodeBase64, encodeVkey } from '../log/index.js';
import type { Checkpoint, NoteVerifier } from '../log/index.js';
import { PROOF_LINES_MAX } from './add-checkpoint.js';
import { keepSignatures } from './log-lines.js';
import { rootsOfPath } from './prefix-path.js';
import { areTexts, judgeHead, membersOfFile, verifiersFor, VKEYS_MAX } from './signed-file.js';

/** First member of an evidence file. */
export const EVIDENCE_FORMAT = 'firebreak/evidence/v1';

/** Larger files are refused unread: two checkpoints and 64 hashes fit many times. */
export const EVIDENCE_BYTES_MAX = 64 * 1024;

/** A start node, and as many hashes as a consistency proof has. */
const PATH_HASHES_MAX = PROOF_LINES_MAX + 1;

/**
 * - `two-roots`: two heads of one size and different roots.
 * - `other-history`: the smaller head is not a prefix of the larger one.
 * - `rollback`: a smaller head was served after a larger one had been seen. That both are signed proves nothing
 *   by itself, for the smaller may be old and true: it is kept as a notice.
 */
export type EvidenceKind = 'two-roots' | 'other-history' | 'rollback';

/** A head as signed. */
export interface SignedHead {
  /** The signed note. */
  readonly note: Buffer;
  readonly checkpoint: Checkpoint;
}

/** Evidence, in the file's own form. */
export interface Evidence {
  readonly kind: EvidenceKind;
  readonly origin: string;
  /** Canonical JSON. */
  readonly bytes: Buffer;
}

/**
 * Evidence from two heads that one log signed.
 *
 * @param path - From the smaller to the larger size, by the larger one's tree; needed where the sizes differ.
 * @returns `undefined` when they do not contradict one another.
 */
export function contradictionOf(
  verifiers: readonly NoteVerifier[],
  first: SignedHead,
  second: SignedHead,
  path?: readonly Buffer[],
): Evidence | undefined {
  const [small, large] = inOrder(first, second);
  if (small.checkpoint.size === large.checkpoint.size) {
    if (small.checkpoint.root.equals(large.checkpoint.root)) return undefined;
    return write('two-roots', verifiers, [small, large]);
  }
  if (path === undefined || verdictOfPath(small.checkpoint, large.checkpoint, path) !== 'other-history')
    return undefined;
  return write('other-history', verifiers, [small, large], path);
}

/** The notice of a smaller head, served after a larger one was seen. */
export function rollbackNotice(
  verifiers: readonly NoteVerifier[],
  seen: SignedHead,
  served: SignedHead,
): Evidence {
  return write('rollback', verifiers, inOrder(seen, served));
}

/**
 * What a path says of two heads: `prefix`, `other-history`, or `does-not-fit` when it is not of the larger tree.
 */
export function verdictOfPath(
  small: Checkpoint,
  large: Checkpoint,
  path: readonly Buffer[],
): 'prefix' | 'other-history' | 'does-not-fit' {
  const roots = rootsOfPath(small.size, large.size, path);
  if (roots === undefined || !roots.root2.equals(large.root)) return 'does-not-fit';
  return roots.root1.equals(small.root) ? 'prefix' : 'other-history';
}

/** Why a file is no evidence. */
export type EvidenceRefusal =
  | 'malformed'
  | 'bad-key'
  | 'key-not-trusted'
  | 'head-not-signed'
  | 'other-origin'
  | 'path-does-not-fit'
  | 'no-contradiction';

/** A file, judged. */
export type EvidenceVerdict =
  | {
      readonly ok: true;
      readonly kind: EvidenceKind;
      readonly origin: string;
      /** The smaller one first. */
      readonly heads: readonly [Checkpoint, Checkpoint];
      /** Keys under which the heads are signed. */
      readonly vkeys: readonly string[];
      /** Whether the caller gave the keys, or the file's own were believed. */
      readonly vkeyTrust: 'given' | 'first-sight';
      /** For `other-history`: the root that the larger tree has at the smaller size, 32 bytes. */
      readonly prefixRoot?: Buffer;
    }
  | { readonly ok: false; readonly code: EvidenceRefusal };

/**
 * Judges an evidence file, from nothing but its bytes and the log's keys. Pure: no network, no clock.
 *
 * @param trusted - vkeys of the log. Without them the file's own are believed: the result then means only
 * that whoever holds those keys contradicted himself.
 * @throws LedgerError LEDGER_BAD_KEY for a malformed key in `trusted`.
 */
export function checkEvidence(bytes: Buffer, trusted?: readonly string[]): EvidenceVerdict {
  const file = readFile(bytes);
  if (file === undefined) return { ok: false, code: 'malformed' };
  const verifiers = verifiersFor(file.vkeys, trusted);
  if (verifiers === undefined) return { ok: false, code: 'bad-key' };
  const heads: Checkpoint[] = [];
  const used = new Set<string>();
  for (const note of file.heads) {
    const judged = judgeHead(note, file.origin, verifiers, trusted !== undefined);
    if (!judged.ok) return judged;
    heads.push(judged.checkpoint);
    for (const vkey of judged.vkeys) used.add(vkey);
  }
  const [small, large] = heads;
  if (small === undefined || large === undefined || small.size > large.size)
    return { ok: false, code: 'malformed' };
  const found = {
    ok: true,
    kind: file.kind,
    origin: file.origin,
    heads: [small, large],
    vkeys: [...used],
    vkeyTrust: trusted === undefined ? 'first-sight' : 'given',
  } as const;
  // Two signed heads of which one is smaller: any log has them.
  if (file.kind === 'rollback') return { ok: false, code: 'no-contradiction' };
  if (file.kind === 'two-roots') {
    const differ = small.size === large.size && !small.root.equals(large.root);
    return differ ? found : { ok: false, code: 'no-contradiction' };
  }
  const verdict = verdictOfPath(small, large, file.path);
  if (verdict === 'does-not-fit') return { ok: false, code: 'path-does-not-fit' };
  if (verdict === 'prefix') return { ok: false, code: 'no-contradiction' };
  const prefixRoot = rootsOfPath(small.size, large.size, file.path)?.root1;
  return prefixRoot === undefined ? found : { ...found, prefixRoot };
}

function inOrder(a: SignedHead, b: SignedHead): readonly [SignedHead, SignedHead] {
  const order = a.checkpoint.size - b.checkpoint.size || Buffer.compare(a.checkpoint.root, b.checkpoint.root);
  return order <= 0 ? [a, b] : [b, a];
}

function write(
  kind: EvidenceKind,
  verifiers: readonly NoteVerifier[],
  heads: readonly [SignedHead, SignedHead],
  path: readonly Buffer[] = [],
): Evidence {
  const origin = heads[0].checkpoint.origin;
  const bytes = canonicalBytes({
    format: EVIDENCE_FORMAT,
    heads: heads.map(({ note }) => keepSignatures(note, verifiers).toString('utf8')),
    kind,
    origin,
    path: path.map((hash) => hash.toString('base64')),
    vkeys: verifiers.map(({ name, publicKey }) => encodeVkey(name, publicKey)),
  });
  return { kind, origin, bytes };
}

interface EvidenceFile {
  readonly kind: EvidenceKind;
  readonly origin: string;
  readonly heads: readonly [string, string];
  readonly path: readonly Buffer[];
  readonly vkeys: readonly string[];
}

const MEMBERS = 'format,heads,kind,origin,path,vkeys';

function readFile(bytes: Buffer): EvidenceFile | undefined {
  const members = membersOfFile(bytes, EVIDENCE_BYTES_MAX);
  if (members === undefined || Object.keys(members).join(',') !== MEMBERS) return undefined;
  const { format, heads, kind, origin, path, vkeys } = members;
  if (format !== EVIDENCE_FORMAT || typeof origin !== 'string') return undefined;
  if (kind !== 'two-roots' && kind !== 'other-history' && kind !== 'rollback') return undefined;
  if (!areTexts(heads, 2) || !areTexts(path, PATH_HASHES_MAX) || !areTexts(vkeys, VKEYS_MAX))
    return undefined;
  const [small, large] = heads;
  if (small === undefined || large === undefined) return undefined;
  if (kind !== 'other-history' && path.length > 0) return undefined;
  const hashes = path.map(decodeBase64).filter((hash) => hash !== undefined);
  if (hashes.length !== path.length) return undefined;
  return { kind, origin, heads: [small, large], path: hashes, vkeys };
}
