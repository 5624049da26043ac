/**
 * Push by hospitals' systems: a client writes under the ids of its own source. What it sends is checked, is durable
 * before it is answered, and goes the way of all events; a ticket tells its sender, and nobody else, what became of it.
 */
import { randomUUID } from 'node:crypto';
import type { StoreWrite } from '../../../ledger/store.js';
import { isJsonObject } from '../../../mappings/index.js';
import { AdapterError, codeOf } from '../../errors.js';
import { outcomeOf, rowOf } from '../../http/outcome.js';
import { resourceEvent } from '../../inbound/intake.js';
import { pushOutcomeKey } from '../../inbound/push-outcome.js';
import type { PushOutcome } from '../../inbound/push-outcome.js';
import type { FhirEvent } from '../../inbound/event.js';
import type { Instance } from '../../instance/instance.js';
import type { Source } from '../../instance/sources.js';
import { CertifiedRows, presentOf } from '../ca/index.js';
import { ProofLeaves } from '../proof-leaves.js';
import type { Caller } from '../tokens/index.js';
import { isInScope } from '../tokens/index.js';
import type { DeleteEntry, PushEntry, PutEntry } from './entries.js';
import { identifiersOf } from './identifiers.js';
import { reportOf } from './report.js';
import type { PushReport } from './report.js';
import { checkSignatures } from './signature.js';
import type { SignatureContext, Signed } from './signature.js';
import { newTicketName, Tickets } from './tickets.js';
import type { EntryFate, TicketEntry } from './tickets.js';

export type PushOptions = Pick<
  Instance,
  | 'store'
  | 'keys'
  | 'engine'
  | 'identity'
  | 'inbox'
  | 'sources'
  | 'clients'
  | 'pushIdentifiers'
  | 'records'
  | 'subjects'
  | 'statistics'
  | 'logger'
  | 'nowMs'
> & {
  /** Address of the FHIR endpoint, without a slash at the end. */
  readonly baseUrl: () => string;
};

/** A push that is durable. */
export interface Taken {
  /** Names its ticket. */
  readonly ticket: string;
  readonly accepted: number;
  /** Versions that had been received before, resources that a condition found, and signatures. */
  readonly settled: number;
  readonly refused: number;
}

/** How long it is told what became of a push, ms. */
const TICKET_MS = 30 * 24 * 60 * 60 * 1000;
/** How often old ones are looked for, ms. */
const SWEEP_MS = 60 * 60 * 1000;
/** Events that may wait to be worked on before more are refused: what is sent faster than it is kept. */
const BACKLOG_MAX = 1_000_000;
/** Leaves looked for in the log for one report, where a crash came before they were noted. */
const LEAVES_LOOKED_FOR_MAX = 16;

export class Push {
  readonly #options: PushOptions;
  readonly #tickets: Tickets;
  /** Conditions are looked up and what they let through is written before the next one is looked up. */
  readonly #turns = new Map<string, Promise<unknown>>();
  #lastAt = 0;
  #sweep: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(options: PushOptions) {
    this.#options = options;
    this.#tickets = new Tickets(options.store, options.keys.storage.indexKey);
  }

  /** Forgets what is old, now and then, until it is closed. */
  start(): void {
    const sweep = (): void => {
      this.#sweeping = this.#tickets
        .sweep(this.#options.nowMs() - TICKET_MS)
        .then(() => undefined)
        .catch((error: unknown) => {
          this.#options.logger.warn('old pushes not forgotten', { code: codeOf(error) });
        });
    };
    sweep();
    this.#sweep = setInterval(sweep, SWEEP_MS);
    this.#sweep.unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#sweep);
    await this.#sweeping;
  }

  /**
   * The source that a caller writes as.
   *
   * @throws AdapterError ADAPTER_FORBIDDEN for a caller without one, ADAPTER_STOPPING for one that is paused,
   * ADAPTER_TOO_MANY_REQUESTS while too much waits to be worked on.
   */
  requireSource(caller: Caller): Source {
    const source = caller.source === undefined ? undefined : this.#options.sources.get(caller.source);
    if (source === undefined || source.state === 'removed' || source.kind === 'import') {
      throw new AdapterError(
        'ADAPTER_FORBIDDEN',
        'this client is registered for no source that it could push as',
      );
    }
    if (source.state === 'paused')
      throw new AdapterError('ADAPTER_STOPPING', 'the source is paused; send it again later');
    if (this.#options.inbox.pendingCount >= BACKLOG_MAX)
      throw new AdapterError(
        'ADAPTER_TOO_MANY_REQUESTS',
        'more waits to be worked on than is taken; send it again later',
      );
    return source;
  }

  /** @throws AdapterError ADAPTER_FORBIDDEN */
  requireScope(caller: Caller, type: string, interaction: 'c' | 'u' | 'd'): void {
    if (!isInScope(caller.scopes, type, interaction))
      throw new AdapterError('ADAPTER_FORBIDDEN', 'the token’s scopes do not go so far');
  }

  /**
   * Makes a push durable.
   *
   * @returns After the fsync.
   * @throws AdapterError ADAPTER_PRECONDITION_FAILED where `If-None-Exist` finds several and no other entry could stand
   * without it; ADAPTER_UNPROCESSABLE for a signature that is not good; as `Inbox.accept` does.
   */
  async take(
    caller: Caller,
    kind: 'resource' | 'batch' | 'transaction',
    entries: readonly PushEntry[],
  ): Promise<Taken> {
    const source = this.requireSource(caller);
    const signed = checkSignatures(entries, this.#signerOf(caller, source));
    const isConditional = entries.some((entry) => entry.kind === 'put' && entry.ifNoneExist !== undefined);
    const run = (): Promise<Taken> => this.#take(caller, source, kind, entries, signed);
    if (!isConditional) return run();
    const before = this.#turns.get(source.id) ?? Promise.resolve();
    const turn = before.catch(() => undefined).then(run);
    this.#turns.set(source.id, turn);
    return turn;
  }

  /**
   * What became of a push so far.
   *
   * @throws AdapterError ADAPTER_NOT_FOUND for none of that name, another client's included.
   */
  async report(caller: Caller, name: string): Promise<PushReport> {
    const ticket = this.#tickets.find(name, caller.clientId);
    if (ticket === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such push');
    const outcomes = new Map(await this.#tickets.outcomes(name));
    await this.#findLeaves(name, outcomes);
    return reportOf(ticket, outcomes, this.#options.baseUrl(), rowOf);
  }

  async #take(
    caller: Caller,
    source: Source,
    kind: 'resource' | 'batch' | 'transaction',
    entries: readonly PushEntry[],
    signed: Signed,
  ): Promise<Taken> {
    const { inbox, records, statistics, nowMs } = this.#options;
    // Two pushes never have one time: where a source gives none of its own, this is the order of its versions.
    const at = Math.max(nowMs(), this.#lastAt + 1);
    this.#lastAt = at;
    const name = newTicketName(at);
    const planned = await Promise.all(
      entries.map((entry, i) => this.#plan(source, kind, entry, signed.carriers.has(i))),
    );
    const urns = new Map<string, string>();
    entries.forEach((entry, i) => {
      const id = planned[i]?.id;
      if (entry.kind === 'put' && entry.fullUrl?.startsWith('urn:') === true && id !== undefined)
        urns.set(entry.fullUrl, `${entry.type}/${id}`);
    });
    const events: FhirEvent[] = [];
    const places: number[] = [];
    const also: StoreWrite[] = [];
    entries.forEach((entry, index) => {
      const plan = planned[index];
      if (plan?.fate.is !== 'accepted' || plan.id === undefined || entry.kind === 'refused') return;
      const signature = signed.signatures.get(index);
      const arrival = { source: source.id, channel: 'push' as const, receivedAt: at };
      const more = {
        ticket: { name, index },
        ...(entry.ifMatch === undefined ? {} : { ifMatch: entry.ifMatch }),
        ...(signature === undefined ? {} : { signed: signature }),
        ...(entry.kind === 'put' && entry.large !== undefined ? { large: entry.large } : {}),
      };
      const event = resourceEvent(
        entry.kind === 'put'
          ? { type: entry.type, id: plan.id, resource: entry.resource, bytes: entry.bytes }
          : { type: entry.type, id: plan.id },
        arrival,
        urns,
      );
      events.push({ ...event, ...more });
      places.push(index);
      if (entry.kind === 'put') also.push(...this.#indexWrites(source, entry, plan.id));
    });
    const ticketOf = (duplicates: ReadonlySet<number>): StoreWrite => {
      const known = new Set([...duplicates].map((i) => places[i]));
      const row = planned.map(({ id, isGiven, fate }, i): TicketEntry => ({
        method: entries[i]?.method ?? '',
        ...nameOf(records, source, entries[i], id),
        ...(isGiven && fate.is === 'accepted' ? { given: `${typeOf(entries[i])}/${id ?? ''}` } : {}),
        fate: known.has(i) ? { is: 'known' } : fate,
      }));
      return this.#tickets.write(name, {
        client: caller.clientId,
        source: source.id,
        at,
        kind,
        entries: row,
      });
    };
    const { accepted, duplicates } = await inbox.accept(events, (seen) => [ticketOf(seen), ...also]);
    for (const event of events) statistics.received(event.channel, event.type);
    statistics.count('duplicate', duplicates);
    const refused = planned.filter(({ fate }) => fate.is === 'refused').length;
    return { ticket: name, accepted, settled: entries.length - accepted - refused, refused };
  }

  /** What is to be done with an entry, and under which id. */
  async #plan(
    source: Source,
    kind: 'resource' | 'batch' | 'transaction',
    entry: PushEntry,
    isSignature: boolean,
  ): Promise<{ readonly id?: string; readonly isGiven: boolean; readonly fate: EntryFate }> {
    if (entry.kind === 'refused') return { isGiven: false, fate: refusedBy(entry.error) };
    if (isSignature) return { isGiven: false, fate: { is: 'signature' } };
    if (entry.kind === 'put' && entry.ifNoneExist !== undefined) {
      const [found, second] = await this.#options.pushIdentifiers.find(
        source.id,
        entry.type,
        entry.ifNoneExist,
      );
      if (second !== undefined) {
        const error = new AdapterError('ADAPTER_PRECONDITION_FAILED', 'If-None-Exist finds several');
        if (kind !== 'batch') throw error;
        return { isGiven: false, fate: refusedBy(error) };
      }
      if (found !== undefined) return { id: found, isGiven: false, fate: { is: 'exists' } };
    }
    const isGiven = entry.id === undefined;
    return { id: entry.id ?? randomUUID(), isGiven, fate: { is: 'accepted' } };
  }

  /** What was erased is not found any more, and must not be again. */
  #indexWrites(source: Source, { type, resource }: PutEntry, id: string): StoreWrite[] {
    const { records, subjects, store } = this.#options;
    const identifiers = identifiersOf(resource);
    if (identifiers.length === 0) return [];
    const view = { get: (key: string) => store.getSync(key) };
    const isErased =
      records.isBarred(view, records.resourceKey(source.id, type, id)) ||
      patientsIn(type, id, resource).some((patient) => subjects.isErased(subjects.keyOf(source.id, patient)));
    return isErased ? [] : this.#options.pushIdentifiers.writes({ source: source.id, type, id }, identifiers);
  }

  /** Only the custodian itself signs, by the key that its certificate is for. */
  #signerOf(caller: Caller, source: Source): SignatureContext | undefined {
    if (caller.participant !== source.custodian.participant) return undefined;
    const { store, keys, nowMs } = this.#options;
    const rows = new CertifiedRows(store, keys.storage.indexKey);
    const certified = rows.get(caller.participant);
    if (certified === undefined) return undefined;
    const present = rows.certificateNow(caller.participant, presentOf(certified).fingerprint, nowMs());
    if (!present.ok) return undefined;
    const { fingerprint, publicKey } = present.certificate;
    return {
      origin: this.#options.identity.origin,
      source: source.id,
      participant: caller.participant,
      kid: fingerprint,
      publicKey: Buffer.from(publicKey),
    };
  }

  /** Leaves that were committed and not noted: the process ended in between. */
  async #findLeaves(name: string, outcomes: Map<number, PushOutcome>): Promise<void> {
    const { store, engine } = this.#options;
    let looked = 0;
    for (const [index, outcome] of outcomes) {
      if (outcome.state !== 'stored' || outcome.leaf !== undefined) continue;
      if (++looked > LEAVES_LOOKED_FOR_MAX) return;
      const { handle } = outcome;
      const found = await new ProofLeaves(store, engine).find(
        `"handle":"${handle}"`,
        ({ type, body }) => type === 'record.stored' && body['handle'] === handle,
      );
      if (found === undefined) continue;
      const whole: PushOutcome = { ...outcome, leaf: found.index };
      outcomes.set(index, whole);
      await store.put(pushOutcomeKey({ name, index }), Buffer.from(JSON.stringify(whole), 'utf8'));
    }
  }
}

/** Patients that a resource is, or names where one would. */
function patientsIn(type: string, id: string, resource: PutEntry['resource']): string[] {
  if (type === 'Patient') return [id];
  return ['subject', 'patient', 'beneficiary', 'for'].flatMap((element) => {
    const value = resource[element];
    const reference = isJsonObject(value) ? value['reference'] : undefined;
    const patient =
      typeof reference === 'string' ? /(?:^|\/)Patient\/([A-Za-z0-9.-]{1,64})/.exec(reference) : null;
    return patient?.[1] ?? [];
  });
}

function refusedBy(error: unknown): Extract<EntryFate, { is: 'refused' }> {
  const { status, outcome } = outcomeOf(error);
  return { is: 'refused', status, outcome };
}

function typeOf(entry: PushEntry | undefined): string {
  return entry === undefined || entry.kind === 'refused' ? '' : entry.type;
}

function nameOf(
  records: Instance['records'],
  source: Source,
  entry: PushEntry | DeleteEntry | undefined,
  id: string | undefined,
): { readonly name?: string } {
  const type = typeOf(entry);
  return type === '' || id === undefined ? {} : { name: `${type}/${records.facadeId(source.id, type, id)}` };
}
