/** A witness for tests: a clock that is set by hand, and stores that can be made to fail. */
import { join } from 'node:path';
import { Level } from 'level';
import type { Store } from '../../../ledger/store.js';
import { cosigner } from '../../../ledger/witness/index.js';
import type { AuditFinding, Cosigner, Evidence } from '../../../ledger/witness/index.js';
import { createLogger } from '../../../adapter/logger.js';
import type { Logger } from '../../../adapter/logger.js';
import { Witness } from '../../../adapter/services/witness/index.js';
import type { HeadStore, Replay, WatchedLog } from '../../../adapter/services/witness/index.js';

export const silent: Logger = createLogger('error', () => undefined);

/** A logger that keeps its lines. */
export function keepingLogger(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  return { logger: createLogger('debug', (line) => void lines.push(line)), lines };
}

/** Heads in memory. */
export class MemoryHeads implements HeadStore {
  readonly #latest = new Map<string, Buffer>();
  readonly #past = new Map<string, Buffer>();

  latest(origin: string): Buffer | undefined {
    return this.#latest.get(origin);
  }

  at(origin: string, size: number): Buffer | undefined {
    return this.#past.get(`${size} ${origin}`);
  }

  async put(origin: string, size: number, note: Buffer): Promise<void> {
    // A turn of the event loop, as a disk would take: what is not locked shows here.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    this.#latest.set(origin, note);
    this.#past.set(`${size} ${origin}`, note);
  }
}

export interface TestWitness {
  readonly witness: Witness;
  readonly cosigner: Cosigner;
  readonly kept: (AuditFinding | Evidence)[];
  clock: { nowMs: number };
}

export function testWitness(
  logs: readonly WatchedLog[],
  options: {
    readonly heads?: HeadStore;
    readonly replay?: Replay;
    readonly name?: string;
    readonly seed?: number;
  } = {},
): TestWitness {
  const kept: (AuditFinding | Evidence)[] = [];
  const clock = { nowMs: 1_800_000_000_000 };
  const own = cosigner(options.name ?? 'witness.example/w1', Buffer.alloc(32, options.seed ?? 200));
  const witness = new Witness({
    cosigner: own,
    heads: options.heads ?? new MemoryHeads(),
    evidence: {
      keep: async (evidence) => {
        kept.push(evidence);
        return `evidence ${kept.length}`;
      },
    },
    nowMs: () => clock.nowMs,
    logger: silent,
    ...(options.replay === undefined ? {} : { replay: options.replay }),
  });
  for (const log of logs) witness.watch(log);
  return { witness, cosigner: own, kept, clock };
}

/** A LevelDB in a folder, without the guard of an instance's. */
export async function openLevel(dir: string): Promise<Store> {
  const store: Store = new Level<string, Buffer>(join(dir, 'store'), {
    keyEncoding: 'utf8',
    valueEncoding: 'buffer',
  });
  await store.open();
  return store;
}
