/**
 * Emergencies: a provider's clinician breaks the glass of one patient's records, for a short time, for that purpose
 * alone and with a reason. The custodian's instance signs the policy; it stands on the log before anything is read, and
 * the patient is told at once. A second person of the hospital reviews it, which also ends it.
 */
import {
  consentEpoch,
  consentEpochWrite,
  consentStatusWrite,
  isErased,
} from '../../../ledger/custody/index.js';
import type { ControlStaged, StateView } from '../../../ledger/custody/index.js';
import type { StoreWrite } from '../../../ledger/store.js';
import { mark } from '../../../ledger/vault/index.js';
import { AdapterError } from '../../errors.js';
import type { Subject } from '../../instance/subjects.js';
import type { FeedItem, Notice } from '../notices/index.js';
import { RateLimiter } from '../tokens/rate-limit.js';
import { evidenceOf, signedPolicy } from './context.js';
import type { ExceptionalOptions } from './context.js';
import { EMERGENCY_KIND, readSigned, requireFresh, REVIEW_KIND, unfit } from './documents.js';
import type { EmergencyDocument, ReviewDocument } from './documents.js';
import { emergencyPolicy } from './rows.js';
import type { EmergencyRow, ExceptionalRows } from './rows.js';
import { notAllowed, requireCertified, signerOf } from './signing.js';
import type { DocumentSigner } from './signing.js';
import { newHandle } from '../../handle.js';

export interface OpenedEmergency {
  /** Names it, on the log too. */
  readonly id: string;
  /** `Patient/<id>` at the facade. */
  readonly patient: string;
  /** Last moment of it, ISO 8601. */
  readonly until: string;
  readonly outcome: 'opened' | 'known';
}

export interface ReviewedEmergency {
  readonly id: string;
  readonly outcome: 'reviewed' | 'known';
}

type Told = Notice & { readonly participant: string };

const REASON_CHARS_MIN = 10;

export class Emergencies {
  readonly #options: ExceptionalOptions;
  readonly #rows: ExceptionalRows;
  readonly #byClinician = new RateLimiter({ perSecond: 0.2, burst: 10 });

  constructor(options: ExceptionalOptions, rows: ExceptionalRows) {
    this.#options = options;
    this.#rows = rows;
  }

  /**
   * Opens an emergency by a signed {@link EmergencyDocument}. The same document again is answered by what it opened.
   *
   * @throws AdapterError ADAPTER_UNPROCESSABLE, ADAPTER_FORBIDDEN for a signer who is no clinician of a provider in force,
   * ADAPTER_NOT_FOUND for a patient who is not kept here, ADAPTER_TOO_MANY_REQUESTS; LedgerError as appending does.
   */
  async open(body: Buffer): Promise<OpenedEmergency> {
    const { certified, logger, nowMs, origin, keys } = this.#options;
    const signed = readSigned<EmergencyDocument>(body, EMERGENCY_KIND);
    const { document, jws } = signed;
    const known = `emergency-document/${mark(keys.storage.markKey, 'emergency', jws)}`;
    const clinician = await signerOf(certified, signed, logger);
    if (clinician.role !== 'clinician') throw notAllowed(logger, 'role');
    const before = this.#known(known);
    if (before !== undefined) return opened(before, 'known');
    requireFresh(document, origin, nowMs());
    if (document.reason.trim().length < REASON_CHARS_MIN)
      throw unfit(`say why, in at least ${REASON_CHARS_MIN} characters`, 'document.reason');
    if (this.#byClinician.take(clinician.id, nowMs()) > 0)
      throw new AdapterError('ADAPTER_TOO_MANY_REQUESTS', 'too many emergencies of one clinician');
    const subject = await this.#patient(document.patient, clinician);
    if (subject === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such patient is kept here');
    return this.#append(subject, clinician, { document, jws }, known);
  }

  async #append(
    subject: Subject,
    clinician: DocumentSigner,
    declaration: { readonly document: EmergencyDocument; readonly jws: string },
    known: string,
  ): Promise<OpenedEmergency> {
    const { appender, certified, logger, notices, nowMs, sources } = this.#options;
    const { emergencyMs, reviewMs, mayBeRefused } = this.#options;
    const handle = newHandle();
    const declared = evidenceOf(declaration);
    const custodian = sources().get(subject.source)?.custodian;
    type Value = { readonly row: EmergencyRow; readonly isNew: boolean; readonly told: readonly FeedItem[] };
    const stage = (view: StateView): ControlStaged<Value> => {
      const seen = view.get(known)?.toString('latin1');
      const row = seen === undefined ? undefined : this.#rows.emergency(seen, view);
      if (row !== undefined) return { drafts: [], writes: [], value: { row, isNew: false, told: [] } };
      const now = nowMs();
      requireCertified(certified, clinician, now, view, logger);
      if (isErased(view, subject.key))
        throw new AdapterError('ADAPTER_NOT_FOUND', 'no such patient is kept here');
      const version = consentEpoch(view, subject.key) + 1;
      const opening = {
        handle,
        version,
        subjectKey: subject.key,
        source: subject.source,
        patient: `Patient/${subject.facadeId}`,
        clinician,
        reason: declaration.document.reason,
        startMs: now,
        endMs: now + emergencyMs,
        reviewMs: now + reviewMs,
        overRefusal: !mayBeRefused,
        declared: declared.evidence,
      };
      const approved = evidenceOf(signedPolicy(this.#options, emergencyPolicy(opening)));
      const made: EmergencyRow = { ...opening, approved: approved.evidence };
      const staged = notices.prepare(view, [
        ...toldPatient(subject, { kind: 'emergency-opened', id: handle }),
        ...(custodian === undefined
          ? []
          : [{ participant: custodian.participant, kind: 'emergency-review' as const, id: handle }]),
      ]);
      return {
        drafts: [
          { type: 'access.requested', body: { handle, commitment: declared.commitment } },
          {
            type: 'access.decided',
            body: { handle, by: 'custodian', outcome: 'approved', commitment: approved.commitment },
          },
        ],
        writes: [
          ...this.#rows.emergencyWrites(made),
          // Whatever was decided before is decided anew, with this policy.
          consentEpochWrite(subject.key, version),
          consentStatusWrite(handle, { version, status: 'in-force' }),
          { type: 'put', key: known, value: Buffer.from(handle, 'latin1') },
          ...staged.writes,
        ],
        value: { row: made, isNew: true, told: staged.items },
      };
    };
    const { value } = await appender().appendControl({ subject }, stage);
    notices.told(value.told);
    if (value.isNew) logger.warn('an emergency was opened', { id: value.row.handle });
    return opened(value.row, value.isNew ? 'opened' : 'known');
  }

  /**
   * Reviews an emergency by a signed {@link ReviewDocument}, and ends it.
   *
   * @throws AdapterError ADAPTER_UNPROCESSABLE, ADAPTER_FORBIDDEN for who opened it and for who is no person of the
   * custodian; ADAPTER_NOT_FOUND; ADAPTER_CONFLICT for one that was reviewed already.
   */
  async review(body: Buffer): Promise<ReviewedEmergency> {
    const { appender, certified, logger, notices, nowMs, origin, sources, subjects } = this.#options;
    const signed = readSigned<ReviewDocument>(body, REVIEW_KIND);
    const { document } = signed;
    const { outcome } = document;
    if (outcome !== 'justified' && outcome !== 'unjustified')
      throw unfit('the outcome is justified or unjustified', 'document.outcome');
    const reviewer = await signerOf(certified, signed, logger);
    const row = this.#rows.emergency(document.emergency);
    const custodian = row === undefined ? undefined : sources().get(row.source)?.custodian.id;
    // Who may not review it does not learn that there is such an emergency.
    if (row === undefined || reviewer.organisation !== custodian || reviewer.role === 'organisation')
      throw notAllowed(logger, row === undefined ? 'unknown-emergency' : 'organisation');
    if (reviewer.participant === row.clinician.participant) throw notAllowed(logger, 'same-person');
    if (isSameReview(row, signed)) return { id: row.handle, outcome: 'known' };
    requireFresh(document, origin, nowMs());
    const subject = await subjects().find(row.subjectKey);
    const { evidence, commitment } = evidenceOf(signed);
    const { handle } = row;
    const stage = (view: StateView): ControlStaged<{ told: readonly FeedItem[] }> => {
      const present = this.#rows.emergency(handle, view);
      if (present === undefined || present.review !== undefined)
        throw new AdapterError('ADAPTER_CONFLICT', 'it was reviewed already');
      const now = nowMs();
      requireCertified(certified, reviewer, now, view, logger);
      const version = consentEpoch(view, row.subjectKey) + 1;
      const review = { by: reviewer, outcome, text: document.text, at: now, evidence };
      const staged = notices.prepare(view, [
        ...toldPatient(subject, { kind: 'emergency-reviewed', id: handle }),
        { participant: row.clinician.participant, kind: 'emergency-reviewed', id: handle },
      ]);
      const writes: StoreWrite[] = [
        ...this.#rows.emergencyWrites({ ...present, review }),
        consentEpochWrite(row.subjectKey, version),
        consentStatusWrite(handle, { version: present.version, status: 'withdrawn' }),
        ...staged.writes,
      ];
      const decided = { handle, by: 'custodian', outcome: 'ended', commitment };
      return { drafts: [{ type: 'access.decided', body: decided }], writes, value: { told: staged.items } };
    };
    // Of a patient who was erased meanwhile no tag is used up.
    const { value } = await appender().appendControl(subject === undefined ? {} : { subject }, stage);
    notices.told(value.told);
    return { id: handle, outcome: 'reviewed' };
  }

  /** Reminds hospitals, once, of emergencies that nobody has reviewed in time. */
  async remind(): Promise<number> {
    const { appender, notices, nowMs, sources, logger } = this.#options;
    let count = 0;
    for await (const { handle, review, reviewMs, remindedAt, source } of this.#rows.emergencies()) {
      const custodian = sources().get(source)?.custodian.participant;
      if (review !== undefined || remindedAt !== undefined || reviewMs > nowMs() || custodian === undefined)
        continue;
      const told = await appender().writeRows((view) => {
        const present = this.#rows.emergency(handle, view);
        if (present === undefined || present.review !== undefined || present.remindedAt !== undefined)
          return { writes: [], value: [] };
        const staged = notices.prepare(view, [
          { participant: custodian, kind: 'emergency-review', id: handle },
        ]);
        const row = { ...present, remindedAt: nowMs() };
        return { writes: [...this.#rows.emergencyWrites(row), ...staged.writes], value: staged.items };
      });
      notices.told(told);
      logger.warn('an emergency is not reviewed in time', { id: handle });
      count++;
    }
    return count;
  }

  #known(key: string): EmergencyRow | undefined {
    const handle = this.#options.store.getSync(key)?.toString('latin1');
    return handle === undefined ? undefined : this.#rows.emergency(handle);
  }

  /** By the id at the facade, which only who was shown it knows; by that at the source for the hospital's own. */
  async #patient(name: string, { organisation }: DocumentSigner): Promise<Subject | undefined> {
    const { subjects, sources } = this.#options;
    const [, kind = '', id = ''] = /^([^/]+)\/([A-Za-z0-9.-]{1,64})$/.exec(name) ?? [];
    if (kind === 'Patient') return subjects().findByFacadeId(id);
    const source = sources().get(kind);
    if (source?.custodian.id !== organisation) return undefined;
    return subjects().find(subjects().keyOf(source.id, id));
  }
}

/** A patient with a wallet is told; one without sees it once there is one. */
function toldPatient(subject: Subject | undefined, notice: Notice): Told[] {
  const { wallet } = subject ?? {};
  return wallet === undefined ? [] : [{ participant: wallet.participant, ...notice }];
}

function isSameReview({ review }: EmergencyRow, signed: object): boolean {
  return review?.evidence.bytes === Buffer.from(JSON.stringify(signed), 'utf8').toString('base64');
}

function opened({ handle, patient, endMs }: EmergencyRow, outcome: 'opened' | 'known'): OpenedEmergency {
  return { id: handle, patient, until: new Date(endMs).toISOString(), outcome };
}
