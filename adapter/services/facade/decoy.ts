/**
 * The work that looking at a hidden resource costs, done where there is none: whoever measures must not learn by time
 * what the answer does not tell.
 */
import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { custodianPolicy, decide } from '../../../ledger/consent/index.js';
import type { Policy } from '../../../ledger/consent/index.js';
import { openCard, openRow, sealRecord, sealRow } from '../../../ledger/vault/index.js';
import type { RecordCardData } from '../../instance/records.js';

/** Answers that show nothing leave at multiples of this, ms: what is left of a difference is lost in it. */
const STEP_MS = 20;
/** By so much a timer may be late. */
const TIMER_MS = 2;

const ROW = 'decoy';

export class Decoy {
  readonly #key = randomBytes(32);
  readonly #recordKey = randomBytes(32);
  readonly #state: Buffer;
  readonly #record: Buffer;
  readonly #policies: readonly Policy[];

  constructor() {
    const state = { subjectKey: 'x'.repeat(22), handle: 'x'.repeat(43), count: 1, status: 'current' };
    this.#state = sealRow(this.#key, ROW, Buffer.from(JSON.stringify(state), 'utf8'));
    const card: RecordCardData = {
      source: ROW,
      channel: 'hook',
      receivedAt: 0,
      versionId: '1',
      gate: { type: 'Observation', id: ROW, classes: [`${ROW}|Observation`], codes: [`${ROW}|1`] },
    };
    this.#record = sealRecord({
      ...this.#name,
      plaintext: randomBytes(1024),
      card: Buffer.from(JSON.stringify(card), 'utf8'),
    }).row;
    const common = {
      version: 1,
      dateTimeMs: 0,
      references: ['Organization/x'],
      actions: ['access'],
    } as const;
    this.#policies = ['a', 'b', 'c'].map((handle) =>
      custodianPolicy({ ...common, handle, purposes: [`${ROW}|${handle}`] }),
    );
  }

  /** Opens a state, opens a card, asks the gate. */
  work(nowMs: number): void {
    JSON.parse(openRow(this.#key, ROW, this.#state).toString('utf8'));
    const { card } = openCard({ ...this.#name, row: this.#record });
    const { gate } = JSON.parse(card.toString('utf8')) as RecordCardData;
    decide(
      {
        subject: ROW,
        actor: { references: ['Organization/y'] },
        action: 'access',
        purposes: [`${ROW}|a`],
        resource: { ...gate, labels: undefined, references: [`${gate.type}/${ROW}`] },
      },
      this.#policies,
      nowMs,
    );
  }

  get #name(): { recordKey: Buffer; instance: string; handle: string; version: number } {
    return { recordKey: this.#recordKey, instance: ROW, handle: ROW, version: 1 };
  }
}

/**
 * Waits for the next step since a start, to some microseconds: a timer alone counts whole milliseconds, and would let the
 * fractions through.
 *
 * @param startedAt - As `performance.now()` gave it.
 */
export async function settleSince(startedAt: number): Promise<void> {
  const end = startedAt + (Math.floor((performance.now() - startedAt) / STEP_MS) + 1) * STEP_MS;
  const asleepMs = end - performance.now() - TIMER_MS;
  if (asleepMs >= 1) await sleep(asleepMs);
  while (performance.now() < end) await nextTurn();
}
