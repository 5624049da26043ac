/**
 * Makes the files of an export: the patients who permit it and meet the criteria, de-identified by the cohort's profile,
 * and a table of them made k-anonymous. Twice over the patients: references need all names before the first line.
 */
import { randomBytes } from 'node:crypto';
import type { TextTable } from '../../../analytics/anonymity/index.js';
import type { Permitted } from '../../../ledger/consent/index.js';
import { rootOf } from '../../../ledger/log/index.js';
import { Deidentifier, profileNamed, writeExact } from '../../../mappings/deidentify/index.js';
import type { JsonObject } from '../../../mappings/index.js';
import type { Blobs } from '../../../ledger/vault/index.js';
import { AdapterError } from '../../errors.js';
import { asPlain, Criteria } from './criteria.js';
import { viewNamed } from './definition.js';
import type { CohortTable } from './definition.js';
import { dictionaryOf } from './dictionary.js';
import { ResourceFiles, wholeFile } from './export-files.js';
import { NamingTexts } from './leaks.js';
import { parquetOf } from './parquet.js';
import { permitsOf, permittedPatient, permittedPatients, standingOf } from './population.js';
import type { CohortAsking, CohortPatient, CohortRecord, LeftOut, PopulationParts } from './population.js';
import type { CohortRow, ExportFile, ExportPatient, ExportRow } from './rows.js';
import { csvOf, makeTable, ndjsonOf } from './tables.js';

/** Counts below this are not told. */
const SMALL_CELL = 11;

export interface BuildOptions {
  readonly parts: PopulationParts;
  readonly blobs: Blobs;
  readonly dataDir: string;
  readonly cohort: CohortRow;
  readonly asking: CohortAsking;
  readonly row: ExportRow;
  readonly patientsPerFile: number;
  /** Pseudonyms of the patients of the export before, for `_since`. */
  readonly before: ReadonlySet<string> | undefined;
  /** Keeps a patient of the export; its place is how many were kept before. */
  readonly keep: (
    place: number,
    patient: ExportPatient,
    handles: readonly string[],
    permits: readonly Permitted[],
  ) => Promise<void>;
  readonly onProgress: (done: number, all: number) => void;
  /** Whether it is to go on: it was deleted, or the instance stops. */
  readonly isWanted: () => boolean;
}

/** What was made, not yet let go. */
export interface Built {
  readonly files: readonly ExportFile[];
  readonly patients: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly leftOut: Readonly<Record<string, number | null>>;
  readonly rows: { readonly count: number; readonly root: string };
  readonly deleted: readonly string[];
}

/** @throws AdapterError ADAPTER_UNPROCESSABLE; ADAPTER_STOPPING where it is not wanted any more; nothing is left then. */
export async function buildExport(options: BuildOptions): Promise<Built> {
  const { parts, blobs, cohort, asking, row, patientsPerFile, keep, onProgress, isWanted, before } = options;
  const { definition } = cohort;
  const criteria = new Criteria(definition);
  const profile = profileNamed(definition.profile);
  const engine = new Deidentifier({
    profile,
    key: Buffer.from(cohort.key, 'base64url'),
    randomBytes: (size) => randomBytes(size),
    asOfYear: new Date(parts.nowMs()).getUTCFullYear(),
  });
  const leftOut: LeftOut = { custodian: 0, consent: 0, criteria: 0 };
  const members: { readonly key: string; readonly epoch: number }[] = [];
  for await (const patient of permittedPatients(parts, asking, leftOut)) {
    if (!isWanted()) throw stopped();
    if (!criteria.holds(patient.records)) {
      leftOut.criteria++;
      continue;
    }
    members.push({ key: patient.subject.key, epoch: patient.epoch });
    for (const record of chosen(patient, criteria, row, definition.types)) announce(engine, record, parts);
  }

  const files = new ResourceFiles(blobs, Buffer.from(row.rowSalt ?? '', 'base64url'), patientsPerFile);
  const made: ExportFile[] = [];
  const hasTable =
    definition.table !== undefined &&
    isType(row, definition.types, viewNamed(definition.table.view).resource);
  const tables = definition.table === undefined || !hasTable ? undefined : new TableRows(definition.table);
  const counts: Record<string, number> = {};
  const names = new Set<string>();
  let place = 0;
  let leaks = 0;
  let searched = 0;
  try {
    for (const [i, { key, epoch }] of members.entries()) {
      if (!isWanted()) throw stopped();
      if (i % 20 === 0) onProgress(i, members.length);
      const subject = await parts.subjects.find(key);
      const patient = subject === undefined ? 'consent' : await permittedPatient(parts, asking, subject);
      // Who has said something since is left out: the next export takes the new word into account.
      if (typeof patient === 'string' || patient.epoch !== epoch) {
        leftOut.consent++;
        continue;
      }
      const records = chosen(patient, criteria, row, definition.types);
      const texts = new NamingTexts();
      const opened = records.map((record) => ({ record, resource: record.open() }));
      for (const { record, resource } of opened) texts.add(resource, record.card.gate.id);
      searched += texts.size;
      const self = opened.find(({ resource }) => resource['resourceType'] === 'Patient');
      let pseudonym = '';
      const isNew = before === undefined || !isAmong(before, self?.resource, engine);
      const written: string[] = [];
      tables?.next();
      for (const { record, resource } of opened) {
        const out = engine.transform(resource);
        if (out === undefined) continue;
        leaks += texts.foundIn(out);
        const { type } = record.card.gate;
        if (type === 'Patient') pseudonym = idOf(out);
        if (!isType(row, definition.types, type)) continue;
        tables?.add(asPlain(out));
        if (!isAsked(record, row, isNew)) continue;
        await files.line(type, writeExact(elementsOf(out, row, profile.rules)));
        counts[type] = (counts[type] ?? 0) + 1;
        written.push(record.handle);
      }
      if (pseudonym !== '') names.add(pseudonym);
      const handles = tables === undefined ? written : records.map(({ handle }) => handle);
      const { recordEpoch } = patient;
      const standsOn = standingOf(records);
      await keep(
        place++,
        { subject: key, epoch, standsOn, pseudonym, recordEpoch },
        handles,
        permitsOf(records),
      );
      await files.patientDone();
    }
    onProgress(members.length, members.length);
    if (leaks > 0)
      throw new AdapterError(
        'ADAPTER_UNPROCESSABLE',
        `our own search found ${leaks} texts of the source in what would leave: nothing is exported`,
      );
    if (place === 0)
      throw new AdapterError('ADAPTER_UNPROCESSABLE', 'nobody permits it, or nobody is as asked for');
    const leaves: Buffer[] = [];
    for (const { file, leaves: own } of await files.end()) {
      made.push({ ...file, rowsFrom: leaves.length });
      for (const leaf of own) leaves.push(leaf);
    }
    const everybody = [0, place] as const;
    let tableReport: object | undefined;
    if (definition.table !== undefined && tables !== undefined) {
      const { table, report } = makeTable(tables.table(), definition.table);
      tableReport = report;
      const common = { type: 'table', count: table.rows.length, patients: everybody };
      const parquet = await parquetOf(table, options.dataDir);
      for (const [name, mediaType, bytes] of [
        ['table.csv', 'text/csv', Buffer.from(csvOf(table))],
        ['table.ndjson', 'application/x-ndjson', Buffer.from(ndjsonOf(table))],
        ['table.parquet', 'application/vnd.apache.parquet', parquet],
      ] as const)
        made.push(await wholeFile(blobs, bytes, { ...common, name, mediaType }));
    }
    const shownLeftOut = Object.fromEntries(
      Object.entries(leftOut).map(([why, count]) => [why, count > 0 && count < SMALL_CELL ? null : count]),
    );
    const report = {
      profile: profile.name,
      transformation: engine.report(),
      leftOut: shownLeftOut,
      search: { textsOfTheSource: searched, found: leaks },
      ...(tableReport === undefined ? {} : { table: tableReport }),
    };
    made.push(await jsonFile(blobs, 'report.json', 'report', report));
    made.push(await jsonFile(blobs, 'dictionary.json', 'dictionary', dictionaryOf(definition, profile)));
    const deleted = before === undefined ? [] : [...before].filter((name) => !names.has(name)).toSorted();
    const rows = { count: leaves.length, root: rootOf(leaves).toString('base64url') };
    return { files: made, patients: place, counts, leftOut: shownLeftOut, rows, deleted };
  } catch (error) {
    await files.drop();
    for (const { blob } of made) await blobs.remove(blob.name);
    throw error;
  }
}

/** JSON that people read, too. */
export function jsonFile(blobs: Blobs, name: string, type: string, value: object): Promise<ExportFile> {
  const bytes = Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`, 'utf8');
  return wholeFile(blobs, bytes, { name, type, mediaType: 'application/json', count: 1 });
}

/**
 * The records of a patient that were approved and asked for, and in any case the Patient, whom ages and offsets of the
 * others hang on; it leaves only where it was asked for.
 */
function chosen(
  { records }: CohortPatient,
  criteria: Criteria,
  row: ExportRow,
  types: readonly string[],
): CohortRecord[] {
  const isWanted = ({ card }: CohortRecord): boolean =>
    card.gate.type === 'Patient' || isType(row, types, card.gate.type);
  return criteria
    .within(records)
    .filter(isWanted)
    .toSorted((a, b) => placeOf(a) - placeOf(b));
}

function placeOf({ card }: CohortRecord): number {
  return card.gate.type === 'Patient' ? 0 : 1;
}

/** Whether a type was approved and asked for. */
function isType({ asked }: ExportRow, types: readonly string[], type: string): boolean {
  return types.includes(type) && (asked.types?.includes(type) ?? true);
}

function announce(engine: Deidentifier, record: CohortRecord, { records }: PopulationParts): void {
  const { source, gate } = record.card;
  if (gate.type === 'Patient') engine.announce(record.open());
  else engine.announce({ resourceType: gate.type, id: records.facadeId(source, gate.type, gate.id) });
}

function isAmong(
  before: ReadonlySet<string>,
  patient: JsonObject | undefined,
  engine: Deidentifier,
): boolean {
  const out = patient === undefined ? undefined : engine.pseudonymOf(`Patient/${idOf(patient)}`);
  return out !== undefined && before.has(out);
}

function isAsked({ card }: CohortRecord, { asked }: ExportRow, isNew: boolean): boolean {
  const { sinceMs, typeFilters } = asked;
  if (sinceMs !== undefined && !isNew && Math.max(card.receivedAt, card.lastUpdatedMs ?? 0) < sinceMs)
    return false;
  const own = (typeFilters ?? []).filter((filter) => filter.startsWith(`${card.gate.type}?`));
  return own.length === 0 || own.some((filter) => matchesFilter(filter, card.gate.codes));
}

/** `Type?code=system|code,…`, which {@link readExport} has checked. */
function matchesFilter(filter: string, codes: readonly string[]): boolean {
  const query = new URLSearchParams(filter.slice(filter.indexOf('?') + 1));
  return query
    .getAll('code')
    .every((list) =>
      list
        .split(',')
        .some((token) =>
          codes.some((code) => (token.includes('|') ? code === token : code.endsWith(`|${token}`))),
        ),
    );
}

/** Only what was asked for, and what may not be missing; marked as a part. */
function elementsOf(
  out: JsonObject,
  { asked }: ExportRow,
  rules: readonly { readonly path: string; readonly required?: string }[],
): JsonObject {
  const { elements } = asked;
  if (elements === undefined) return out;
  const type = textOf(out['resourceType']);
  const own = elements.flatMap((one) =>
    one.startsWith(`${type}.`) ? [one.slice(type.length + 1)] : one.includes('.') ? [] : [one],
  );
  if (own.length === 0) return out;
  const kept = new Set(['resourceType', 'id', 'subject', 'patient', ...own]);
  for (const { path, required } of rules) {
    const [of, name = '', ...below] = path.split('.');
    const isOwn = below.every((one) => one.startsWith('ofType('));
    if (of === type && required === 'always' && isOwn) kept.add(name);
  }
  const tag = [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ObservationValue', code: 'SUBSETTED' }];
  const members = Object.entries(out).filter(
    ([name]) => kept.has(name) || kept.has(name.replace(/^_/, '')) || isChoiceOf(kept, name),
  );
  return { ...Object.fromEntries(members), meta: { tag } };
}

/** `value` stands for valueQuantity. */
function isChoiceOf(kept: ReadonlySet<string>, name: string): boolean {
  const choice = /^_?([a-z]+)[A-Z]/.exec(name)?.[1];
  return choice !== undefined && (kept.has(choice) || kept.has(`${choice}[x]`));
}

function idOf(resource: JsonObject): string {
  return textOf(resource['id']);
}

/** Rows of the table, one a patient. */
class TableRows {
  readonly #asked: CohortTable;
  readonly #rows: string[][] = [];
  readonly #add: (resource: JsonObject) => void;
  #has = true;

  constructor(asked: CohortTable) {
    this.#asked = asked;
    const view = viewNamed(asked.view);
    const places = asked.columns.map((column) => view.columns.findIndex(({ name }) => name === column));
    const run = view.start((row) => {
      if (this.#has)
        throw new AdapterError(
          'ADAPTER_UNPROCESSABLE',
          `view ${asked.view} has several rows of one patient: k would count them for several persons`,
        );
      this.#has = true;
      this.#rows.push(places.map((at) => textOf(row[at])));
    });
    this.#add = (resource) => {
      run.add(resource);
    };
  }

  /** The next patient begins. */
  next(): void {
    this.#has = false;
  }

  add(resource: JsonObject): void {
    this.#add(resource);
  }

  table(): TextTable {
    return { columns: this.#asked.columns, rows: this.#rows };
  }
}

function textOf(cell: unknown): string {
  if (cell === null || cell === undefined) return '';
  if (typeof cell === 'string') return cell;
  return JSON.stringify(cell);
}

function stopped(): AdapterError {
  return new AdapterError('ADAPTER_STOPPING', 'the export was given up');
}
