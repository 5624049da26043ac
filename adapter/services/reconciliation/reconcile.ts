/**
 * Reconciling a source: its present state is read, compared with what is kept, what is missing is fetched and what is
 * gone is deleted through the inbox, like all news; then what was found goes on the log.
 *
 * What a crash leaves: rows of the reading, from which the next run of the same hours goes on; what was healed by then
 * is healed. The certificate and its entry come in one batch.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { canonicalize } from '../../../ledger/log/index.js';
import {
  FATES,
  isNothingMissed,
  LISTING_LEAF_BYTES,
  listingLeaves,
  ListingRoot,
  RECONCILIATION_FORMAT,
} from '../../../ledger/proofs/index.js';
import type { Fate, ReadMethod, ReconciliationDocument } from '../../../ledger/proofs/index.js';
import type { StoreWrite } from '../../../ledger/store.js';
import { commitmentOf } from '../../../ledger/vault/index.js';
import { AdapterError } from '../../errors.js';
import type { FhirEvent } from '../../inbound/event.js';
import { BYTES_VERSION } from '../../inbound/inbox.js';
import { deleteEvent, fetchEvent } from '../../inbound/intake.js';
import { patientsOf } from '../../inbound/mentions.js';
import type { SourceClient } from '../../inbound/source-client.js';
import type { Instance } from '../../instance/instance.js';
import type { Source } from '../../instance/sources.js';
import { compactAway, probesOf, rowRange } from '../erasure/compaction.js';
import { Loss } from '../implausible-loss.js';
import { nodeProofCrypto } from '../proof-crypto.js';
import { Certificates, LEAVES_A_ROW } from './certificates.js';
import { Fates } from './fates.js';
import { keptResources } from './kept.js';
import { Lines, readingKeyRow } from './lines.js';
import type { Line, Run } from './lines.js';
import { atOnce } from './at-once.js';
import { presentOf } from './present.js';
import { planReading, readType } from './read-source.js';
import type { Plan } from './read-source.js';
import { newHandle } from '../../handle.js';

/** How far a reconciliation has come. */
export interface ReconcileProgress {
  readonly phase: 'reading' | 'comparing' | 'healing' | 'concluding';
  /** Types read, types to read. */
  readonly types: number;
  readonly typesTotal: number;
  /** Resources that the source showed, as far as it was read. */
  readonly lines: number;
  /** Resources that are to be looked at again. */
  readonly open: number;
}

/** What a reconciliation found. */
export interface Reconciled {
  readonly handle: string;
  /** Of its entry. */
  readonly leaf: number;
  /** Whether all that the source shows is kept, waits, or was kept out for a reason. */
  readonly isNothingMissed: boolean;
  readonly document: ReconciliationDocument;
}

/** A reading that came to its end. */
interface Read extends Run {
  /** Types that the server offers and does not show. */
  readonly unread: readonly string[];
}

/** A reading that was cut off is gone on with for this long, ms; then it is begun anew. */
const RESUME_MS = 6 * 60 * 60 * 1000;
/** Looks at what differs: a resource may change while it is looked at. */
const ROUNDS_MAX = 3;
/** Resources asked for at once; the source's rate bounds them further. */
const AT_ONCE = 8;
/** Events that may wait before more are found. */
const PENDING_MAX = 5000;
/** What is found to differ at the very end is looked at again, so many times. */
const LATE_MAX = 1000;
const PAUSE_MS = 25;
/** What fails is tried again for about half a minute and set aside; what then still waits is not waited for, ms. */
const DEALT_MS_MAX = 180_000;
const BATCH = 500;
const SOFTWARE = { software: 'Firebreak', version: '0.1.0' } as const;

/**
 * Reconciles a source.
 *
 * @param believesLoss - A source that shows less than it should is believed: see `Loss`.
 * @throws AdapterError ADAPTER_NOT_FOUND, ADAPTER_CONFLICT for a paused one, ADAPTER_SOURCE_UNREACHABLE or
 * ADAPTER_SOURCE_REFUSED when it cannot be read to its end: then nothing is certified.
 */
export async function reconcileSource(
  instance: Instance,
  id: string,
  onProgress: (progress: ReconcileProgress) => void = () => undefined,
  signal?: AbortSignal,
  believesLoss = false,
): Promise<Reconciled> {
  const client = instance.client(id);
  const source = instance.sources.get(id);
  if (client === undefined || source === undefined)
    throw new AdapterError('ADAPTER_NOT_FOUND', `no FHIR server is registered as ${id.slice(0, 64)}`);
  if (source.state === 'paused')
    throw new AdapterError('ADAPTER_CONFLICT', `source ${id} is paused; firebreak source resume ${id}`);
  return new Reconciliation(instance, source, client, onProgress, signal).run(believesLoss);
}

class Reconciliation {
  readonly #instance: Instance;
  readonly #source: Source;
  readonly #client: SourceClient;
  readonly #onProgress: (progress: ReconcileProgress) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #lines: Lines;
  readonly #fates: Fates;
  readonly #certificates: Certificates;
  readonly #progress = { types: 0, typesTotal: 0, lines: 0, open: 0 };
  #phase: ReconcileProgress['phase'] = 'reading';
  readonly #healed = { fetched: 0, deleted: 0 };

  constructor(
    instance: Instance,
    source: Source,
    client: SourceClient,
    onProgress: (progress: ReconcileProgress) => void,
    signal: AbortSignal | undefined,
  ) {
    const { indexKey } = instance.keys.storage;
    this.#instance = instance;
    this.#source = source;
    this.#client = client;
    this.#onProgress = onProgress;
    this.#signal = signal;
    this.#lines = new Lines(instance.store, indexKey, instance.records, source.id);
    this.#fates = new Fates(instance, source.id);
    this.#certificates = new Certificates(instance.store, indexKey);
  }

  async run(believesLoss: boolean): Promise<Reconciled> {
    const { id } = this.#source;
    const former = await this.#certificates.last(id);
    const formerMs = former === undefined ? 0 : Date.parse(former.document.begun);
    const run = await this.#read(await this.#begin(formerMs));
    if (!believesLoss) await this.#requirePlausible(run);
    await this.#compare(run);
    await this.#heal();
    const reconciled = await this.#conclude(run, former);
    await this.#end();
    await this.#certificates.dropLeaves(id);
    this.#instance.hints.ofSource(id, 'desk-changed');
    const { fates, unshown, healed } = reconciled.document;
    this.#instance.logger.info('source reconciled', { source: id, ...fates, unshown, ...healed });
    return reconciled;
  }

  /** Nothing of a reading is left: its rows go when LevelDB comes to it, the key that opens them goes now. */
  async #end(): Promise<void> {
    const { store, config } = this.#instance;
    const key = readingKeyRow(this.#source.id);
    const row = store.getSync(key);
    await this.#lines.clear();
    const probes = row === undefined ? [] : probesOf(row);
    await compactAway(store, join(config.dataDir, 'store'), [rowRange(key)], probes, this.#signal);
  }

  /** Takes up a reading that was cut off, or begins one. */
  async #begin(formerMs: number): Promise<Run> {
    const now = this.#instance.nowMs();
    const lines = this.#lines;
    await lines.clear('leaf');
    const before = lines.readRun();
    if (before !== undefined && before.begunMs > formerMs && now - before.begunMs < RESUME_MS) {
      // Of a type that was not read to its end, what was read may be gone by now.
      const writes: StoreWrite[] = [];
      for await (const { mark, line } of lines.all()) {
        if (before.methods[line.type] === undefined) writes.push(lines.del(mark));
        else this.#progress.lines += 1;
        if (writes.length >= BATCH) await lines.write(writes.splice(0));
      }
      await lines.write(writes);
      return before;
    }
    await lines.clear();
    const run = { begunMs: Math.max(now, formerMs + 1), methods: {} };
    await lines.begin(run);
    return run;
  }

  async #read(begun: Run): Promise<Read> {
    const plans = await planReading(this.#client);
    this.#progress.typesTotal = plans.length;
    let run = begun;
    for (const plan of plans) {
      if (run.methods[plan.type] === undefined) {
        const method = await this.#readType(plan);
        if (method !== undefined) run = { ...run, methods: { ...run.methods, [plan.type]: method } };
        await this.#lines.writeRun(run);
      }
      this.#progress.types += 1;
      this.#tell();
    }
    const unread = plans.map(({ type }) => type).filter((type) => run.methods[type] === undefined);
    if (unread.length === plans.length)
      throw new AdapterError('ADAPTER_SOURCE_REFUSED', 'the source shows none of its types to us');
    return { ...run, unread };
  }

  /** @returns `undefined` where the server answers, but not for this type: the certificate names it. */
  async #readType(plan: Plan): Promise<ReadMethod | undefined> {
    try {
      return await readType(plan, {
        client: this.#client,
        lines: this.#lines,
        source: this.#source.id,
        nowMs: this.#instance.nowMs,
        isNews: (line) => this.#isNews(line),
        onNews: async (events, lines) => {
          await this.#lines.write(lines.map((line) => this.#lines.open(line)));
          this.#progress.open += lines.length;
          await this.#accept(events);
        },
        onPage: (count) => {
          this.#progress.lines += count;
          this.#tell();
        },
        signal: this.#signal,
      });
    } catch (error) {
      this.#signal?.throwIfAborted();
      if (!(error instanceof AdapterError)) throw error;
      const { logger } = this.#instance;
      logger.warn('type not read', { source: this.#source.id, type: plan.type, code: error.code });
      await this.#client.capabilities();
      return undefined;
    }
  }

  /** A source that has lost most of what it had, and says so nowhere, is more likely another server, or an empty one. */
  async #requirePlausible({ methods }: Run): Promise<void> {
    await this.#dealtWith();
    const loss = new Loss(this.#source.id, this.#progress.lines);
    for await (const { type, id } of keptResources(this.#instance, this.#source.id, this.#lines)) {
      this.#signal?.throwIfAborted();
      const isDeleted = this.#lines.get(this.#lines.markOf(type, id))?.gone === true;
      if (methods[type] !== undefined && !isDeleted) loss.count();
    }
  }

  /** Finds what differs, either way, and asks for it. */
  async #compare(run: Run): Promise<void> {
    this.#tell('comparing');
    const lines = this.#lines;
    await this.#dealtWith();
    let found: { readonly event: FhirEvent; readonly open: StoreWrite }[] = [];
    const flush = async (): Promise<void> => {
      const batch = found;
      found = [];
      await lines.write(batch.map(({ open }) => open));
      await this.#accept(batch.map(({ event }) => event));
      this.#progress.open += batch.length;
      this.#tell();
    };
    for await (const { line } of lines.all()) {
      this.#signal?.throwIfAborted();
      if (line.gone === true || this.#fates.of(line).fate !== 'missing') continue;
      found.push({ event: this.#fetchOf(line), open: lines.open(line) });
      if (found.length >= BATCH) await flush();
    }
    await atOnce(
      keptResources(this.#instance, this.#source.id, this.#lines),
      AT_ONCE,
      async ({ type, id }) => {
        this.#signal?.throwIfAborted();
        // A type that cannot be listed is swept: each that is kept is asked for.
        const line = run.methods[type] === undefined ? await this.#ask(type, id) : undefined;
        if (line === undefined) {
          found.push({ event: this.#deleteOf(type, id), open: lines.open({ type, id, gone: true }) });
        } else {
          if (this.#fates.of(line).fate !== 'missing') return;
          found.push({ event: this.#fetchOf(line), open: lines.open(line) });
        }
        if (found.length >= BATCH) await flush();
      },
    );
    await flush();
  }

  /** Looks again at what differed until it does not. */
  async #heal(): Promise<void> {
    this.#tell('healing');
    for (let round = 0; round < ROUNDS_MAX; round++) {
      await this.#dealtWith();
      let again = 0;
      await atOnce(this.#lines.opened(), AT_ONCE, async ({ mark, line }) => {
        this.#signal?.throwIfAborted();
        const outcome = await this.#lookAgain(mark, line);
        if (outcome === 'again') {
          again += 1;
          return;
        }
        if (outcome !== 'nothing') this.#healed[outcome] += 1;
        await this.#lines.write([this.#lines.settle(mark)]);
        this.#progress.open -= 1;
        this.#tell();
      });
      if (again === 0) return;
    }
    await this.#dealtWith();
  }

  async #lookAgain(mark: string, opened: Line): Promise<'fetched' | 'deleted' | 'nothing' | 'again'> {
    const { type, id } = opened;
    let line = this.#lines.get(mark);
    if (!this.#isSettled(line, opened)) line = await this.#ask(type, id);
    if (!this.#isSettled(line, opened)) {
      await this.#accept([line === undefined ? this.#deleteOf(type, id) : this.#fetchOf(line)]);
      return 'again';
    }
    if (opened.gone === true) return line === undefined || line.gone === true ? 'deleted' : 'nothing';
    if (line === undefined || line.gone === true) return 'nothing';
    const { fate } = this.#fates.of(line);
    return fate === 'stored' || fate === 'directory' || fate === 'waiting' ? 'fetched' : 'nothing';
  }

  #isSettled(line: Line | undefined, { type, id }: Line): boolean {
    if (line === undefined || line.gone === true) return this.#fates.keptAs({ type, id }) === undefined;
    return this.#fates.of(line).fate !== 'missing';
  }

  /** Asks the source for a resource, and sets its line right. */
  async #ask(type: string, id: string): Promise<Line | undefined> {
    const present = await presentOf(this.#client, type, id);
    if (present.outcome === 'gone') {
      await this.#lines.write([this.#lines.del(this.#lines.markOf(type, id))]);
      return undefined;
    }
    const { version, bytes } = present;
    const line: Line = {
      type,
      id,
      ...(version === undefined ? {} : { version }),
      ...(bytes !== undefined && this.#tellsOfErased(type, id, bytes) ? { erased: true } : {}),
    };
    await this.#lines.write([this.#lines.put(line)]);
    return line;
  }

  #tellsOfErased(type: string, id: string, bytes: Buffer): boolean {
    const { subjects } = this.#instance;
    return patientsOf({ type, id, bytes }).some((patient) =>
      subjects.isErased(subjects.keyOf(this.#source.id, patient)),
    );
  }

  /** Counts what became of each line, roots over both sets, and the entry on the log. */
  async #conclude(
    run: Read,
    former: { readonly handle: string; readonly document: ReconciliationDocument } | undefined,
  ): Promise<Reconciled> {
    this.#tell('concluding');
    const { store, appender, nowMs } = this.#instance;
    const source = this.#source;
    const salt = randomBytes(32);
    const { fates, unshown, swept } = await this.#leaves(run, salt);
    const trees = await this.#trees(run);
    const document: ReconciliationDocument = {
      format: RECONCILIATION_FORMAT,
      source: { id: source.id, name: source.name, url: source.baseUrl ?? '' },
      by: SOFTWARE,
      former: former?.handle ?? null,
      since: former?.document.begun ?? null,
      begun: new Date(run.begunMs).toISOString(),
      ended: new Date(Math.max(nowMs(), run.begunMs)).toISOString(),
      read: {
        history: typesBy(run, 'history'),
        search: typesBy(run, 'search'),
        sweep: [...swept].toSorted(),
        unread: run.unread.toSorted(),
      },
      listing: { salt: salt.toString('base64url'), ...trees.listing },
      kept: trees.kept,
      fates,
      unshown,
      healed: this.#healed,
    };
    const handle = newHandle();
    const opening = randomBytes(32);
    const text = canonicalize(document as unknown as Parameters<typeof canonicalize>[0]);
    const commitment = commitmentOf(opening, Buffer.from(text, 'utf8')).toString('base64url');
    const kept = { handle, salt: opening.toString('base64url'), document: text };
    const { leaves } = await appender.appendControl({}, () => ({
      drafts: [{ type: 'source.reconciled', body: { handle, commitment } }],
      writes: [this.#certificates.write(source.id, run.begunMs, kept)],
      value: undefined,
    }));
    if (store.status !== 'open') throw new AdapterError('ADAPTER_STOPPING', 'the instance is stopping');
    return { handle, leaf: leaves[0] ?? 0, isNothingMissed: isNothingMissed(document), document };
  }

  async #leaves(
    run: Run,
    salt: Buffer,
  ): Promise<{ fates: Record<Fate, number>; unshown: number; swept: Set<string> }> {
    const lines = this.#lines;
    const leafOf = listingLeaves(salt, nodeProofCrypto);
    const fates = Object.fromEntries(FATES.map((fate) => [fate, 0])) as Record<Fate, number>;
    const swept = new Set<string>();
    const writes: StoreWrite[] = [];
    let late = 0;
    let unshown = 0;
    for await (const listed of lines.all()) {
      this.#signal?.throwIfAborted();
      let line: Line | undefined = listed.line;
      if (line.gone === true) continue;
      let found = this.#fates.of(line);
      // It changed at the source, or here, since it was compared.
      for (let round = 0; found.fate === 'missing' && round < ROUNDS_MAX && late < LATE_MAX; round++) {
        late += 1;
        line = await this.#ask(line.type, line.id);
        if (line === undefined) break;
        found = this.#fates.of(line);
        if (found.fate !== 'missing') break;
        await this.#accept([this.#fetchOf(line)]);
        await this.#dealtWith();
        found = this.#fates.of(line);
      }
      if (line === undefined) continue;
      const { fate, kept } = found;
      fates[fate] += 1;
      const { type, id } = line;
      if (run.methods[type] === undefined) swept.add(type);
      const isCurrent = fate === 'stored' || fate === 'directory';
      const version = (isCurrent ? kept : undefined) ?? line.version ?? '';
      writes.push(lines.leaf(leafOf({ type, id, version }), isCurrent ? LISTED + KEPT : LISTED));
      if (!isCurrent && kept !== undefined && fate === 'missing')
        writes.push(lines.leaf(leafOf({ type, id, version: kept }), KEPT));
      if (writes.length >= BATCH) await lines.write(writes.splice(0));
    }
    for await (const { mark, line } of lines.opened()) {
      const { type, id } = line;
      const kept = this.#fates.keptAs({ type, id });
      if (kept === undefined || this.#isShown(type, id) || lines.get(mark) !== undefined) continue;
      unshown += 1;
      writes.push(lines.leaf(leafOf({ type, id, version: kept }), KEPT));
    }
    await lines.write(writes);
    return { fates, unshown, swept };
  }

  /** Roots over the leaves in their order; those of the listing are kept, some thousand a row. */
  async #trees(run: Run): Promise<Record<'listing' | 'kept', { count: number; root: string }>> {
    const listing = new ListingRoot(nodeProofCrypto);
    const kept = new ListingRoot(nodeProofCrypto);
    let row: Buffer[] = [];
    let rows = 0;
    const flush = async (): Promise<void> => {
      if (row.length === 0) return;
      const leaves = Buffer.concat(row, row.length * LISTING_LEAF_BYTES);
      row = [];
      await this.#lines.write([this.#certificates.leavesRow(this.#source.id, run.begunMs, rows++, leaves)]);
    };
    for await (const { leaf, sets } of this.#lines.leaves()) {
      if ((sets & KEPT) !== 0) kept.append(leaf);
      if ((sets & LISTED) === 0) continue;
      listing.append(leaf);
      row.push(leaf);
      if (row.length >= LEAVES_A_ROW) await flush();
    }
    await flush();
    return { listing: setOf(listing), kept: setOf(kept) };
  }

  /** A version that was heard of once is left to be compared: it may wait, have been refused, or erased. */
  #isNews(line: Line): boolean {
    const { store, inbox } = this.#instance;
    const { type, id, version } = line;
    if (version === undefined || version === '') return false;
    if (version.startsWith(BYTES_VERSION)) return this.#fates.of(line).fate === 'missing';
    const view = { get: (key: string) => store.getSync(key) };
    return !inbox.isKnown(view, { source: this.#source.id, type, id, version });
  }

  #isShown(type: string, id: string): boolean {
    return this.#lines.isShown(this.#lines.markOf(type, id));
  }

  #fetchOf({ type, id, version }: Line): FhirEvent {
    const event = fetchEvent(type, id, this.#arrival());
    return version === undefined || version === '' ? event : { ...event, version };
  }

  #deleteOf(type: string, id: string): FhirEvent {
    return deleteEvent(type, id, this.#arrival());
  }

  #arrival(): { source: string; channel: 'reconciliation'; receivedAt: number } {
    return { source: this.#source.id, channel: 'reconciliation', receivedAt: this.#instance.nowMs() };
  }

  async #accept(events: readonly FhirEvent[]): Promise<void> {
    const { inbox, statistics } = this.#instance;
    await inbox.accept(events);
    for (const event of events) statistics.received(event.channel, event.type);
    while (inbox.pendingCount > PENDING_MAX) await this.#pause();
  }

  /** Waits until what was accepted so far has been dealt with. */
  async #dealtWith(): Promise<void> {
    const { inbox } = this.#instance;
    const until = performance.now() + DEALT_MS_MAX;
    const seq = inbox.nextSeq;
    while (!(await inbox.isDoneBefore(seq)) && performance.now() < until) await this.#pause();
  }

  async #pause(): Promise<void> {
    this.#signal?.throwIfAborted();
    const failure = this.#instance.storeFailure();
    if (failure !== undefined) throw failure;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }

  #tell(phase = this.#phase): void {
    this.#phase = phase;
    this.#onProgress({ phase, ...this.#progress });
  }
}

/** Sets of a leaf. */
const LISTED = 1;
const KEPT = 2;

function setOf(tree: ListingRoot): { count: number; root: string } {
  return { count: tree.count, root: Buffer.from(tree.root()).toString('base64url') };
}

function typesBy({ methods }: Run, method: ReadMethod): string[] {
  return Object.keys(methods)
    .filter((type) => methods[type] === method)
    .toSorted();
}
