/**
 * A witness: judges the checkpoints that it is offered or finds, cosigns those that extend what it saw, and keeps
 * evidence of those that cannot.
 *
 * @see https://c2sp.org/tlog-witness
 */
import { openNote, parseCheckpoint } from '../../../ledger/log/index.js';
import type { NoteVerifier } from '../../../ledger/log/index.js';
import type { LogReader } from '../../../ledger/verify/index.js';
import {
  contradictionOf,
  findCosignature,
  fromTiles,
  judgeCheckpoint,
  keepSignatures,
  pathOfProof,
  prefixPath,
  readSignedRequest,
  rollbackNotice,
  withSignatures,
} from '../../../ledger/witness/index.js';
import type {
  Cosigner,
  Evidence,
  ReadAddCheckpoint,
  SignedHead,
  WitnessedLog,
  WitnessRefusal,
} from '../../../ledger/witness/index.js';
import { AdapterError, codeOf } from '../../errors.js';
import type { Logger } from '../../logger.js';
import type { EvidenceSink } from './evidence-folder.js';
import { Turns } from './turns.js';
import type { HeadStore } from './witness-store.js';

/** A log that the witness cosigns. */
export interface WatchedLog extends WitnessedLog {
  /** Its published files, where its address is known. */
  readonly reader?: LogReader;
}

/** A log whose entries can be read. */
export type AuditedLog = WatchedLog & { readonly reader: LogReader };

/** What an auditor found. */
export type AuditResult =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** `replay-failed`: an entry breaks a rule; `other-entries`: those served are not of the signed tree. */
      readonly code: 'replay-failed' | 'other-entries';
      /** Where the finding was put. */
      readonly evidence?: string;
    };

/**
 * A check of more than consistency, which an auditor makes before it cosigns: whether the log's entries up to a signed
 * head keep all rules and give the state that the log anchored.
 *
 * @throws LedgerError LEDGER_UNREADABLE when that cannot be told.
 */
export type Replay = (log: AuditedLog, head: SignedHead) => Promise<AuditResult>;

export interface WitnessOptions {
  readonly cosigner: Cosigner;
  readonly heads: HeadStore;
  readonly evidence: EvidenceSink;
  /** Ms since the epoch. */
  readonly nowMs: () => number;
  readonly logger: Logger;
  /** Makes an auditor of the witness; it needs a key that no plain witness has. */
  readonly replay?: Replay;
}

/** What a witness answers. */
export type WitnessAnswer =
  | {
      readonly status: 200;
      readonly code: 'cosigned';
      /** The cosignature, without its line feed. */
      readonly line: string;
      /** The checkpoint with the log's signatures and the cosignature. */
      readonly note: Buffer;
    }
  | (WitnessRefusal & { readonly evidence?: string })
  | { readonly status: 422; readonly code: 'replay-failed' | 'other-entries'; readonly evidence?: string }
  | { readonly status: 503; readonly code: 'busy' | 'log-unreadable' };

/** A head that the witness stands by. */
export interface WitnessedHead extends SignedHead {
  /** Of its cosignature, seconds since the epoch. */
  readonly timeS: number;
}

/** Requests on one log that are at work or wait; each has at most 64 KiB. */
const WAITING_MAX = 256;

/** Offered heads of one log that wait to be compared by its tiles. */
const SUSPECTS_MAX = 16;

/** A witness of any number of logs. */
export class Witness {
  readonly cosigner: Cosigner;
  readonly #options: WitnessOptions;
  readonly #logs = new Map<string, WatchedLog>();
  readonly #turns = new Turns(WAITING_MAX);
  readonly #suspects = new Map<string, SignedHead[]>();

  constructor(options: WitnessOptions) {
    this.#options = options;
    this.cosigner = options.cosigner;
  }

  /**
   * Takes a log among those that are cosigned.
   *
   * @returns `false` when its origin is known under other keys: they are not mixed.
   */
  watch(log: WatchedLog): boolean {
    const known = this.#logs.get(log.origin);
    if (known !== undefined && !haveSameKeys(known.verifiers, log.verifiers)) return false;
    this.#logs.set(log.origin, known?.reader === undefined ? log : known);
    return true;
  }

  /** The logs, and the heads cosigned last. */
  listing(): { origin: string; head: WitnessedHead | undefined }[] {
    return [...this.#logs.keys()].map((origin) => ({ origin, head: this.latest(origin) }));
  }

  /**
   * The head of a log that was cosigned last.
   *
   * @throws AdapterError ADAPTER_DATA_FOLDER_FOREIGN when what is stored does not bear our cosignature: the state was
   * damaged, or belongs to another key, and cosigning on its word could roll the log back.
   */
  latest(origin: string): WitnessedHead | undefined {
    const note = this.#options.heads.latest(origin);
    return note === undefined ? undefined : this.#openOwn(origin, note);
  }

  /**
   * Answers a request.
   *
   * @param body - As `POST /add-checkpoint` carries it.
   * @throws AdapterError ADAPTER_STORE_FAILED, or another error of the store, with nothing cosigned.
   */
  async addCheckpoint(body: Buffer): Promise<WitnessAnswer> {
    const read = readSignedRequest(body, (origin) => this.#logs.get(origin));
    if (!read.ok) return read.refusal;
    const { log, request } = read;
    // Check and persistence share one turn, so that no slower request can put an older head in place of a newer.
    const answer = this.#turns.take(log.origin, () => this.#decide(log, request));
    return (await answer) ?? { status: 503, code: 'busy' };
  }

  /**
   * Compares offered heads that could not be judged by themselves with the log's tiles.
   *
   * @returns Where evidence was put.
   */
  async investigate(origin: string): Promise<string[]> {
    const log = this.#logs.get(origin);
    const suspects = this.#suspects.get(origin) ?? [];
    this.#suspects.delete(origin);
    const latest = this.latest(origin);
    if (log === undefined || latest === undefined) return [];
    const kept: string[] = [];
    for (const suspect of suspects) {
      const { evidence } = await this.compare(log, latest, suspect);
      if (evidence !== undefined) kept.push(evidence);
    }
    return kept;
  }

  /**
   * Compares a head with what was cosigned, by the tiles of the larger tree of the two.
   *
   * @returns The path between them where the tiles give one, and where evidence of a contradiction was put.
   */
  async compare(
    log: WatchedLog,
    latest: SignedHead,
    other: SignedHead,
  ): Promise<{ path?: readonly Buffer[]; evidence?: string }> {
    const { reader } = log;
    const size1 = Math.min(latest.checkpoint.size, other.checkpoint.size);
    const size2 = Math.max(latest.checkpoint.size, other.checkpoint.size);
    if (reader === undefined || size1 < 1 || size1 === size2) {
      return this.#keep(contradictionOf(log.verifiers, latest, other));
    }
    let path: Buffer[];
    try {
      path = await fromTiles(
        (file, bytesMax) => reader.read(file, bytesMax),
        size2,
        (nodes) => prefixPath(size1, size2, nodes),
      );
    } catch (error) {
      this.#options.logger.warn('tiles not read', { code: codeOf(error) });
      return {};
    }
    return { path, ...(await this.#keep(contradictionOf(log.verifiers, latest, other, path))) };
  }

  /** Keeps a notice that a log serves a smaller head than it did; proves nothing by itself. */
  async noteRollback(log: WatchedLog, seen: SignedHead, served: SignedHead): Promise<string | undefined> {
    return (await this.#keep(rollbackNotice(log.verifiers, seen, served))).evidence;
  }

  async #decide(log: WatchedLog, request: ReadAddCheckpoint): Promise<WitnessAnswer> {
    const latest = this.latest(log.origin);
    const refusal = judgeCheckpoint(request, latest?.checkpoint);
    if (refusal !== undefined) return { ...refusal, ...(await this.#examine(log, request, refusal, latest)) };
    const audit = await this.#audit(log, { note: request.note, checkpoint: request.checkpoint });
    if (audit !== undefined) return audit;
    const own = this.#ownLine(log, request, latest);
    // A clock that steps back must not make a later head look older than an earlier one.
    const timeS = Math.max(Math.floor(this.#options.nowMs() / 1000), latest?.timeS ?? 0, own ?? 0);
    const line = this.cosigner.cosign(request.text, timeS);
    const note = withSignatures(keepSignatures(request.note, log.verifiers), [line]);
    // Nothing was shown to anyone yet. A crash before the next line has taken effect leaves the head before; after it,
    // this one, which its asker learns of by a conflict and gets cosigned anew.
    await this.#options.heads.put(log.origin, request.checkpoint.size, note);
    return { status: 200, code: 'cosigned', line, note };
  }

  /**
   * The time of our own cosignature on an offered head that is beyond what we remember. It says that our state is
   * older than what we signed: somebody put an old one back, and heads that we signed since are forgotten.
   */
  #ownLine(
    log: WatchedLog,
    { note, checkpoint }: ReadAddCheckpoint,
    latest: WitnessedHead | undefined,
  ): number | undefined {
    const own = findCosignature(note, this.cosigner.verifier);
    if (own === undefined || checkpoint.size <= (latest?.checkpoint.size ?? -1)) return undefined;
    this.#options.logger.error('our state is older than our own cosignature: was a backup restored?', {
      origin: log.origin,
      size: checkpoint.size,
      remembered: latest?.checkpoint.size ?? 0,
    });
    return own.timeS;
  }

  async #audit(log: WatchedLog, head: SignedHead): Promise<WitnessAnswer | undefined> {
    const { replay, logger } = this.#options;
    if (replay === undefined) return undefined;
    const { reader } = log;
    if (reader === undefined) return { status: 503, code: 'log-unreadable' };
    try {
      const result = await replay({ ...log, reader }, head);
      if (result.ok) return undefined;
      const { code, evidence } = result;
      return { status: 422, code, ...(evidence === undefined ? {} : { evidence }) };
    } catch (error) {
      logger.warn('log not replayed', { code: codeOf(error) });
      return { status: 503, code: 'log-unreadable' };
    }
  }

  /** Looks whether a refused head contradicts what was cosigned. */
  async #examine(
    log: WatchedLog,
    request: ReadAddCheckpoint,
    refusal: WitnessRefusal,
    latest: WitnessedHead | undefined,
  ): Promise<{ evidence?: string }> {
    if (latest === undefined) return {};
    const offered: SignedHead = { note: request.note, checkpoint: request.checkpoint };
    const past = this.#options.heads.at(log.origin, offered.checkpoint.size);
    if (past !== undefined) {
      // A head of this size was cosigned: it is either this one again, or proof.
      return this.#keep(contradictionOf(log.verifiers, this.#openOwn(log.origin, past), offered));
    }
    if (refusal.code === 'proof-does-not-verify') {
      const path = pathOfProof(request.oldSize, request.proof);
      const evidence = contradictionOf(log.verifiers, latest, offered, path);
      if (evidence !== undefined) return this.#keep(evidence);
    }
    this.#suspect(log, offered);
    return {};
  }

  #suspect(log: WatchedLog, head: SignedHead): void {
    if (log.reader === undefined) return;
    const suspects = this.#suspects.get(log.origin) ?? [];
    if (suspects.some(({ checkpoint }) => checkpoint.root.equals(head.checkpoint.root))) return;
    if (suspects.length < SUSPECTS_MAX) suspects.push({ ...head, note: Buffer.from(head.note) });
    this.#suspects.set(log.origin, suspects);
  }

  /** A failure to keep evidence is logged and borne: the refusal stands either way. */
  async #keep(evidence: Evidence | undefined): Promise<{ evidence?: string }> {
    if (evidence === undefined) return {};
    const { logger } = this.#options;
    try {
      const path = await this.#options.evidence.keep(evidence);
      if (evidence.kind === 'rollback')
        logger.warn('a log serves a smaller head', { origin: evidence.origin });
      else logger.error('a log contradicts itself', { origin: evidence.origin, kind: evidence.kind });
      return { evidence: path };
    } catch (error) {
      logger.error('evidence not kept', { code: codeOf(error), kind: evidence.kind });
      return {};
    }
  }

  #openOwn(origin: string, note: Buffer): WitnessedHead {
    const own = openNote(note, [this.cosigner.verifier]);
    const checkpoint = own.ok ? parseCheckpoint(own.text) : undefined;
    const found = findCosignature(note, this.cosigner.verifier);
    if (checkpoint?.origin !== origin || found === undefined) {
      throw new AdapterError(
        'ADAPTER_DATA_FOLDER_FOREIGN',
        'the witness’s state is damaged, or of another key: nothing of this log is cosigned any more',
      );
    }
    return { note, checkpoint, timeS: found.timeS };
  }
}

function haveSameKeys(some: readonly NoteVerifier[], others: readonly NoteVerifier[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ publicKey }) => others.some((other) => other.publicKey.equals(publicKey)))
  );
}
