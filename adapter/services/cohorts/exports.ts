/**
 * Exports of cohorts: asked for, built one after the other, put on the log with a receipt for each patient, handed out file
 * by file while all whom a file holds still permit it, and gone at their end.
 *
 * An export is a row; what works on it is this process alone. A crash leaves the row as it was: what was queued or half
 * built is built anew, what stood on the log already gets the receipts that are missing, and files that no row names are
 * removed.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { Readable as NodeReadable } from 'node:stream';
import { signDocument } from '../../../ledger/consent/index.js';
import type { Permitted } from '../../../ledger/consent/index.js';
import { consentEpoch, isErased, stillStands } from '../../../ledger/custody/index.js';
import type { StateView } from '../../../ledger/custody/index.js';
import type { Engine } from '../../../ledger/engines/index.js';
import { canonicalBytes, inclusionProof, nodeHash } from '../../../ledger/log/index.js';
import type { ExportedRow } from '../../../ledger/proofs/index.js';
import type { JsonObject, JsonValue } from '../../../ledger/log/index.js';
import type { StoreWrite } from '../../../ledger/store.js';
import { Blobs, commitmentOf } from '../../../ledger/vault/index.js';
import { ndjsonLines } from '../../../mappings/index.js';
import { AdapterError, codeOf, messageOf } from '../../errors.js';
import type { Instance } from '../../instance/instance.js';
import type { Subject } from '../../instance/subjects.js';
import { discloseTo } from '../disclosure.js';
import { purposeCoding } from '../tokens/index.js';
import type { Caller } from '../tokens/index.js';
import { buildExport, jsonFile } from './build.js';
import type { Built } from './build.js';
import type { Cohorts } from './cohorts.js';
import { requesterOf } from './cohorts.js';
import { rowLeaf, saltOfRow } from './export-files.js';
import { permitsOf, permittedPatient } from './population.js';
import type { CohortAsking } from './population.js';
import { newId } from './rows.js';
import type {
  CohortRow,
  CohortRows,
  ExportFile,
  ExportParameters,
  ExportPatient,
  ExportRow,
} from './rows.js';
import { newHandle } from '../../handle.js';

export type ExportsParts = Pick<
  Instance,
  | 'store'
  | 'keys'
  | 'appender'
  | 'subjects'
  | 'consents'
  | 'records'
  | 'sources'
  | 'exceptional'
  | 'notices'
  | 'organisation'
  | 'identity'
  | 'config'
  | 'logger'
  | 'nowMs'
> & { readonly engine: Pick<Engine, 'head'> };

export interface ExportsOptions {
  readonly parts: ExportsParts;
  readonly cohorts: Cohorts;
  /** How long files can be had, ms. */
  readonly lifeMs?: number;
  readonly patientsPerFile?: number;
}

export const MANIFEST_KIND = 'firebreak cohort export';
const LIFE_MS = 48 * 3_600_000;
const PATIENTS_PER_FILE = 200;
/** Exports of one requester that wait or are built. */
const ACTIVE_MAX = 4;
/** How often an export is built anew because somebody withdrew before it stood on the log. */
const ROUNDS_MAX = 5;
const EXPIRY_LOOK_MS = 10 * 60_000;
/** Plain bytes after which it is looked again whether all in a file still permit it. */
const LOOK_BYTES = 1024 * 1024;
const SMALL_CELL = 11;
/** Patients whose rows go down in one batch. */
const ROWS_AT_ONCE = 100;

export class CohortExports {
  readonly #parts: ExportsParts;
  readonly #cohorts: Cohorts;
  readonly #rows: CohortRows;
  readonly #blobs: Blobs;
  readonly #lifeMs: number;
  readonly #patientsPerFile: number;
  readonly #progress = new Map<string, string>();
  /** By export and place of the patient, between building and receipts. */
  readonly #permitted = new Map<string, readonly Permitted[]>();
  readonly #queue: string[] = [];
  #running: Promise<void> | undefined;
  #closed = false;
  readonly #timer: NodeJS.Timeout;

  private constructor({ parts, cohorts, lifeMs, patientsPerFile }: ExportsOptions) {
    this.#parts = parts;
    this.#cohorts = cohorts;
    this.#rows = cohorts.rows;
    this.#lifeMs = lifeMs ?? LIFE_MS;
    this.#patientsPerFile = patientsPerFile ?? PATIENTS_PER_FILE;
    this.#blobs = new Blobs(join(parts.config.dataDir, 'exports'), parts.identity.origin);
    this.#timer = setInterval(() => {
      this.expire().catch((error: unknown) =>
        parts.logger.error('exports not looked through', { code: codeOf(error) }),
      );
    }, EXPIRY_LOOK_MS);
    this.#timer.unref();
  }

  /** Opens what there is, and goes on with what was begun. */
  static async open(options: ExportsOptions): Promise<CohortExports> {
    const exports = new CohortExports(options);
    const rows = await exports.#rows.exports();
    const named = new Set(rows.flatMap(({ files = [] }) => files.map(({ blob }) => blob.name)));
    await exports.#blobs.sweep((name) => named.has(name));
    await exports.expire();
    // A restored folder has no files: what they were can be exported again.
    for (const row of rows)
      for (const { blob } of row.state === 'done' ? (row.files ?? []).slice(0, 1) : [])
        if ((await exports.#blobs.size(blob.name)) === undefined) await exports.#end(row, 'expired');
    for (const { id, state } of rows.toSorted((a, b) => a.begunAt - b.begunAt))
      if (state === 'queued' || state === 'building') exports.#enqueue(id);
    return exports;
  }

  /**
   * Begins an export of an approved cohort.
   *
   * @throws AdapterError ADAPTER_FORBIDDEN for one that is not approved; ADAPTER_TOO_MANY_REQUESTS; ADAPTER_BAD_REQUEST.
   */
  async begin(caller: Caller, cohortId: string, asked: ExportParameters): Promise<ExportRow> {
    const cohort = this.#cohorts.own(caller, cohortId);
    if (this.#cohorts.stateOf(cohort) !== 'approved')
      throw new AdapterError('ADAPTER_FORBIDDEN', 'the cohort is not approved, or its time is over');
    const { definition, requester } = cohort;
    const { types: wanted, typeFilters = [], elements = [] } = asked;
    for (const [expression, types, among] of [
      ['_type', wanted ?? [], definition.types],
      ['_typeFilter', typeFilters.map((one) => one.slice(0, one.indexOf('?'))), wanted ?? definition.types],
      ['_elements', elements.flatMap((one) => one.split('.').slice(0, -1)), definition.types],
    ] as const) {
      const strange = types.find((type) => !among.includes(type));
      if (strange !== undefined)
        throw new AdapterError('ADAPTER_FORBIDDEN', `the cohort was not approved for ${strange}`, {
          expression,
        });
    }
    if (asked.sinceMs !== undefined && definition.profile === 'safe-harbor')
      throw new AdapterError(
        'ADAPTER_NOT_SUPPORTED',
        '_since needs names that last; safe-harbor draws others for each export',
        { expression: '_since' },
      );
    const all = await this.#rows.exports();
    const active = all.filter(
      (row) => row.requester === requester.id && (row.state === 'queued' || row.state === 'building'),
    );
    if (active.length >= ACTIVE_MAX)
      throw new AdapterError('ADAPTER_TOO_MANY_REQUESTS', 'other exports of this requester are under way');
    const begunAt = this.#parts.nowMs();
    const row: ExportRow = {
      id: newId(),
      cohort: cohort.id,
      requester: requester.id,
      asked,
      state: 'queued',
      begunAt,
      expiresAt: begunAt + this.#lifeMs,
      rowSalt: randomBytes(32).toString('base64url'),
      salt: randomBytes(32).toString('base64url'),
    };
    await this.#put(row);
    this.#enqueue(row.id);
    return row;
  }

  /** A requester's own export. @throws AdapterError ADAPTER_NOT_FOUND for another's, one deleted or expired. */
  own(caller: Caller, id: string): ExportRow {
    const row = this.#rows.export(id);
    const isOwn = row !== undefined && row.requester === requesterOf(caller).id;
    const purpose = row === undefined ? undefined : this.#rows.cohort(row.cohort)?.definition.purpose;
    const isThere = row !== undefined && row.state !== 'deleted' && row.state !== 'expired';
    if (!isOwn || !isThere || purpose === undefined || purposeCoding(purpose) !== caller.purpose)
      throw unknown();
    if (row.expiresAt <= this.#parts.nowMs()) throw unknown();
    return row;
  }

  /** How far it is, in words for `X-Progress`. */
  progressOf(id: string): string {
    return this.#progress.get(id) ?? 'queued';
  }

  /** Whether a file may be had now: all whom it holds still permit it, and its cohort is approved. */
  isOpen(row: ExportRow, file: ExportFile): boolean {
    const cohort = this.#rows.cohort(row.cohort);
    if (cohort === undefined || this.#cohorts.stateOf(cohort) !== 'approved') return false;
    const [from, to] = file.patients ?? [0, 0];
    for (const { place, patient } of this.#rows.patients(row.id, from, to))
      if (patient === undefined || !this.#permits(patient) || !this.#isKept(row, place, patient))
        return false;
    return true;
  }

  /** Pseudonyms of patients of a finished export who permit it no more, or were erased. */
  withdrawn(row: ExportRow): string[] {
    const gone = [...this.#rows.gone(row.id)];
    for (const { patient } of this.#rows.patients(row.id, 0, row.patients ?? 0))
      if (patient !== undefined && patient.pseudonym !== '' && !this.#permits(patient))
        gone.push(patient.pseudonym);
    // By name: that one was erased and another withdrew is not told.
    return gone.toSorted();
  }

  /**
   * A file's bytes. It ends early, with an error, when somebody in it withdraws while it is read.
   *
   * @throws AdapterError ADAPTER_NOT_FOUND; ADAPTER_GONE for one that holds somebody who permits it no more.
   */
  file(caller: Caller, id: string, name: string): { readonly file: ExportFile; readonly body: Readable } {
    const row = this.own(caller, id);
    const file = row.state === 'done' ? row.files?.find((one) => one.name === name) : undefined;
    if (file === undefined) throw unknown();
    if (!this.isOpen(row, file)) throw withdrawn();
    return { file, body: NodeReadable.from(this.#read(row, file), { objectMode: false }) };
  }

  /** An export by its handle on the log. */
  async byHandle(handle: string): Promise<ExportRow | undefined> {
    return (await this.#rows.exports()).find((row) => row.handle === handle);
  }

  /** A patient of an export, or `undefined`. */
  patientOf(row: ExportRow, subjectKey: string): ExportPatient | undefined {
    for (const { patient } of this.#rows.patients(row.id, 0, row.patients ?? 0))
      if (patient?.subject === subjectKey) return patient;
    return undefined;
  }

  /**
   * Lines of one patient, opened, each with its way to the root that the manifest names.
   *
   * @throws AdapterError ADAPTER_GONE where the files are gone.
   */
  async openRows(row: ExportRow, { pseudonym }: ExportPatient): Promise<readonly ExportedRow[]> {
    const files = (row.files ?? []).filter(({ rowsFrom }) => rowsFrom !== undefined);
    if (files.length === 0) throw new AdapterError('ADAPTER_GONE', 'the files of this export are gone');
    const salt = Buffer.from(row.rowSalt ?? '', 'base64url');
    const leaves: Buffer[] = [];
    const own: { readonly index: number; readonly salt: Buffer; readonly bytes: Buffer }[] = [];
    for (const file of files) {
      let at = 0;
      for await (const line of ndjsonLines(this.#plain(file))) {
        const bytes = Buffer.from(line);
        if (pseudonym !== '' && bytes.includes(pseudonym))
          own.push({ index: leaves.length, salt: saltOfRow(salt, file.name, at), bytes });
        leaves.push(rowLeaf(salt, file.name, at, bytes));
        at++;
      }
    }
    const read = subtreesOf(leaves);
    return own.map((one) => ({ ...one, path: inclusionProof(one.index, leaves.length, read) }));
  }

  /** Takes an export away, finished or not. */
  async remove(caller: Caller, id: string): Promise<void> {
    await this.#end(this.own(caller, id), 'deleted');
  }

  /** Takes away what is over. */
  async expire(): Promise<void> {
    const now = this.#parts.nowMs();
    for (const row of await this.#rows.exports())
      if (row.expiresAt <= now && (row.state === 'done' || row.state === 'failed'))
        await this.#end(row, 'expired');
  }

  /** Waits until nothing is built. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.idle();
  }

  async *#read(row: ExportRow, file: ExportFile): AsyncGenerator<Buffer> {
    let since = 0;
    for await (const piece of this.#plain(file)) {
      since += piece.length;
      if (since >= LOOK_BYTES) {
        since = 0;
        const now = this.#rows.export(row.id);
        if (now?.state !== 'done' || !this.isOpen(now, file)) throw withdrawn();
      }
      yield piece;
    }
  }

  #plain({ blob, bytes }: ExportFile): AsyncGenerator<Buffer> {
    return this.#blobs.read({
      instance: this.#parts.identity.origin,
      name: blob.name,
      dataKey: Buffer.from(blob.dataKey, 'base64url'),
      plainBytes: bytes,
    });
  }

  #permits(patient: ExportPatient): boolean {
    return permitsIn(this.#view, patient);
  }

  /** Whether none of a patient's record versions in an export was erased. */
  #isKept({ id }: ExportRow, place: number, { subject, recordEpoch }: ExportPatient): boolean {
    const { records } = this.#parts;
    const view = this.#view;
    if (records.isUnchanged(view, subject, recordEpoch)) return true;
    return this.#rows.handles(id, place).every((handle) => records.isKept(view, subject, handle));
  }

  get #view(): { get: (key: string) => Buffer | undefined } {
    const { store } = this.#parts;
    return { get: (key) => store.getSync(key) };
  }

  #enqueue(id: string): void {
    if (this.#closed) return;
    this.#queue.push(id);
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    try {
      for (let id = this.#queue.shift(); id !== undefined && !this.#closed; id = this.#queue.shift()) {
        const row = this.#rows.export(id);
        if (row === undefined || (row.state !== 'queued' && row.state !== 'building')) continue;
        try {
          await this.#make(row);
        } catch (error) {
          const isOver =
            this.#closed || codeOf(error) === 'ADAPTER_STOPPING' || codeOf(error) === 'LEDGER_CLOSED';
          if (isOver) continue;
          this.#parts.logger.warn('export failed', { id, code: codeOf(error) });
          const said = error instanceof AdapterError ? error.message : `it failed: ${codeOf(error)}`;
          // What stands on the log stays known, and its files are taken away when it expires.
          const now = this.#rows.export(id) ?? row;
          if (now.state === 'deleted') continue;
          await this.#put({ ...now, state: 'failed', error: said }).catch((cause: unknown) =>
            this.#parts.logger.error('export not ended', { id, code: messageOf(cause) }),
          );
        } finally {
          this.#permitted.clear();
          this.#progress.delete(id);
        }
      }
    } finally {
      this.#running = undefined;
    }
  }

  async #make(row: ExportRow): Promise<void> {
    // Stood it on the log already, only receipts are missing.
    let exported = row.handle === undefined ? undefined : row;
    for (let round = 0; exported === undefined; round++) {
      if (round === ROUNDS_MAX)
        throw new AdapterError(
          'ADAPTER_CONFLICT',
          'patients withdrew as often as it was built: try again later',
        );
      exported = await this.#build(row);
    }
    this.#progress.set(row.id, 'receipts');
    await this.#receipts(exported);
    const doneAt = this.#parts.nowMs();
    const now = this.#rows.export(row.id);
    if (now === undefined || now.state === 'deleted') return;
    await this.#put({ ...exported, state: 'done', doneAt, expiresAt: doneAt + this.#lifeMs });
    this.#parts.logger.info('export done', { id: row.id, files: exported.files?.length ?? 0 });
  }

  /** @returns undefined when somebody withdrew before it stood on the log: nothing of it is left then. */
  async #build(row: ExportRow): Promise<ExportRow | undefined> {
    const parts = this.#parts;
    const cohort = this.#rows.cohort(row.cohort);
    if (cohort === undefined) throw unknown();
    const transactionTime = parts.nowMs();
    const building: ExportRow = { ...row, state: 'building', transactionTime };
    await this.#put(building);
    const kept: { readonly subject: string; readonly writes: readonly StoreWrite[] }[] = [];
    // Whoever is erased meanwhile is not written down again; it is built anew then.
    const writeKept = async (): Promise<void> => {
      const some = kept.splice(0);
      await parts.appender.writeRows((view) => ({
        writes: some.flatMap(({ subject, writes }) => (isErased(view, subject) ? [] : writes)),
        value: undefined,
      }));
    };
    const stale = await this.#rows.emptyWrites(row.id);
    await parts.appender.writeRows(() => ({ writes: stale, value: undefined }));
    const built = await buildExport({
      parts,
      blobs: this.#blobs,
      dataDir: parts.config.dataDir,
      cohort,
      asking: this.#cohorts.asking(cohort),
      row: building,
      patientsPerFile: this.#patientsPerFile,
      before: await this.#before(building),
      keep: async (place, patient, handles, permits) => {
        this.#permitted.set(`${row.id} ${place}`, permits);
        kept.push({
          subject: patient.subject,
          writes: this.#rows.patientWrites(row.id, place, patient, handles),
        });
        if (kept.length >= ROWS_AT_ONCE) await writeKept();
      },
      onProgress: (done, all) => this.#progress.set(row.id, `${done} of ${all} patients`),
      isWanted: () => !this.#closed && this.#rows.export(row.id)?.state === 'building',
    });
    await writeKept();
    const handle = newHandle();
    const document = this.#manifest(cohort, building, built, handle);
    const { instanceSeed } = parts.keys;
    const jws = signDocument(document as JsonObject, instanceSeed, parts.organisation.fingerprint);
    const manifest = await jsonFile(this.#blobs, 'manifest.json', 'manifest', {
      document,
      jws,
      salt: row.salt,
    });
    const files = [...built.files, manifest];
    const bytes = canonicalBytes(document as JsonValue);
    const commitment = commitmentOf(Buffer.from(row.salt ?? '', 'base64url'), bytes).toString('base64url');
    const written = await parts.appender.appendUntagged<ExportRow | undefined>((view) => {
      for (const { patient } of this.#rows.patients(row.id, 0, built.patients))
        if (patient === undefined || !permitsIn(view, patient))
          return { drafts: [], writes: [], value: undefined };
      if (this.#rows.export(row.id, view)?.state !== 'building')
        return { drafts: [], writes: [], value: undefined };
      const next: ExportRow = {
        ...building,
        handle,
        files,
        manifest: bytes.toString('utf8'),
        patients: built.patients,
        deleted: built.deleted,
      };
      return {
        drafts: [{ type: 'cohort.exported', body: { handle, commitment } }],
        writes: [this.#rows.exportWrite(next)],
        value: next,
      };
    });
    for (const { blob } of files)
      if (written === undefined) await this.#blobs.remove(blob.name);
      else this.#blobs.release(blob.name);
    if (written === undefined && this.#rows.export(row.id)?.state !== 'building')
      throw new AdapterError('ADAPTER_STOPPING', 'the export was given up');
    return written;
  }

  #manifest(cohort: CohortRow, row: ExportRow, built: Built, handle: string): object {
    const { definition, hash, requester, approvals } = cohort;
    const { identity, engine } = this.#parts;
    return {
      kind: MANIFEST_KIND,
      v: 1,
      log: identity.origin,
      export: handle,
      cohort: cohort.id,
      definition: hash,
      study: definition.study,
      purpose: definition.purpose,
      profile: definition.profile,
      requester: `Organization/${requester.id}`,
      approvals: approvals
        .filter(({ state }) => state === 'custodian-approved')
        .map((one) => ({ custodian: `Organization/${one.custodian}`, request: one.handle })),
      transactionTime: new Date(row.transactionTime ?? 0).toISOString(),
      readAtSize: engine.head().size,
      says: 'Each patient in it permitted it by a consent that stood at the leaf of this entry.',
      patients: built.patients < SMALL_CELL ? null : built.patients,
      resources: built.counts,
      leftOut: built.leftOut,
      rows: built.rows,
      files: built.files.map(({ name, type, mediaType, count, bytes, sha256 }) => ({
        name,
        type,
        mediaType,
        count,
        bytes,
        sha256,
      })),
    };
  }

  /** A receipt for each patient; who said something since has none, and the files that hold that patient are not given. */
  async #receipts(row: ExportRow): Promise<void> {
    const parts = this.#parts;
    const cohort = this.#rows.cohort(row.cohort);
    if (cohort === undefined) throw unknown();
    const asking = this.#cohorts.asking(cohort);
    const total = row.patients ?? 0;
    for (const place of inAnyOrder(total)) {
      const patient = this.#rows.patient(row.id, place);
      if (this.#closed) throw new AdapterError('ADAPTER_STOPPING', 'the instance stops');
      if (patient === undefined) continue;
      const { subject: key, epoch } = patient;
      const handles = this.#rows.handles(row.id, place);
      const permits = this.#permitted.get(`${row.id} ${place}`);
      const marker = this.#rows.receiptKey(row.id, place);
      if (handles.length === 0 || parts.store.getSync(marker) !== undefined) continue;
      const subject = await parts.subjects.find(key);
      if (subject === undefined) continue;
      const standing = permits ?? (await this.#permitsNow(asking, subject, epoch, handles));
      if (standing.length === 0) continue;
      await discloseTo(
        parts,
        { subject, permits: standing, epoch, handles, once: marker },
        {
          purpose: asking.purpose,
          to: `Organization/${asking.requester}`,
          interaction: 'export',
          cohort: cohort.id,
          study: cohort.definition.study,
          profile: cohort.definition.profile,
          export: row.handle,
          records: handles,
        },
      );
    }
  }

  /** The permits of what went in, given anew: after a restart. */
  async #permitsNow(
    asking: CohortAsking,
    subject: Subject,
    epoch: number,
    handles: readonly string[],
  ): Promise<readonly Permitted[]> {
    const patient = await permittedPatient(this.#parts, asking, subject);
    if (typeof patient === 'string' || patient.epoch !== epoch) return [];
    const included = new Set(handles);
    return permitsOf(patient.records.filter(({ handle }) => included.has(handle)));
  }

  /** Pseudonyms of the last export before, where only changes are asked for. */
  async #before(row: ExportRow): Promise<ReadonlySet<string> | undefined> {
    const { sinceMs } = row.asked;
    if (sinceMs === undefined) return undefined;
    const [last] = (await this.#rows.exports())
      .filter(
        ({ cohort, handle, state, transactionTime, id }) =>
          id !== row.id &&
          cohort === row.cohort &&
          handle !== undefined &&
          state !== 'failed' &&
          (transactionTime ?? 0) <= sinceMs,
      )
      .toSorted((a, b) => (b.transactionTime ?? 0) - (a.transactionTime ?? 0));
    if (last === undefined) return new Set();
    const names = new Set(this.#rows.gone(last.id));
    for (const { patient } of this.#rows.patients(last.id, 0, last.patients ?? 0))
      if (patient !== undefined && patient.pseudonym !== '') names.add(patient.pseudonym);
    return names;
  }

  async #end(row: ExportRow, state: 'deleted' | 'expired'): Promise<void> {
    await this.#put({ ...row, state, files: [] });
    for (const { blob } of row.files ?? []) await this.#blobs.remove(blob.name);
  }

  async #put(row: ExportRow): Promise<void> {
    await this.#parts.appender.writeRows(() => ({ writes: [this.#rows.exportWrite(row)], value: undefined }));
  }
}

/** Whether a patient permits it still, and is there. */
function permitsIn(view: Pick<StateView, 'get'>, { subject, epoch, standsOn }: ExportPatient): boolean {
  return !isErased(view, subject) && consentEpoch(view, subject) === epoch && stillStands(view, standsOn);
}

/**
 * Numbers below a total. Receipts stand on the log in another order than patients in files: who has the files, and knows which
 * entries are one patient's, could count else and find that patient's lines.
 */
function inAnyOrder(total: number): number[] {
  const places = Array.from({ length: total }, (_, place) => place);
  for (let left = total; left > 1; left--) {
    const at = randomInt(left);
    const chosen = places[at] ?? 0;
    places[at] = places[left - 1] ?? 0;
    places[left - 1] = chosen;
  }
  return places;
}

/** Roots of whole subtrees over leaves, each reckoned once. */
function subtreesOf(leaves: readonly Buffer[]): (height: number, index: number) => Buffer {
  const known = new Map<string, Buffer>();
  const read = (height: number, index: number): Buffer => {
    if (height === 0) return leaves[index] ?? Buffer.alloc(32);
    const key = `${height} ${index}`;
    const found = known.get(key) ?? nodeHash(read(height - 1, 2 * index), read(height - 1, 2 * index + 1));
    known.set(key, found);
    return found;
  };
  return read;
}

function unknown(): AdapterError {
  return new AdapterError('ADAPTER_NOT_FOUND', 'no such export');
}

function withdrawn(): AdapterError {
  return new AdapterError('ADAPTER_GONE', 'it holds somebody who permits it no more: export anew');
}
