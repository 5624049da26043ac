/** Published logs by the formats' definitions alone: they take entries that no engine would. */
import {
  CompactRange,
  encodeBundle,
  encodeVkey,
  entriesPath,
  entryBytes,
  generateSeed,
  leafHash,
  noteSigner,
  publicKey,
  signCheckpoint,
  stampDraft,
  tilePath,
  tilesOf,
} from '../../../ledger/log/index.js';
import type { Submission } from '../../../ledger/log/index.js';
import type { CheckName, Failure, LogReader, VerifyReport } from '../../../ledger/verify/index.js';
import { ORIGIN } from '../log/fixture.js';

export type Files = Map<string, Buffer>;

export const T0 = 1_795_000_000_000;
/** The log's key in these tests. */
export const logSeed = generateSeed();
export const VKEY = encodeVkey(ORIGIN, publicKey(logSeed));

/** The files of a log with these leaves. */
export function publish(leaves: readonly Buffer[], origin: string = ORIGIN, key: Buffer = logSeed): Files {
  const files: Files = new Map();
  const hashes: Buffer[][] = [];
  const range = new CompactRange();
  for (const leaf of leaves) {
    range.append(leafHash(leaf), (height, _, hash) => {
      if (height % 8 === 0) (hashes[height / 8] ??= []).push(hash);
    });
  }
  for (const { level, index, width } of tilesOf(leaves.length)) {
    const from = index * 256;
    files.set(tilePath(level, index, width), Buffer.concat((hashes[level] ?? []).slice(from, from + width)));
    if (level === 0) files.set(entriesPath(index, width), encodeBundle(leaves.slice(from, from + width)));
  }
  const checkpoint = { origin, size: leaves.length, root: range.root() };
  files.set('checkpoint', signCheckpoint(checkpoint, [noteSigner(origin, key)]));
  files.set('vkey', Buffer.from(`${encodeVkey(origin, publicKey(key))}\n`));
  return files;
}

/** Leaves of submissions, all at one time, or each at the next of several. */
export function leavesOf(submissions: readonly Submission[], times: readonly number[] = [T0]): Buffer[] {
  return submissions.flatMap(({ leaf, draftBytes }, i) => {
    const at = times[Math.min(i, times.length - 1)] ?? T0;
    return [entryBytes({ ...leaf, at }), ...draftBytes.map((bytes) => stampDraft(bytes, at))];
  });
}

export function readerOf(files: Files): LogReader {
  return { read: async (path) => files.get(path) };
}

/** The checkpoint of published files. */
export function checkpointOf(files: Files): Buffer {
  return files.get('checkpoint') ?? Buffer.alloc(0);
}

export function failedChecks(report: VerifyReport): CheckName[] {
  return report.checks.filter(({ ok }) => !ok).map(({ name }) => name);
}

export function failureOf(report: VerifyReport, name: CheckName): Failure | undefined {
  return report.checks.find((check) => check.name === name)?.failure;
}
