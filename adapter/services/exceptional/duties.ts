/**
 * Duties by law, such as that of notifying a disease: the custodian permits one authority to read what the law names,
 * the least that it needs, for a time. Each reading leaves a receipt, and the patient is told of it.
 */
import type { Policy } from '../../../ledger/consent/index.js';
import { consentStatusWrite } from '../../../ledger/custody/index.js';
import { mark } from '../../../ledger/vault/index.js';
import { AdapterError } from '../../errors.js';
import { GROUP_PURPOSES } from '../tokens/purpose.js';
import { evidenceOf, signedPolicy } from './context.js';
import type { ExceptionalOptions } from './context.js';
import { DUTY_END_KIND, DUTY_KIND, readSigned, requireFresh, timeOf, unfit } from './documents.js';
import type { DutyDocument, DutyEndDocument } from './documents.js';
import { DUTY_VERSION, dutyPolicy } from './rows.js';
import type { DutyRow, ExceptionalRows } from './rows.js';
import { notAllowed, requireCertified, signerOf } from './signing.js';
import type { DocumentSigner } from './signing.js';
import { newHandle } from '../../handle.js';

export interface OpenedDuty {
  readonly id: string;
  readonly outcome: 'opened' | 'known';
}

export interface EndedDuty {
  readonly id: string;
  readonly outcome: 'ended' | 'known';
}

/** Laws are looked at again: a duty is signed anew at least every year. */
const DUTY_MS_MAX = 366 * 86_400_000;
const TYPE = /^[A-Z][A-Za-z]{2,63}$/;
const CODING = /^[^\s|]{1,256}\|[^\s|]{1,128}$/;

export class Duties {
  readonly #options: ExceptionalOptions;
  readonly #rows: ExceptionalRows;
  readonly #changed: () => void;
  readonly #byHandle = new Map<string, DutyRow>();

  private constructor(options: ExceptionalOptions, rows: ExceptionalRows, changed: () => void) {
    this.#options = options;
    this.#rows = rows;
    this.#changed = changed;
  }

  /** @param changed - Told when what {@link policies} answers is another. */
  static async open(
    options: ExceptionalOptions,
    rows: ExceptionalRows,
    changed: () => void,
  ): Promise<Duties> {
    const duties = new Duties(options, rows, changed);
    for (const row of await rows.duties()) duties.#byHandle.set(row.handle, row);
    return duties;
  }

  /** In the order in which they were signed. */
  list(): readonly DutyRow[] {
    return [...this.#byHandle.values()].toSorted((a, b) => a.at - b.at);
  }

  isDuty(handle: string): boolean {
    return this.#byHandle.has(handle);
  }

  /** The policies on the patients of a source. */
  policies(source: string): Policy[] {
    const policies: Policy[] = [];
    for (const row of this.#byHandle.values())
      if (row.source === source && row.ended === undefined) policies.push(dutyPolicy(row));
    return policies;
  }

  /**
   * Takes a duty, signed by the custodian: by its organisation's key or a person's of it.
   *
   * @throws AdapterError ADAPTER_UNPROCESSABLE, ADAPTER_FORBIDDEN; LedgerError as appending does.
   */
  async add(body: Buffer): Promise<OpenedDuty> {
    const { appender, certified, keys, logger, nowMs, origin, store } = this.#options;
    const signed = readSigned<DutyDocument>(body, DUTY_KIND);
    const { document, jws } = signed;
    const signer = await this.#custodian(signed, document.source);
    const known = `duty-document/${mark(keys.storage.markKey, 'duty', jws)}`;
    const seen = store.getSync(known)?.toString('latin1');
    if (seen !== undefined) return { id: seen, outcome: 'known' };
    requireFresh(document, origin, nowMs());
    const { startMs, endMs } = spanOf(document);
    await this.#requireFit(document);
    const { source, basis, recipient, purpose, types, codes } = document;
    const handle = newHandle();
    const declared = evidenceOf(signed);
    const { value } = await appender().appendControl<DutyRow | string>({}, (view) => {
      const taken = view.get(known)?.toString('latin1');
      if (taken !== undefined) return { drafts: [], writes: [], value: taken };
      const now = nowMs();
      requireCertified(certified, signer, now, view, logger);
      const opening = {
        handle,
        source,
        basis,
        recipient,
        purpose,
        types,
        codes,
        startMs,
        endMs,
        signer,
        at: now,
      };
      const evidence = { declared: declared.evidence, approved: declared.evidence };
      const approved = evidenceOf(signedPolicy(this.#options, dutyPolicy({ ...opening, ...evidence })));
      const row: DutyRow = { ...opening, declared: declared.evidence, approved: approved.evidence };
      const decided = { handle, by: 'custodian', outcome: 'approved', commitment: approved.commitment };
      return {
        drafts: [
          { type: 'access.requested', body: { handle, commitment: declared.commitment } },
          { type: 'access.decided', body: decided },
        ],
        writes: [
          this.#rows.dutyWrite(row),
          consentStatusWrite(handle, { version: DUTY_VERSION, status: 'in-force' }),
          { type: 'put', key: known, value: Buffer.from(handle, 'latin1') },
        ],
        value: row,
      };
    });
    if (typeof value === 'string') return { id: value, outcome: 'known' };
    this.#byHandle.set(handle, value);
    this.#changed();
    return { id: handle, outcome: 'opened' };
  }

  /** Ends a duty before its time. @throws AdapterError as {@link add} does */
  async end(body: Buffer): Promise<EndedDuty> {
    const { appender, certified, logger, nowMs, origin } = this.#options;
    const signed = readSigned<DutyEndDocument>(body, DUTY_END_KIND);
    const { document } = signed;
    const row = this.#rows.duty(document.duty);
    const signer = await this.#custodian(signed, row?.source ?? '');
    if (row === undefined) throw notAllowed(logger, 'unknown-duty');
    if (row.ended !== undefined) return { id: row.handle, outcome: 'known' };
    requireFresh(document, origin, nowMs());
    const { handle } = row;
    const { evidence, commitment } = evidenceOf(signed);
    const { value } = await appender().appendControl({}, (view) => {
      const present = this.#rows.duty(handle, view) ?? row;
      if (present.ended !== undefined) return { drafts: [], writes: [], value: present };
      const now = nowMs();
      requireCertified(certified, signer, now, view, logger);
      const after: DutyRow = { ...present, ended: { by: signer, at: now, evidence } };
      const decided = { handle, by: 'custodian', outcome: 'ended', commitment };
      return {
        drafts: [{ type: 'access.decided', body: decided }],
        writes: [
          this.#rows.dutyWrite(after),
          consentStatusWrite(handle, { version: DUTY_VERSION, status: 'withdrawn' }),
        ],
        value: after,
      };
    });
    this.#byHandle.set(handle, value);
    this.#changed();
    return { id: handle, outcome: 'ended' };
  }

  async #custodian(signed: Parameters<typeof signerOf>[1], source: string): Promise<DocumentSigner> {
    const { certified, logger, sources } = this.#options;
    const signer = await signerOf(certified, signed, logger);
    if (sources().get(source)?.custodian.id !== signer.organisation) throw notAllowed(logger, 'custodian');
    return signer;
  }

  /** @throws AdapterError ADAPTER_UNPROCESSABLE */
  async #requireFit({ basis, recipient, purpose, types, codes }: DutyDocument): Promise<void> {
    if (!CODING.test(basis)) throw unfit('the basis is a law, as system|code', 'document.basis');
    if (!types.every((type) => TYPE.test(type))) throw unfit('types are resource types', 'document.types');
    if (!codes.every((code) => CODING.test(code))) throw unfit('codes are system|code', 'document.codes');
    if (!GROUP_PURPOSES.authority.some((code) => code === purpose))
      throw unfit(`a purpose of authorities: ${GROUP_PURPOSES.authority.join(', ')}`, 'document.purpose');
    const organisations = await this.#options.certified.organisations();
    const told = organisations.find(({ id }) => id === recipient);
    if (told?.group !== 'authority' || told.revoked !== undefined)
      throw unfit('the recipient is an authority that is enrolled', 'document.recipient');
  }
}

/** @throws AdapterError ADAPTER_UNPROCESSABLE */
function spanOf({ start, end }: DutyDocument): { startMs: number; endMs: number } {
  const startMs = timeOf(start);
  const endMs = timeOf(end);
  if (!(endMs > startMs) || endMs - startMs > DUTY_MS_MAX)
    throw new AdapterError('ADAPTER_UNPROCESSABLE', 'a duty has a start and an end, at most a year apart', {
      expression: 'document.end',
    });
  return { startMs, endMs };
}
