/** Following a log by its address: what it publishes is offered to the witness, with a proof out of its tiles. */
import {
  NOTE_BYTES_MAX,
  openCheckpoint,
  parseCheckpoint,
  parseVkey,
  splitNote,
} from '../../../ledger/log/index.js';
import type { Checkpoint, NoteVerifier } from '../../../ledger/log/index.js';
import { urlReader } from '../../../ledger/verify/index.js';
import type { LogReader } from '../../../ledger/verify/index.js';
import { formatAddCheckpoint, proofOfPath, verdictOfPath } from '../../../ledger/witness/index.js';
import type { SignedHead } from '../../../ledger/witness/index.js';
import { codeOf } from '../../errors.js';
import type { Witness, WatchedLog, WitnessedHead } from './witness.js';
import type { PinStore } from './witness-store.js';

/** The log cannot be read, or publishes no key that can be used. */
const UNREADABLE: ReadonlySet<string> = new Set([
  'LEDGER_UNREADABLE',
  'LEDGER_BAD_KEY',
  'LEDGER_BAD_KEY_ID',
  'LEDGER_UNSAFE_KEY',
]);

export interface FollowOptions {
  readonly url: string;
  readonly witness: Witness;
  readonly pins: PinStore;
  /** Trusted keys of logs. With none given at all, the log's own `vkey` file is believed once, and then pinned. */
  readonly vkeys: readonly string[];
  /** Reads a log by its address. */
  readonly readerOf?: (url: string) => LogReader;
}

/** What came of one look at a log. */
export type Followed =
  | { readonly outcome: 'cosigned' | 'unchanged'; readonly checkpoint: Checkpoint; readonly note: Buffer }
  | {
      readonly outcome: 'refused';
      readonly code: string;
      /** Where evidence was put. */
      readonly evidence: readonly string[];
    }
  | { readonly outcome: 'unreachable'; readonly code: string };

/** A vkey has some hundred bytes. */
const VKEY_BYTES_MAX = 4096;

/** Another request may come between our look and our offer; each try begins with the head cosigned by then. */
const ATTEMPTS_MAX = 4;

/** Follows one log. */
export class Follower {
  readonly url: string;
  readonly #options: FollowOptions;
  #log: (WatchedLog & { readonly reader: LogReader }) | undefined;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.url = options.url.replace(/\/+$/, '');
  }

  /** The log's origin, once it was reached. */
  get origin(): string | undefined {
    return this.#log?.origin;
  }

  /**
   * Looks at the log once.
   *
   * @throws What the witness's store throws.
   */
  async look(): Promise<Followed> {
    let served: SignedHead | Followed;
    try {
      served = await this.#read();
    } catch (error) {
      const code = codeOf(error);
      if (UNREADABLE.has(code)) return { outcome: 'unreachable', code };
      throw error;
    }
    if ('outcome' in served) return served;
    const log = this.#log;
    if (log === undefined) return { outcome: 'unreachable', code: 'no-log' };
    const evidence = await this.#options.witness.investigate(log.origin);
    const followed = await this.#offer(log, served);
    return followed.outcome === 'refused'
      ? { ...followed, evidence: [...evidence, ...followed.evidence] }
      : followed;
  }

  async #offer(log: WatchedLog, served: SignedHead): Promise<Followed> {
    const { witness } = this.#options;
    let code = 'busy';
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const latest = witness.latest(log.origin);
      const compared = latest === undefined ? { proof: [] } : await this.#compare(log, latest, served);
      if ('outcome' in compared) return compared;
      const oldSize = latest?.checkpoint.size ?? 0;
      const { proof } = compared;
      const answer = await witness.addCheckpoint(formatAddCheckpoint({ oldSize, proof, note: served.note }));
      if (answer.status === 200) {
        await this.#remember(served.checkpoint.size);
        return { outcome: 'cosigned', checkpoint: served.checkpoint, note: answer.note };
      }
      code = answer.code;
      const evidence = 'evidence' in answer && answer.evidence !== undefined ? [answer.evidence] : [];
      if (code !== 'other-old-size') return { outcome: 'refused', code, evidence };
    }
    return { outcome: 'refused', code, evidence: [] };
  }

  /** The proof from what was cosigned to what is served, or why there is none to offer. */
  async #compare(
    log: WatchedLog,
    latest: WitnessedHead,
    served: SignedHead,
  ): Promise<Followed | { proof: readonly Buffer[] }> {
    const { witness } = this.#options;
    const [small, large] = [latest.checkpoint, served.checkpoint];
    if (small.size === large.size && small.root.equals(large.root)) {
      await this.#remember(small.size);
      return { outcome: 'unchanged', checkpoint: small, note: latest.note };
    }
    const { path, evidence } = await witness.compare(log, latest, served);
    if (evidence !== undefined)
      return { outcome: 'refused', code: 'log-contradicts-itself', evidence: [evidence] };
    if (large.size < small.size) return this.#smaller(log, latest, served, path);
    // The empty tree is a prefix of all, and needs no path.
    if (small.size === 0) return { proof: [] };
    if (path === undefined) return { outcome: 'unreachable', code: 'tiles-unreadable' };
    if (verdictOfPath(small, large, path) === 'does-not-fit')
      return { outcome: 'refused', code: 'tiles-do-not-give-the-root', evidence: [] };
    return { proof: proofOfPath(small.size, path) };
  }

  /** A head that is smaller than the one cosigned last, and does not contradict it. */
  async #smaller(
    log: WatchedLog,
    latest: WitnessedHead,
    served: SignedHead,
    path: readonly Buffer[] | undefined,
  ): Promise<Followed> {
    const { pins, witness } = this.#options;
    const { size } = served.checkpoint;
    // A log that asks its witnesses shows a head when enough of them cosigned it: until then an older one, though
    // never one older than it showed before.
    if (size > 0 && size >= pins.servedSize(this.url)) {
      if (path === undefined) return { outcome: 'unreachable', code: 'tiles-unreadable' };
      if (verdictOfPath(served.checkpoint, latest.checkpoint, path) !== 'prefix')
        return { outcome: 'refused', code: 'tiles-do-not-give-the-root', evidence: [] };
      await this.#remember(size);
      return { outcome: 'unchanged', checkpoint: latest.checkpoint, note: latest.note };
    }
    const notice = await witness.noteRollback(log, latest, served);
    return { outcome: 'refused', code: 'rollback', evidence: notice === undefined ? [] : [notice] };
  }

  async #remember(size: number): Promise<void> {
    const { pins } = this.#options;
    if (size > pins.servedSize(this.url)) await pins.served(this.url, size);
  }

  /** The checkpoint that the log serves; the first time, also where the log is and whose. */
  async #read(): Promise<SignedHead | Followed> {
    const known = this.#log;
    const found =
      known === undefined ? await this.#find() : { reader: known.reader, note: await note(known.reader) };
    if (found?.note === undefined) return { outcome: 'unreachable', code: 'no-checkpoint' };
    const log = known ?? (await this.#identify(found.reader, found.note));
    if ('outcome' in log) return log;
    const opened = openCheckpoint(found.note, log.verifiers);
    if (!opened.ok) return { outcome: 'refused', code: `checkpoint-${opened.code}`, evidence: [] };
    if (opened.checkpoint.origin !== log.origin)
      return { outcome: 'refused', code: 'checkpoint-other-origin', evidence: [] };
    if (known === undefined && !this.#options.witness.watch(log))
      return { outcome: 'refused', code: 'other-keys-for-this-origin', evidence: [] };
    this.#log = log;
    return { note: found.note, checkpoint: opened.checkpoint };
  }

  /** An instance's address stands for its log as well. */
  async #find(): Promise<{ reader: LogReader; note: Buffer | undefined } | undefined> {
    const { readerOf = urlReader } = this.#options;
    for (const base of [this.url, `${this.url}/log`]) {
      const reader = readerOf(base);
      const bytes = await note(reader);
      if (bytes !== undefined) return { reader, note: bytes };
    }
    return undefined;
  }

  async #identify(
    reader: LogReader,
    bytes: Buffer,
  ): Promise<(WatchedLog & { readonly reader: LogReader }) | Followed> {
    const { vkeys, pins } = this.#options;
    const origin = parseCheckpoint(splitNote(bytes)?.text ?? '')?.origin;
    if (origin === undefined) return { outcome: 'refused', code: 'checkpoint-malformed', evidence: [] };
    const verifiers = vkeys.map(parseVkey).filter(({ name }) => name === origin);
    if (verifiers.length === 0) {
      if (vkeys.length > 0) return { outcome: 'refused', code: 'no-key-for-this-origin', evidence: [] };
      const believed = await this.#believe(reader, pins, bytes);
      if (believed.length === 0) return { outcome: 'refused', code: 'no-key-for-this-origin', evidence: [] };
      verifiers.push(...believed);
    }
    return { origin, verifiers, reader };
  }

  /**
   * The keys pinned for this address, or the log's own, which are pinned once a checkpoint bears one of them. There are
   * two while a log's key is rotated.
   */
  async #believe(reader: LogReader, pins: PinStore, bytes: Buffer): Promise<NoteVerifier[]> {
    const pinned = pins.pinned(this.url);
    if (pinned !== undefined) return pinned.split('\n').map(parseVkey);
    const file = await reader.read('vkey', VKEY_BYTES_MAX);
    if (file === undefined) return [];
    const vkeys = file.toString('utf8').replace(/\n$/, '');
    const verifiers = vkeys.split('\n').map(parseVkey);
    if (openCheckpoint(bytes, verifiers).ok) await pins.pin(this.url, vkeys);
    return verifiers;
  }
}

async function note(reader: LogReader): Promise<Buffer | undefined> {
  return reader.read('checkpoint', NOTE_BYTES_MAX);
}
