/**
 * Our log's side of witnessing: each new checkpoint is shown to the witnesses of a policy, in the background, and the
 * cosigned one is published when a quorum has signed. No commit waits for any of it.
 */
import { setMaxListeners } from 'node:events';
import type { PublishedLog } from '../../../ledger/engines/index.js';
import { parseCheckpoint, splitNote } from '../../../ledger/log/index.js';
import type { TileSource } from '../../../ledger/witness/index.js';
import { findCosignature, quorumIsMet } from '../../../ledger/witness/index.js';
import type { WitnessPolicy } from '../../../ledger/witness/index.js';
import { codeOf } from '../../errors.js';
import type { Logger } from '../../logger.js';
import { AskedWitness, cosignedNote } from './ask-witness.js';
import type { Asked, Post } from './ask-witness.js';

export interface CosignerOptions {
  readonly log: Pick<PublishedLog, 'checkpoint' | 'read'>;
  readonly policy: WitnessPolicy;
  /** Submission prefixes by the witness's name in the policy; they go before the policy's own. */
  readonly urls?: ReadonlyMap<string, string>;
  readonly logger: Logger;
  /** Least time from one round of asking to the next, ms. Default 1000: commits may come much faster. */
  readonly roundMs?: number;
  /** A witness has this long to answer, ms. Default 10000. */
  readonly requestMs?: number;
  /** Told of each checkpoint that a quorum cosigned, and again when another witness adds its line. */
  readonly onCosigned?: (note: Buffer) => void;
  /** What was cosigned last before the start: says where each witness stands. */
  readonly cosigned?: Buffer;
  /** Ms since the epoch. */
  readonly nowMs?: () => number;
  readonly post?: Post;
}

/** How a witness did when it was last asked. */
export interface WitnessStatus {
  readonly name: string;
  /** Submission prefix. */
  readonly url: string;
  readonly outcome: Asked['outcome'] | 'not-asked';
  readonly code?: string;
  /** Size that it cosigned last; 0 where none is known. */
  readonly size: number;
  /** When its last answer came or failed to come, ms since the epoch. */
  readonly atMs?: number;
}

const ROUND_MS = 1000;
const REQUEST_MS = 10_000;
/** A checkpoint without a quorum is shown again, ever more seldom, at least this often, ms. */
const RETRY_MS_MAX = 60_000;
/** Once there is a quorum, the others get this long to add their lines before the next checkpoint is taken, ms. */
const GRACE_MS = 250;

/** A checkpoint that is being shown around. */
interface Round {
  readonly note: Buffer;
  readonly size: number;
  /** Cosignature lines by the witness's name in the policy. */
  readonly lines: Map<string, string>;
}

/** See {@link CosignerOptions}. Reached witnesses are those with an address. */
export class CheckpointCosigner {
  readonly #options: CosignerOptions;
  readonly #tiles: TileSource;
  readonly #asked: readonly AskedWitness[];
  readonly #busy = new Set<AskedWitness>();
  readonly #status = new Map<string, WitnessStatus>();
  readonly #stop = new AbortController();
  #next: Buffer | undefined;
  /** Ends the wait for another try. */
  #wake: () => void = () => undefined;
  #running: Promise<void> | undefined;
  #cosigned: { readonly note: Buffer; readonly size: number } | undefined;

  constructor(options: CosignerOptions) {
    const { cosigned, log, policy, urls } = options;
    // Each request and each pause listens for the end.
    setMaxListeners(0, this.#stop.signal);
    this.#options = options;
    this.#tiles = (path) => log.read(path);
    if (cosigned !== undefined) this.#cosigned = { note: cosigned, size: sizeOf(cosigned) };
    this.#asked = policy.witnesses.flatMap((witness) => {
      const url = urls?.get(witness.name) ?? witness.url;
      if (url === undefined) return [];
      const signed = cosigned === undefined ? undefined : findCosignature(cosigned, witness.verifier);
      const size = signed === undefined ? 0 : (this.#cosigned?.size ?? 0);
      this.#status.set(witness.name, { name: witness.name, url, outcome: 'not-asked', size });
      return [new AskedWitness(witness, url, options.post, size)];
    });
  }

  /** Whether those that can be asked would be a quorum. */
  get canMeetQuorum(): boolean {
    return quorumIsMet(this.#options.policy, new Set(this.#asked.map(({ witness }) => witness.name)));
  }

  /**
   * Takes a new checkpoint; of several that come during a round only the last is shown. Returns at once and never
   * throws.
   *
   * @param note - Signed by the log. Default: the log's present one.
   */
  onCheckpoint(note: Buffer = this.#options.log.checkpoint()): void {
    if (this.#stop.signal.aborted || this.#asked.length === 0) return;
    this.#next = note;
    this.#wake();
    this.#running ??= this.#run();
  }

  /** The last checkpoint that a quorum cosigned, with the lines of all who did. */
  cosigned(): Buffer | undefined {
    return this.#cosigned?.note;
  }

  /** How each witness did, by its name in the policy. */
  status(): WitnessStatus[] {
    return [...this.#status.values()];
  }

  /** Ends what is under way; nothing is asked after it. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Round after round, until a quorum cosigned the last checkpoint. */
  async #run(): Promise<void> {
    const { roundMs = ROUND_MS } = this.#options;
    let round: Round | undefined;
    let failures = 0;
    try {
      while (!this.#stop.signal.aborted) {
        if (this.#next !== undefined) {
          round = { note: this.#next, size: sizeOf(this.#next), lines: new Map() };
          failures = 0;
          this.#next = undefined;
        }
        if (round === undefined) return;
        const pause = this.#pause(roundMs);
        await this.#round(round);
        await pause;
        if (this.#next !== undefined) continue;
        if (this.#isMet(round)) return;
        failures += 1;
        const woken = new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        await Promise.race([this.#pause(Math.min(roundMs * 2 ** failures, RETRY_MS_MAX)), woken]);
      }
    } catch (error) {
      this.#options.logger.error('witnesses not asked', { code: codeOf(error) });
    } finally {
      this.#running = undefined;
      // A checkpoint that came between the last look and here would else wait for the next one.
      if (this.#next !== undefined && !this.#stop.signal.aborted) this.#running = this.#run();
    }
  }

  /**
   * Asks all whose line is missing and who are not still answering an older request; lines that come late are added
   * when they come.
   */
  async #round(round: Round): Promise<void> {
    const asking = this.#asked
      .filter((asked) => !this.#busy.has(asked) && !round.lines.has(asked.witness.name))
      .map((asked) => this.#askOne(asked, round));
    const all = Promise.all(asking);
    // The first that made the quorum; without one, all have answered.
    const met = Promise.race([all, ...asking.map(async (one) => ((await one) ? true : all))]);
    await Promise.race([met, this.#pause(this.#options.requestMs ?? REQUEST_MS)]);
    await Promise.race([all, this.#pause(GRACE_MS)]);
  }

  /** @returns Whether the round has a quorum now. */
  async #askOne(asked: AskedWitness, round: Round): Promise<boolean> {
    const { name } = asked.witness;
    const { logger, requestMs = REQUEST_MS } = this.#options;
    this.#busy.add(asked);
    // By hand: Node 20 may collect a combined signal before it fires, and the request would then never end.
    const limit = new AbortController();
    const end = (): void => limit.abort();
    const timer = setTimeout(end, requestMs);
    timer.unref();
    this.#stop.signal.addEventListener('abort', end, { once: true });
    const answer = await asked.ask(round.note, this.#tiles, limit.signal, () =>
      sizeOf(this.#options.log.checkpoint()),
    );
    clearTimeout(timer);
    this.#stop.signal.removeEventListener('abort', end);
    this.#busy.delete(asked);
    if (this.#stop.signal.aborted) return false;
    const before = this.#status.get(name) ?? { name, url: '', outcome: 'not-asked', size: 0 };
    const { url } = before;
    const atMs = this.#options.nowMs?.();
    const when = atMs === undefined ? {} : { atMs };
    if (answer.outcome === 'cosigned') {
      // A line that comes late is of a round before, and says nothing new of the size.
      const size = Math.max(round.size, before.size);
      this.#status.set(name, { name, url, outcome: 'cosigned', size, ...when });
      if (before.outcome !== 'cosigned' && before.outcome !== 'not-asked')
        logger.info('a witness cosigns again', { witness: name, size: round.size });
      round.lines.set(name, answer.line);
      return this.#publish(round);
    }
    const { outcome, code } = answer;
    this.#status.set(name, { name, url, outcome, code, size: before.size, ...when });
    // It follows us by itself and was faster; the next round shows what it knows.
    if (code === 'witness-knows-a-newer-one') return false;
    const fields = { witness: name, code, size: round.size };
    // One line when it begins; the next tries say nothing new.
    if (before.code === code) return false;
    if (code === 'witness-is-ahead' || code === 'witness-saw-another-root')
      logger.error('a witness saw another history of this log', fields);
    else logger.warn('a witness did not cosign', fields);
    return false;
  }

  #isMet({ lines }: Round): boolean {
    return quorumIsMet(this.#options.policy, new Set(lines.keys()));
  }

  #publish(round: Round): boolean {
    if (!this.#isMet(round)) return false;
    if (this.#cosigned !== undefined && this.#cosigned.size > round.size) return true;
    // In the policy's order, whoever came first.
    const lines = this.#asked.flatMap(({ witness }) => round.lines.get(witness.name) ?? []);
    this.#cosigned = { note: cosignedNote(round.note, lines), size: round.size };
    this.#options.onCosigned?.(this.#cosigned.note);
    return true;
  }

  /** Resolves after a time, or at once when we stop. Does not keep the process alive. */
  #pause(ms: number): Promise<void> {
    const { signal } = this.#stop;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const timer = setTimeout(done, ms);
      timer.unref();
      signal.addEventListener('abort', done, { once: true });
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      }
    });
  }
}

function sizeOf(note: Buffer): number {
  return parseCheckpoint(splitNote(note)?.text ?? '')?.size ?? 0;
}
