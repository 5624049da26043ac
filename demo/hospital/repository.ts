/**
 * Medplum's in-memory repository, with what a hospital's server must have besides: writes that outlive the process,
 * dates that never go back, 410 for what was deleted, and searches that page.
 */
import { matchesSearchRequest } from '@medplum/core';
import type { Filter, SearchRequest, WithId } from '@medplum/core';
import { MemoryRepository } from '@medplum/fhir-router';
import type { Bundle, Resource } from '@medplum/fhirtypes';
import type { Resource as R4Resource } from 'fhir/r4.js';
import type { Journal, JournalLine } from './journal.js';
import { datePredicate } from './last-updated.js';
import { PatientIndex } from './patient-index.js';
import { WriteOrder } from './write-order.js';
import type { Written } from './write-order.js';

/** Resources a page when the client does not say. */
const PAGE_DEFAULT = 100;
/** And at most: one page stays within some megabytes. */
const PAGE_MAX = 1000;

export class HospitalRepository extends MemoryRepository {
  readonly #orders = new Map<string, WriteOrder>();
  readonly #patients = new Map<string, PatientIndex>();
  readonly #gone = new Set<string>();
  readonly #nowMs: () => number;
  #journal: Journal | undefined;
  #sequence = 0;
  #lastMs = 0;

  constructor(nowMs: () => number) {
    super();
    this.#nowMs = nowMs;
  }

  /** From here on every write goes to the journal before it is answered. */
  attach(journal: Journal): void {
    this.#journal = journal;
  }

  /** Takes back a line of the journal, with the version and date it has there. */
  async restore(line: JournalLine): Promise<void> {
    if (line.op === 'delete') {
      await super.deleteResource(line.type, line.id);
      this.#forget(line.type, line.id);
      return;
    }
    // Both are FHIR R4; Medplum's types are its own.
    const resource = line.resource as unknown as WithId<Resource>;
    this.#remember(await super.createResource(resource));
  }

  /** Types of which there is a resource. */
  types(): string[] {
    return [...this.#orders].filter(([, order]) => order.size > 0).map(([type]) => type);
  }

  count(type: string): number {
    return this.#orders.get(type)?.size ?? 0;
  }

  has(type: string, id: string): boolean {
    return this.#orders.get(type)?.has(id) ?? false;
  }

  isGone(type: string, id: string): boolean {
    return this.#gone.has(`${type}/${id}`);
  }

  /** Creates, and (called by `updateResource`) updates: a new version with an id and a date of the server's. */
  override async createResource<T extends Resource>(resource: T): Promise<WithId<T>> {
    const { versionId: _version, lastUpdated: _date, ...meta } = resource.meta ?? {};
    // Never going back, and never twice the same for one resource, since versions are told apart by it.
    this.#lastMs = Math.max(this.#nowMs(), this.#lastMs + 1);
    const stamped = { ...resource, meta: { ...meta, lastUpdated: new Date(this.#lastMs).toISOString() } };
    const created = await super.createResource(stamped);
    this.#remember(created);
    await this.#journal?.append({ op: 'put', resource: created as unknown as R4Resource });
    return created;
  }

  override async deleteResource(type: string, id: string): Promise<void> {
    await super.deleteResource(type, id);
    this.#forget(type, id);
    await this.#journal?.append({ op: 'delete', type, id, atMs: this.#nowMs() });
  }

  /** Newest first. Medplum turns its stored list round at each call, so the order is made here. */
  override async readHistory<T extends Resource>(type: string, id: string): Promise<Bundle<T>> {
    const bundle = await super.readHistory<T>(type, id);
    const at = (resource: T | undefined): number => Date.parse(resource?.meta?.lastUpdated ?? '');
    bundle.entry?.sort((a, b) => at(b.resource) - at(a.resource));
    return bundle;
  }

  /**
   * Searches and cuts a page. `link` holds one `next` whose address is only the parameter that names the next page:
   * the caller puts the rest before it. Dates of change and the patient are looked up in indexes of ours; all else is
   * Medplum's.
   */
  override async search<T extends Resource>(request: SearchRequest<T>): Promise<Bundle<WithId<T>>> {
    const count = Math.min(request.count ?? PAGE_DEFAULT, PAGE_MAX);
    const byDate = request.sortRules?.length === 1 && request.sortRules[0]?.code === '_lastUpdated';
    const descending = byDate && request.sortRules?.[0]?.descending === true;
    const plain =
      request.include === undefined && request.revInclude === undefined && (byDate || !request.sortRules);
    const narrowed = plain ? this.#narrow(request.resourceType, request.filters ?? []) : undefined;
    if (narrowed !== undefined) {
      const { kept, left } = narrowed;
      const fitting = left.length === 0 ? kept : await this.#filter(request.resourceType, kept, left);
      return this.#page<T>(request, fitting, count, descending);
    }
    const { count: _count, offset: _offset, cursor: _cursor, ...whole } = request;
    if (byDate) delete whole.sortRules;
    const found = await super.search<T>(whole);
    const entries = found.entry ?? [];
    if (byDate) {
      const order = this.#orders.get(request.resourceType);
      const place = (entry: (typeof entries)[number]): number =>
        order?.sequenceOf(entry.resource?.id ?? '') ?? 0;
      entries.sort((a, b) => (descending ? place(b) - place(a) : place(a) - place(b)));
    }
    const offset = request.offset ?? 0;
    const page = entries.slice(offset, offset + count);
    const next = offset + count < entries.length ? `_offset=${offset + count}` : undefined;
    return searchset(page, entries.length, next);
  }

  /** What dates of change and the patient leave over, with the filters still to be asked; nothing if neither helps. */
  #narrow(type: string, filters: readonly Filter[]): { kept: Written[]; left: Filter[] } | undefined {
    const left: Filter[] = [];
    const tests: ((written: Written) => boolean)[] = [];
    let ids: ReadonlySet<string> | undefined;
    for (const filter of filters) {
      const inTime = datePredicate(filter);
      const admitted = this.#patients.get(type)?.admitted(filter);
      if (inTime !== undefined) tests.push(({ lastUpdatedMs }) => inTime(lastUpdatedMs));
      else if (admitted !== undefined) tests.push(({ id }) => admitted.has(id));
      else left.push(filter);
      ids ??= admitted;
    }
    if (left.length > 0 && ids === undefined) return undefined;
    return {
      kept: [...(this.#orders.get(type) ?? [])].filter((written) => tests.every((test) => test(written))),
      left,
    };
  }

  async #filter(type: string, kept: readonly Written[], filters: Filter[]): Promise<Written[]> {
    const fitting: Written[] = [];
    for (const written of kept) {
      const resource = await this.readResource<Resource>(type, written.id);
      if (matchesSearchRequest(resource, { resourceType: resource.resourceType, filters }))
        fitting.push(written);
    }
    return fitting;
  }

  async #page<T extends Resource>(
    request: SearchRequest<T>,
    kept: Written[],
    count: number,
    descending: boolean,
  ): Promise<Bundle<WithId<T>>> {
    if (descending) kept.reverse();
    const cursor = Number(request.cursor ?? (descending ? Number.POSITIVE_INFINITY : 0));
    const left = kept
      .filter(({ sequence }) => (descending ? sequence < cursor : sequence > cursor))
      .slice(request.offset ?? 0);
    const places = left.slice(0, count);
    const page: { resource: WithId<T> }[] = [];
    for (const { id } of places) page.push(await this.#present<T>(request.resourceType, id));
    const last = places.at(-1);
    const next = last !== undefined && places.length < left.length ? `_cursor=${last.sequence}` : undefined;
    return searchset(page, kept.length, next);
  }

  async #present<T extends Resource>(type: string, id: string): Promise<{ resource: WithId<T> }> {
    const resource = await this.readResource<T>(type, id);
    return { resource: { ...resource, id } };
  }

  #remember(resource: WithId<Resource>): void {
    const lastUpdatedMs = Date.parse(resource.meta?.lastUpdated ?? '');
    this.#lastMs = Math.max(this.#lastMs, lastUpdatedMs);
    this.#gone.delete(`${resource.resourceType}/${resource.id}`);
    let order = this.#orders.get(resource.resourceType);
    if (order === undefined) this.#orders.set(resource.resourceType, (order = new WriteOrder()));
    let patients = this.#patients.get(resource.resourceType);
    if (patients === undefined) this.#patients.set(resource.resourceType, (patients = new PatientIndex()));
    patients.put(resource, resource.id);
    order.put({ id: resource.id, sequence: ++this.#sequence, lastUpdatedMs });
  }

  #forget(type: string, id: string): void {
    this.#orders.get(type)?.delete(id);
    this.#patients.get(type)?.delete(id);
    this.#gone.add(`${type}/${id}`);
  }
}

function searchset<T extends Resource>(
  page: readonly { resource?: WithId<T> }[],
  total: number,
  next: string | undefined,
): Bundle<WithId<T>> {
  return {
    resourceType: 'Bundle',
    type: 'searchset',
    total,
    ...(next === undefined ? {} : { link: [{ relation: 'next', url: next }] }),
    ...(page.length === 0 ? {} : { entry: page.flatMap(({ resource }) => (resource ? [{ resource }] : [])) }),
  };
}
