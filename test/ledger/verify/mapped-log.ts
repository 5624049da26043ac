import { openEmbedded } from '../../../ledger/engines/index.js';
import type { EmbeddedEngine } from '../../../ledger/engines/index.js';
import { generateSeed } from '../../../ledger/log/index.js';
import type { Submission } from '../../../ledger/log/index.js';
import { openStateMap } from '../../../ledger/state/index.js';
import type { Store } from '../../../ledger/store.js';
import { draft, openStore, ORIGIN, scratchDir, submit } from '../log/fixture.js';
import type { Cast } from '../log/fixture.js';

/** A log and its state map, kept side by side. */
export interface MappedLog {
  readonly store: Store;
  readonly engine: EmbeddedEngine;
  readonly commit: (...submissions: readonly Submission[]) => Promise<void>;
  /** Anchors the state as it is, or with members that say something else. */
  readonly anchor: (more?: object) => Submission;
}

/** Begins a log with a state map beside it; it is closed when the test ends. */
export async function mappedLog(
  context: { after: (done: () => Promise<void>) => void },
  { instance }: Cast,
  nowMs: () => number,
): Promise<MappedLog> {
  const store = await openStore(await scratchDir(context));
  context.after(() => store.close());
  const engine = await openEmbedded(store, { origin: ORIGIN, logKeySeed: generateSeed(), nowMs });
  const map = await openStateMap(store, { pendingMax: 100 });
  return {
    store,
    engine,
    commit: async (...submissions) => {
      let leaf = engine.head().size;
      const placed = submissions.flatMap(({ leaf: first, drafts }) =>
        [first, ...drafts].map((entry) => ({ leaf: leaf++, entry })),
      );
      const staged = map.stage(placed, leaf);
      await engine.commit({ submissions, writes: staged.writes });
      staged.commit();
    },
    anchor: (more = {}) => {
      const { size, root, keys } = map.present();
      const body = { size, keys, root: root.toString('base64url'), ...more };
      return submit(instance, [draft(instance.actor, 'state.anchored', body)]);
    },
  };
}
