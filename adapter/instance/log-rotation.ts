/**
 * Rotation of the log's key. From its `key.rotated` on, both keys sign each checkpoint, so that who knows either can
 * follow; when the overlap ends the former key is destroyed, and what leads from it to the next stays published: a
 * checkpoint that both have signed, over a tree which holds the entry.
 *
 * What a crash leaves, step by step: a next key that nothing names, which the next try takes; the entry and our row of
 * the rotation, by which the next start has both keys sign; the next key signing alone, with our row or the former
 * key's file still there, which the next start removes.
 */
import type { Appender } from '../../ledger/custody/index.js';
import { rotationKey, VKEY_KEY } from '../../ledger/engines/index.js';
import type { EmbeddedEngine } from '../../ledger/engines/index.js';
import { encodeVkey, generateSeed, publicKey } from '../../ledger/log/index.js';
import type { Store } from '../../ledger/store.js';
import type { KeyRing } from '../../ledger/vault/index.js';
import { AdapterError } from '../errors.js';

export interface LogRotationOptions {
  readonly store: Store;
  readonly engine: EmbeddedEngine;
  readonly appender: Appender;
  readonly keyRing: KeyRing;
  readonly nowMs: () => number;
  /** Told when an overlap could not be ended at its time; the next {@link LogRotation.settle} tries again. */
  readonly onFailure?: (error: unknown) => void;
}

/** A rotation under way, public all of it. */
export interface RotationUnderWay {
  readonly from: string;
  readonly to: string;
  /** Both keys sign up to here, ms since the epoch. */
  readonly overlapUntil: number;
}

const ROW = 'log-rotation';
/** The longest that a timer can wait. */
const TIMER_MS_MAX = 2_147_483_647;

export class LogRotation {
  readonly #options: LogRotationOptions;
  /** One change after the other: a timer, a command and a regular look may come together. */
  #turn: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: LogRotationOptions) {
    this.#options = options;
  }

  /** The one under way. */
  get underWay(): RotationUnderWay | undefined {
    const row = this.#options.store.getSync(ROW);
    return row === undefined ? undefined : (JSON.parse(row.toString('utf8')) as RotationUnderWay);
  }

  /**
   * Makes a next key and announces it on the log. Without an overlap the next key signs alone from the end of this call.
   *
   * @param overlapMs - How long both keys sign.
   * @throws AdapterError ADAPTER_CONFLICT while another rotation is under way; VaultError VAULT_KEY_IO; LedgerError as
   * appending does.
   */
  begin(overlapMs: number): Promise<RotationUnderWay> {
    return this.#inTurn(async () => {
      await this.#settle();
      const rotation = await this.#announce(overlapMs);
      await this.#settle();
      return rotation;
    });
  }

  /**
   * Goes on where a crash has stopped a rotation, and ends one whose overlap is over. One that is not over is ended at
   * its time, if this process still runs then.
   */
  settle(): Promise<void> {
    return this.#inTurn(() => this.#settle());
  }

  /** Waits for what is under way; nothing is begun after it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#turn;
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(change);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #announce(overlapMs: number): Promise<RotationUnderWay> {
    const { appender, engine, keyRing, nowMs } = this.#options;
    if (this.underWay !== undefined) throw underWay(this.underWay);
    await keyRing.keepNextLogKey(generateSeed());
    const next = keyRing.keys.nextLogSeed;
    if (next === undefined) throw new Error('a next key that was not kept');
    const rotation: RotationUnderWay = {
      from: engine.vkey,
      to: encodeVkey(engine.origin, publicKey(next)),
      overlapUntil: nowMs() + overlapMs,
    };
    await appender.appendControl({}, (view) => {
      if (view.get(ROW) !== undefined) throw underWay(rotation);
      return {
        drafts: [{ type: 'key.rotated', body: { key: 'log', ...rotation } }],
        writes: [{ type: 'put', key: ROW, value: Buffer.from(JSON.stringify(rotation), 'utf8') }],
        value: undefined,
      };
    });
    await this.#sign([rotation.from, rotation.to]);
    return rotation;
  }

  async #settle(): Promise<void> {
    const { appender, engine, keyRing, nowMs, store } = this.#options;
    const rotation = this.underWay;
    const inForce = (): string => store.getSync(VKEY_KEY)?.toString('utf8').trim() ?? '';
    if (rotation !== undefined) {
      const { from, to, overlapUntil } = rotation;
      // The checkpoint must bear both signatures, over a tree with the entry in it.
      if (inForce() === from) await this.#sign([from, to]);
      if (overlapUntil > nowMs()) {
        this.#endLater(overlapUntil - nowMs());
        return;
      }
      if (inForce() !== to) {
        await this.#sign([from, to]);
        const file = Buffer.concat([Buffer.from(`${from}\n${to}\n`, 'utf8'), engine.checkpoint()]);
        await this.#sign([to], { index: this.#count(), file });
      }
      await appender.writeRows(() => ({ writes: [{ type: 'del', key: ROW }], value: undefined }));
    }
    const next = keyRing.keys.nextLogSeed;
    if (next !== undefined && inForce() === encodeVkey(engine.origin, publicKey(next)))
      await keyRing.promoteNextLogKey();
  }

  #endLater(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#timer = setTimeout(
      () => {
        this.settle().catch((error: unknown) => this.#options.onFailure?.(error));
      },
      Math.min(ms, TIMER_MS_MAX),
    );
    this.#timer.unref();
  }

  /** How many rotations have ended. */
  #count(): number {
    let count = 0;
    while (this.#options.store.getSync(rotationKey(count)) !== undefined) count += 1;
    return count;
  }

  async #sign(
    vkeys: readonly string[],
    rotation?: { readonly index: number; readonly file: Buffer },
  ): Promise<void> {
    const { engine, keyRing } = this.#options;
    const { logSeed, nextLogSeed } = keyRing.keys;
    await engine.rekey(vkeys, [logSeed, ...(nextLogSeed === undefined ? [] : [nextLogSeed])], rotation);
  }
}

function underWay({ overlapUntil }: RotationUnderWay): AdapterError {
  return new AdapterError(
    'ADAPTER_CONFLICT',
    `the log’s key is being rotated until ${new Date(overlapUntil).toISOString()}`,
  );
}
