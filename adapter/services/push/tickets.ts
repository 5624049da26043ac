/**
 * Pushes as their senders can ask for them: who sent one and when, and for each entry what was asked, sealed. What became
 * of the entries the workers note in rows beside it. No id of the source is kept here but those that we gave out.
 */
import { randomBytes } from 'node:crypto';
import type { OperationOutcome } from 'fhir/r4.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { openRow, sealRow } from '../../../ledger/vault/index.js';
import { PUSH_OUTCOME_PREFIX, pushOutcomeKey } from '../../inbound/push-outcome.js';
import type { PushOutcome } from '../../inbound/push-outcome.js';

/** What was done with an entry when it came. */
export type EntryFate =
  /** It is in the inbox: the workers say what becomes of it. */
  | { readonly is: 'accepted' }
  /** Its version had been received before. */
  | { readonly is: 'known' }
  /** `If-None-Exist` matched one, which stands in its place. */
  | { readonly is: 'exists' }
  /** The Provenance of a signature, which is kept with what it signs. */
  | { readonly is: 'signature' }
  | { readonly is: 'refused'; readonly status: number; readonly outcome: OperationOutcome };

export interface TicketEntry {
  readonly method: string;
  /** `Type/id` at the facade. */
  readonly name?: string;
  /** `Type/id` under which it is written, where the id is ours. */
  readonly given?: string;
  readonly fate: EntryFate;
}

export interface Ticket {
  /** Id of the client. */
  readonly client: string;
  readonly source: string;
  readonly at: number;
  readonly kind: 'resource' | 'batch' | 'transaction';
  readonly entries: readonly TicketEntry[];
}

/** 12 digits of the time, so that rows lie in its order, and 32 at random, all hexadecimal. */
const NAME = /^[0-9a-f]{44}$/;
const TIME_DIGITS = 12;
const RANDOM_BYTES = 16;
const PREFIX = 'push/t/';
const SWEEP_ROWS = 1000;

/** A name that nobody guesses. */
export function newTicketName(nowMs: number): string {
  return nowMs.toString(16).padStart(TIME_DIGITS, '0') + randomBytes(RANDOM_BYTES).toString('hex');
}

export class Tickets {
  readonly #store: Store;
  readonly #key: Buffer;

  /** @param key - Seals the rows. */
  constructor(store: Store, key: Buffer) {
    this.#store = store;
    this.#key = key;
  }

  write(name: string, ticket: Ticket): StoreWrite {
    const key = PREFIX + name;
    return { type: 'put', key, value: sealRow(this.#key, key, Buffer.from(JSON.stringify(ticket), 'utf8')) };
  }

  /** The ticket of a name; `undefined` for none, and for another client's. */
  find(name: string, client: string): Ticket | undefined {
    if (!NAME.test(name)) return undefined;
    const key = PREFIX + name;
    const row = this.#store.getSync(key);
    if (row === undefined) return undefined;
    const ticket = JSON.parse(openRow(this.#key, key, row).toString('utf8')) as Ticket;
    return ticket.client === client ? ticket : undefined;
  }

  /** What became of the entries so far, by their places. */
  async outcomes(name: string): Promise<ReadonlyMap<number, PushOutcome>> {
    const prefix = pushOutcomeKey({ name, index: 0 }).slice(0, -1);
    const found = new Map<number, PushOutcome>();
    for await (const [key, row] of this.#store.iterator({ gte: prefix, lt: `${prefix}~` }))
      found.set(Number(key.slice(prefix.length)), JSON.parse(row.toString('utf8')) as PushOutcome);
    return found;
  }

  /** Forgets pushes from before a time, with what became of them. */
  async sweep(beforeMs: number): Promise<number> {
    const end = Math.max(0, beforeMs).toString(16).padStart(TIME_DIGITS, '0');
    let swept = 0;
    for (const prefix of [PREFIX, PUSH_OUTCOME_PREFIX]) {
      for (;;) {
        const keys = await this.#store.keys({ gte: prefix, lt: prefix + end, limit: SWEEP_ROWS }).all();
        if (keys.length === 0) break;
        await this.#store.batch(keys.map((key) => ({ type: 'del' as const, key })));
        swept += keys.length;
      }
    }
    return swept;
  }
}
