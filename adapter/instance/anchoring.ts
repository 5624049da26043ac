/**
 * Anchors of the state map: `state.anchored` puts its root on the log, on a period while it changes and whenever
 * somebody needs a fresh one. State proofs hold at an anchor.
 */
import type { Appender } from '../../ledger/custody/index.js';
import { readEntry } from '../../ledger/engines/index.js';
import type { Engine } from '../../ledger/engines/index.js';
import { LedgerError } from '../../ledger/errors.js';
import type { Entry } from '../../ledger/log/index.js';
import type { StateMap, StateRoot } from '../../ledger/state/index.js';
import type { Store } from '../../ledger/store.js';
import { codeOf } from '../errors.js';
import type { Logger } from '../logger.js';

/** An anchor and the leaf that holds it. */
export interface PlacedAnchor extends StateRoot {
  /** Index of its `state.anchored`. */
  readonly leaf: number;
}

export interface AnchoringOptions {
  readonly store: Store;
  readonly engine: Engine;
  readonly appender: Appender;
  readonly state: StateMap;
  /** How often a changed state is anchored, ms. */
  readonly periodMs: number;
  readonly logger: Logger;
}

/** Few enough updates that merging the rest takes some tens of milliseconds. */
const PENDING_FEW = 4096;
/** An anchor's own leaves: its submission and itself. */
const OWN_LEAVES = 2;
/** The state may be between two batches when it is asked; more tries than that mean something else. */
const TRIES = 5;

export class Anchoring {
  readonly #options: AnchoringOptions;
  readonly #timer: NodeJS.Timeout;
  #running: Promise<PlacedAnchor> | undefined;

  constructor(options: AnchoringOptions) {
    this.#options = options;
    this.#timer = setInterval(() => {
      this.anchor().catch((error: unknown) =>
        options.logger.error('state not anchored', { code: codeOf(error) }),
      );
    }, options.periodMs);
    this.#timer.unref();
  }

  /**
   * A fresh anchor: of the state with all entries committed before the call. The last one serves when nothing but
   * itself was logged since. Calls at the same time share one.
   *
   * @throws LedgerError as appending does.
   */
  async anchor(): Promise<PlacedAnchor> {
    // One that is already under way may be older than what the caller has just committed.
    if (this.#running !== undefined) await this.#running.catch(() => undefined);
    this.#running ??= this.#anchor().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Where the anchor of a size stands, or `undefined` when the log holds none. */
  find(size: number): PlacedAnchor | undefined {
    const { store, engine } = this.#options;
    // It was committed in the batch that begins at its size, so it is not far.
    for (let leaf = size; leaf < engine.head().size; leaf++) {
      const bytes = readEntry(store, leaf);
      if (bytes?.includes('"type":"state.anchored"') !== true) continue;
      const { type, body } = JSON.parse(bytes.toString('utf8')) as Entry;
      if (type !== 'state.anchored') continue;
      if (body['size'] !== size || typeof body['root'] !== 'string') return undefined;
      const root = Buffer.from(body['root'], 'base64url');
      return { leaf, size, root, keys: Number(body['keys']) };
    }
    return undefined;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running?.catch(() => undefined);
  }

  async #anchor(): Promise<PlacedAnchor> {
    const { engine, state } = this.#options;
    const last = state.anchors.at(-1);
    if (last !== undefined) {
      const placed = this.find(last.size);
      const isLast = engine.head().size === last.size + OWN_LEAVES;
      if (isLast && placed !== undefined) return placed;
    }
    // What is pending is merged by batches of their own, so that no caller's batch waits for all of it.
    state.hurry();
    while (state.pendingCount > PENDING_FEW) await engine.commit({ submissions: [], writes: [] });
    for (let tries = 1; ; tries++) {
      try {
        return await this.#append();
      } catch (error) {
        const isPassing = error instanceof LedgerError && error.code === 'LEDGER_BUSY';
        if (!isPassing || tries === TRIES) throw error;
        await engine.commit({ submissions: [], writes: [] });
      }
    }
  }

  async #append(): Promise<PlacedAnchor> {
    const { appender, state } = this.#options;
    // Within the appender's turn no other entries are committed: the present state is that before this batch.
    const { value, leaves } = await appender.appendControl({}, () => {
      const present = state.present();
      const body = { size: present.size, keys: present.keys, root: present.root.toString('base64url') };
      return { drafts: [{ type: 'state.anchored', body }], writes: [], value: present };
    });
    return { ...value, leaf: leaves[0] ?? value.size };
  }
}
