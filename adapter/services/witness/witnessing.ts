/** What an instance has of witnesses: its policy, who is asked, what is published, and how each of them did. */
import type { Engine } from '../../../ledger/engines/index.js';
import { parseCheckpoint, parseVkey, splitNote } from '../../../ledger/log/index.js';
import type { Store } from '../../../ledger/store.js';
import type { WitnessPolicy } from '../../../ledger/witness/index.js';
import type { Config } from '../../config.js';
import { AdapterError } from '../../errors.js';
import type { Logger } from '../../logger.js';
import type { Post } from './ask-witness.js';
import { CheckpointCosigner } from './checkpoint-cosigner.js';
import type { WitnessStatus } from './checkpoint-cosigner.js';
import { forgetPublication, Publication } from './publication.js';
import { readPolicyFile, witnessUrls } from './witness-policy.js';

/** The configured policy, with an address for each witness that is asked. */
export interface ConfiguredWitnesses {
  readonly policy: WitnessPolicy;
  /** Submission prefixes by the witness's name in the policy. */
  readonly urls: ReadonlyMap<string, string>;
}

/** A witness, and how far behind the log its last cosignature is. */
export interface WitnessReport extends WitnessStatus {
  /** Entries. */
  readonly lag: number;
}

/** How the witnesses do. */
export interface WitnessingReport {
  /** Entries of the log. */
  readonly size: number;
  /** Size of the checkpoint that is served. */
  readonly published: number;
  readonly witnesses: readonly WitnessReport[];
}

export interface Witnessing {
  /** What readers are to ask of a checkpoint, where it is configured. */
  readonly policy: WitnessPolicy | undefined;
  /** What to serve as `checkpoint`. */
  published(): Buffer;
  /**
   * A published checkpoint that covers so many entries, waited for; when none comes in time, the log's own.
   *
   * @param ms - How long to wait at most.
   */
  covering(size: number, ms: number): Promise<Buffer>;
  /** `undefined` without a policy. */
  report(): WitnessingReport | undefined;
  close(): Promise<void>;
}

/**
 * Reads what the configuration says of witnesses.
 *
 * @returns `undefined` when it names no policy.
 * @throws AdapterError ADAPTER_BAD_CONFIG
 */
export function configuredWitnesses(
  config: Pick<Config, 'witnessPolicy' | 'witnesses'>,
): ConfiguredWitnesses | undefined {
  const { witnessPolicy, witnesses } = config;
  if (witnessPolicy === undefined) {
    if (witnesses === undefined) return undefined;
    throw new AdapterError(
      'ADAPTER_BAD_CONFIG',
      'witnesses needs witnessPolicy: the policy file that has their keys',
    );
  }
  const policy = readPolicyFile(witnessPolicy);
  return { policy, urls: witnessUrls(policy, witnesses) };
}

export interface WitnessingOptions {
  readonly configured: ConfiguredWitnesses | undefined;
  readonly store: Store;
  readonly engine: Engine;
  /** Tells a listener of each newly signed checkpoint. */
  readonly onCheckpoint: (listener: (note: Buffer) => void) => void;
  readonly logger: Logger;
  readonly nowMs: () => number;
  readonly roundMs?: number;
  readonly requestMs?: number;
  readonly post?: Post;
}

/**
 * Begins to ask the witnesses: first for the present checkpoint, then for each that comes.
 *
 * @throws LedgerError LEDGER_CORRUPT when a checkpoint was published that is ahead of the log.
 */
export async function startWitnessing(options: WitnessingOptions): Promise<Witnessing> {
  const { configured, store, engine, logger } = options;
  if (configured === undefined) {
    await forgetPublication(store);
    return withoutPolicy(engine);
  }
  const { policy, urls } = configured;
  await sayWhetherNamed(policy, engine, logger);
  const publication = new Publication({
    store,
    newest: () => engine.checkpoint(),
    plainIsEnough: policy.quorum === undefined,
    logger,
  });
  const { kept } = publication;
  const cosigner = new CheckpointCosigner({
    log: engine,
    policy,
    urls,
    logger,
    nowMs: options.nowMs,
    onCosigned: (note) => publication.take(note),
    ...(kept === undefined ? {} : { cosigned: kept }),
    ...(options.roundMs === undefined ? {} : { roundMs: options.roundMs }),
    ...(options.requestMs === undefined ? {} : { requestMs: options.requestMs }),
    ...(options.post === undefined ? {} : { post: options.post }),
  });
  options.onCheckpoint((note) => cosigner.onCheckpoint(note));
  cosigner.onCheckpoint();
  let closed = false;
  return {
    policy,
    published: () => publication.note(),
    covering: async (size, ms) => {
      const end = performance.now() + ms;
      while (publication.size < size) {
        const left = end - performance.now();
        if (left <= 0 || closed) return engine.checkpoint();
        await publication.changed(left);
      }
      return publication.note();
    },
    report: () => {
      const { size } = engine.head();
      const witnesses = cosigner.status().map((one) => ({ ...one, lag: Math.max(0, size - one.size) }));
      return { size, published: publication.size, witnesses };
    },
    close: async () => {
      closed = true;
      await cosigner.close();
      await publication.close();
    },
  };
}

function withoutPolicy(engine: Engine): Witnessing {
  return {
    policy: undefined,
    published: () => engine.checkpoint(),
    covering: async () => engine.checkpoint(),
    report: () => undefined,
    close: async () => undefined,
  };
}

/** A policy may be of witnesses alone; one that names this log under other keys is somebody else's. */
async function sayWhetherNamed(policy: WitnessPolicy, engine: Engine, logger: Logger): Promise<void> {
  // Two lines while the key is rotated.
  const vkeys = (await engine.read('vkey'))?.toString('utf8').trim().split('\n') ?? [];
  const own = vkeys.map(parseVkey);
  const origin = parseCheckpoint(splitNote(engine.checkpoint())?.text ?? '')?.origin;
  const isOwn = (key: Buffer): boolean => own.some(({ publicKey }) => publicKey.equals(key));
  if (policy.logs.some(({ verifier }) => isOwn(verifier.publicKey))) return;
  if (policy.logs.some(({ verifier }) => verifier.name === origin))
    logger.warn('the witness policy names this log under another key', { origin: origin ?? '' });
  else logger.info('the witness policy does not name this log; its readers add its key by themselves');
}
