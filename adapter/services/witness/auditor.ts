/** An auditor's check of logs: each is replayed from its entries, and what breaks a rule is kept. */
import {
  BUNDLE_BYTES_MAX,
  entriesPath,
  inclusionProof,
  splitBundle,
  TILE_WIDTH,
} from '../../../ledger/log/index.js';
import type { LogReader } from '../../../ledger/verify/index.js';
import { auditFinding, fromTiles, LogReplay } from '../../../ledger/witness/index.js';
import type { BrokenRule, SignedHead } from '../../../ledger/witness/index.js';
import { LedgerError } from '../../../ledger/errors.js';
import { codeOf } from '../../errors.js';
import type { Logger } from '../../logger.js';
import type { EvidenceSink } from './evidence-folder.js';
import type { AuditedLog, AuditResult, Replay } from './witness.js';

export interface AuditorOptions {
  readonly findings: EvidenceSink;
  readonly logger: Logger;
  /** Told while a log is read. */
  readonly onProgress?: (origin: string, read: number, size: number) => void;
}

/**
 * A {@link Replay} that keeps one rebuilt state for each log, and goes on from there at the next checkpoint. The state
 * is in memory alone: a new start reads each log anew.
 */
export function auditor({ findings, logger, onProgress }: AuditorOptions): Replay {
  const replays = new Map<string, LogReplay>();
  /** By origin and leaf: each head that extends a broken one says the same again. */
  const kept = new Map<string, string>();
  return async (log, head): Promise<AuditResult> => {
    const { origin } = log;
    const replay = replays.get(origin) ?? new LogReplay(origin);
    replays.set(origin, replay);
    const verdict = await replay.upTo(log.reader, head.checkpoint, {
      onProgress: (read, size) => onProgress?.(origin, read, size),
    });
    if (verdict.ok) return { ok: true };
    if (verdict.code === 'other-entries') {
      logger.error('a log serves entries that it did not sign', { origin, size: head.checkpoint.size });
      return { ok: false, code: verdict.code };
    }
    const { check, leaf, rule } = verdict.broken;
    const before = kept.get(`${leaf} ${origin}`);
    if (before !== undefined) return { ok: false, code: 'replay-failed', evidence: before };
    logger.error('a log breaks a rule', { origin, check, leaf, rule });
    try {
      const evidence = await findings.keep(await findingOf(log, head, verdict.broken));
      kept.set(`${leaf} ${origin}`, evidence);
      return { ok: false, code: 'replay-failed', evidence };
    } catch (error) {
      // The refusal stands either way.
      logger.error('finding not kept', { origin, code: codeOf(error) });
      return { ok: false, code: 'replay-failed' };
    }
  };
}

async function findingOf(
  { reader, verifiers }: AuditedLog,
  head: SignedHead,
  broken: BrokenRule,
): Promise<ReturnType<typeof auditFinding>> {
  const { size } = head.checkpoint;
  const { leaf } = broken;
  const inclusion = await fromTiles(
    (file, bytesMax) => reader.read(file, bytesMax),
    size,
    (nodes) => inclusionProof(leaf, size, nodes),
  );
  return auditFinding(verifiers, head, broken, await readLeaf(reader, leaf, size), inclusion);
}

async function readLeaf(reader: LogReader, leaf: number, size: number): Promise<Buffer> {
  const index = Math.floor(leaf / TILE_WIDTH);
  const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
  const bytes =
    (await reader.read(entriesPath(index, width), BUNDLE_BYTES_MAX)) ??
    (await reader.read(entriesPath(index), BUNDLE_BYTES_MAX));
  const entry = splitBundle(bytes ?? Buffer.alloc(0), width).found[leaf % TILE_WIDTH];
  if (entry === undefined) throw new LedgerError('LEDGER_UNREADABLE', 'the bundle is missing or short');
  return entry;
}
