/** An appender on a real engine that can be made to fail, and permits that the gate made. */
import { decide } from '../../../ledger/consent/index.js';
import type { Permitted } from '../../../ledger/consent/index.js';
import { Appender, consentEpochWrite, consentStatusWrite } from '../../../ledger/custody/index.js';
import type { TaggedSubject } from '../../../ledger/custody/index.js';
import type { Committed, Engine, EngineBatch } from '../../../ledger/engines/index.js';
import { openEmbedded } from '../../../ledger/engines/index.js';
import { LedgerError } from '../../../ledger/errors.js';
import { decodeBundle, entriesPath, generateSeed, TILE_WIDTH } from '../../../ledger/log/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import type { Store } from '../../../ledger/store.js';
import { randomBuffer, tag } from '../../../ledger/vault/index.js';
import { asks, consent, CUSTODIAN, NOW_MS, permits } from '../consent/fixtures.js';
import { genesis, openStore, ORIGIN, random32, scratchDir, theCast } from '../log/fixture.js';

/** Where a commit fails: before it took effect, or after. */
export type Fault = 'before' | 'after';

export interface Patient extends TaggedSubject {
  readonly permit: Permitted;
  /** Handle of the consent that the permit stands on. */
  readonly consent: string;
}

export interface Bench {
  readonly store: Store;
  readonly engine: Engine;
  readonly appender: Appender;
  /** Faults of the next commits, in order; `undefined` lets one pass. */
  readonly faults: (Fault | undefined)[];
  /** Batches that the engine was given. */
  readonly batches: EngineBatch[];
  readonly patient: () => Promise<Patient>;
  /** Types and tags of all leaves, in order. */
  readonly leaves: () => Promise<{ type: string; tags: readonly string[]; body: JsonObject }[]>;
}

const failed = (): LedgerError => new LedgerError('LEDGER_WRITE_FAILED', 'as the test asked');

export async function openBench(context: { after: (done: () => Promise<void>) => void }): Promise<Bench> {
  const cast = await theCast();
  const store = await openStore(await scratchDir(context));
  const engine = await openEmbedded(store, {
    origin: ORIGIN,
    logKeySeed: generateSeed(),
    nowMs: () => NOW_MS,
  });
  await engine.commit({ submissions: [genesis(cast)], writes: [] });
  const faults: (Fault | undefined)[] = [];
  const batches: EngineBatch[] = [];
  const faulty: Engine = {
    commit: async (batch): Promise<Committed> => {
      const fault = faults.shift();
      if (fault === 'before') throw failed();
      batches.push(batch);
      const committed = await engine.commit(batch);
      if (fault === 'after') throw failed();
      return committed;
    },
    head: () => engine.head(),
    checkpoint: () => engine.checkpoint(),
    read: (path) => engine.read(path),
    close: () => engine.close(),
  };
  const appender = new Appender({ store, engine: faulty, origin: ORIGIN, instance: cast.instance });
  context.after(async () => {
    await appender.close();
    await engine.close();
    await store.close();
  });
  let patients = 0;
  return {
    store,
    engine,
    appender,
    faults,
    batches,
    patient: async () => {
      const key = `patient-${patients++}`;
      const policy = consent(permits(), { subject: key });
      const decision = decide(asks({ subject: key }), [CUSTODIAN, policy], NOW_MS);
      if (decision.outcome !== 'permit') throw new Error(`denied: ${decision.reason}`);
      await store.batch([
        consentStatusWrite(CUSTODIAN.handle, { version: CUSTODIAN.version, status: 'in-force' }),
        consentStatusWrite(policy.handle, { version: policy.version, status: 'in-force' }),
        consentEpochWrite(key, 1),
      ]);
      return { key, tagKey: randomBuffer(32), permit: decision.permit, consent: policy.handle };
    },
    leaves: async () => {
      const { size } = engine.head();
      const found: { type: string; tags: readonly string[]; body: JsonObject }[] = [];
      for (let tile = 0; found.length < size; tile++) {
        const width = Math.min(TILE_WIDTH, size - found.length);
        const bytes = (await engine.read(entriesPath(tile, width))) ?? Buffer.alloc(0);
        for (const entry of decodeBundle(bytes, width))
          found.push(JSON.parse(entry.toString('utf8')) as never);
      }
      return found;
    },
  };
}

/** Numbers of a patient's tags, in the order of the leaves. */
export async function tagNumbers(bench: Bench, { tagKey }: TaggedSubject): Promise<number[]> {
  const leaves = await bench.leaves();
  const numbers = new Map(leaves.map((_, i) => [tag(tagKey, i), i]));
  return leaves.flatMap(({ tags }) => tags.flatMap((text) => numbers.get(text) ?? []));
}

/** A `record.stored` of made-up contents. */
export function storedDraft(handle = random32()) {
  const body = { handle, commitment: random32(), ciphertext: random32(), facts: random32() };
  return { type: 'record.stored', body } as const;
}
