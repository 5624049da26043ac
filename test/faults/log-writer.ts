/**
 * A process that writes a log until it is killed, and says on stdout what it was told was committed, a JSON line an
 * append.
 *
 *     node log-writer.js FOLDER
 */
import { randomBytes, randomInt } from 'node:crypto';
import { readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Anchoring } from '../../adapter/instance/anchoring.js';
import { seedSigner } from '../../adapter/instance/signers.js';
import { stderrLogger } from '../../adapter/logger.js';
import { Appender } from '../../ledger/custody/index.js';
import { openEmbedded } from '../../ledger/engines/index.js';
import { openStateMap } from '../../ledger/state/index.js';
import { openStore, ORIGIN, random32 } from '../ledger/log/fixture.js';
import type { Acknowledged, WriterKeys } from './log-writer-files.js';
import { KEYS_FILE, probeKey } from './log-writer-files.js';

const SUBJECTS = 5;
const WRITERS = 12;
const ENTRIES_MAX = 60;

const dir = process.argv[2] ?? '';
const keys = JSON.parse(readFileSync(join(dir, KEYS_FILE), 'utf8')) as WriterKeys;
const store = await openStore(dir);
// Few pending updates, so that pages are merged and written all the time.
const state = await openStateMap(store, { pendingMax: 64, anchorsMax: 3 });
const engine = await openEmbedded(store, {
  origin: ORIGIN,
  logKeySeed: Buffer.from(keys.logSeed, 'base64url'),
  nowMs: Date.now,
  state,
});
const instance = seedSigner(keys.actor, Buffer.from(keys.instanceSeed, 'base64url'));
const appender = new Appender({ store, engine, origin: ORIGIN, instance });
const logger = stderrLogger('error');
const anchoring = new Anchoring({ store, engine, appender, state, periodMs: 1_000_000, logger });

const subjects = Array.from({ length: SUBJECTS }, (_, i) => ({
  key: `subject-${i}`,
  tagKey: Buffer.from(keys.tagKeys[i] ?? '', 'base64url'),
}));

/** One append: consents signed, and some that were signed earlier withdrawn. */
async function write(live: string[]): Promise<void> {
  const subject = subjects[randomInt(SUBJECTS)];
  if (subject === undefined) throw new Error('no subject');
  const ending = live.splice(0, randomInt(3));
  const signed = Array.from({ length: randomInt(1, ENTRIES_MAX) }, () => random32());
  const value = randomBytes(randomInt(1, 2000));
  const { leaves } = await appender.appendControl({ subject }, () => ({
    drafts: [
      ...signed.map((handle) => ({
        type: 'consent.signed' as const,
        body: { handle, start: null, end: null, commitment: random32() },
      })),
      ...ending.map((handle) => ({
        type: 'consent.withdrawn' as const,
        body: { handle, commitment: random32() },
      })),
    ],
    writes: signed.map((handle) => ({ type: 'put' as const, key: probeKey(handle), value })),
    value: undefined,
  }));
  live.push(...signed);
  const acknowledged: Acknowledged = { leaves: leaves.slice(0, signed.length), signed };
  // Synchronous: what was acknowledged before the kill has reached the reader.
  writeSync(1, `${JSON.stringify(acknowledged)}\n`);
}

async function forever(step: () => Promise<void>): Promise<never> {
  for (;;) await step();
}

await Promise.all([
  ...Array.from({ length: WRITERS }, () => {
    const live: string[] = [];
    return forever(() => write(live));
  }),
  forever(async () => {
    await anchoring.anchor();
    await new Promise((resolve) => setTimeout(resolve, randomInt(20)));
  }),
]);
