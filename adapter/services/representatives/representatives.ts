/**
 * Representatives whom a patient appoints: a document signed by the wallet says who, for which acts and until when. The
 * log shows that somebody was appointed, under a tag and a fresh handle; who, for whom and how far lie in the commitment.
 */
import { createHash, randomBytes } from 'node:crypto';
import { documentBytes, verifyDocument } from '../../../ledger/consent/index.js';
import type { Appender, StateView } from '../../../ledger/custody/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import { readCertificate } from '../../../ledger/participants/index.js';
import type { Store } from '../../../ledger/store.js';
import { commitmentOf } from '../../../ledger/vault/index.js';
import { parseJson } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type { Subject, Subjects } from '../../instance/subjects.js';
import type { CertifiedRows } from '../ca/index.js';
import { actsFor, AppointmentRows } from './appointments.js';
import type { Act, Appointment } from './appointments.js';

const ACTS: readonly string[] = ['consent', 'withdraw', 'decide', 'read'] satisfies Act[];
const RELATIONSHIPS = ['parent', 'guardian', 'power-of-attorney'];
/** Appointments of one patient, the ended ones too. */
const APPOINTMENTS_MAX = 256;

export interface RepresentativesOptions {
  readonly store: Store;
  readonly indexKey: Buffer;
  readonly appender: Appender;
  readonly subjects: Subjects;
  readonly certified: CertifiedRows;
  readonly nowMs: () => number;
}

export interface Appointed {
  /** The appointment's, on the log. */
  readonly handle: string;
}

interface Signed {
  readonly document: JsonObject;
  readonly signature: string;
  readonly subject: Subject;
}

export class Representatives {
  readonly #options: RepresentativesOptions;
  readonly #rows: AppointmentRows;

  constructor(options: RepresentativesOptions) {
    this.#options = options;
    this.#rows = new AppointmentRows(options.indexKey);
  }

  /**
   * Appoints a representative.
   *
   * @param body - JSON `{document, signature}`: the document is `{kind: "appointment", patient, representative,
   * relationship, acts, until, nonce}`, the signature a detached JWS of the patient's wallet.
   * @throws AdapterError ADAPTER_UNPROCESSABLE for a document that says too little or too much, ADAPTER_FORBIDDEN for
   * one that its patient did not sign, ADAPTER_CONFLICT for one whose appointment has ended.
   */
  async appoint(body: Buffer): Promise<Appointed> {
    const signed = await this.#read(body, 'appointment');
    const { document, signature, subject } = signed;
    const { representative, acts, until } = document;
    const untilMs = Date.parse(String(until));
    const hash = createHash('sha256').update(documentBytes(document)).digest('base64url');
    const handle = randomBytes(32).toString('base64url');
    const salt = randomBytes(32);
    const { appender, certified, nowMs } = this.#options;
    const { value } = await appender.appendControl({ subject }, (view) => {
      this.#requireSigned(view, signed);
      const present = this.#rows.of(view, subject.key);
      const same = present.find((one) => one.hash === hash);
      if (same?.ended !== undefined) throw conflict('that appointment has ended; sign another');
      if (same !== undefined) return { drafts: [], writes: [], value: same.handle };
      if (present.length >= APPOINTMENTS_MAX) throw conflict('there are too many appointments');
      if (untilMs <= nowMs()) throw unprocessable('until lies in the past');
      const who = certified.get(String(representative), view);
      if (who === undefined || who.revoked !== undefined || who.handle === subject.wallet?.participant)
        throw unprocessable('representative is no other participant who is certified here');
      const appointment: Appointment = {
        handle,
        hash,
        representative: who.handle,
        acts: acts as Act[],
        untilMs,
        document,
        signature,
        salt: salt.toString('base64url'),
      };
      return {
        drafts: [
          { type: 'representative.appointed', body: { handle, commitment: commitment(salt, signed) } },
        ],
        writes: [this.#rows.put(subject.key, [...present, appointment])],
        value: handle,
      };
    });
    return { handle: value };
  }

  /**
   * Ends an appointment at once.
   *
   * @param body - JSON `{document, signature}`: the document is `{kind: "appointment-end", patient, appointment}`.
   * @throws AdapterError as {@link appoint}; ADAPTER_NOT_FOUND when that patient made no such appointment.
   */
  async end(body: Buffer): Promise<Appointed> {
    const signed = await this.#read(body, 'appointment-end');
    const { document, signature, subject } = signed;
    const salt = randomBytes(32);
    const { value } = await this.#options.appender.appendControl({ subject }, (view) => {
      this.#requireSigned(view, signed);
      const present = this.#rows.of(view, subject.key);
      const found = present.find(({ handle }) => handle === document['appointment']);
      if (found === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such appointment');
      if (found.ended !== undefined) return { drafts: [], writes: [], value: found.handle };
      const ended = { ...found, ended: { document, signature, salt: salt.toString('base64url') } };
      const body = { handle: found.handle, commitment: commitment(salt, signed) };
      return {
        drafts: [{ type: 'representative.ended', body }],
        writes: [
          this.#rows.put(
            subject.key,
            present.map((one) => (one === found ? ended : one)),
          ),
        ],
        value: found.handle,
      };
    });
    return { handle: value };
  }

  /** {@link actsFor} by the rows of this instance; `state`: of the batch that is gathered. */
  actsFor(
    subject: Pick<Subject, 'key' | 'wallet'>,
    actorCertificate: { readonly participant: string; readonly fingerprint: string },
    act: Act,
    at: number,
    state: Pick<StateView, 'get'> = { get: (key) => this.#options.store.getSync(key) },
  ): ReturnType<typeof actsFor> {
    const view = { state, appointments: this.#rows, certified: this.#options.certified };
    return actsFor(view, subject, actorCertificate, act, at);
  }

  async #read(body: Buffer, kind: 'appointment' | 'appointment-end'): Promise<Signed> {
    const { document, signature } = asRecord(parseJson(body));
    if (typeof signature !== 'string' || typeof document !== 'object' || document === null)
      throw unprocessable('send {"document": …, "signature": detached JWS}');
    requireForm(document as JsonObject, kind);
    const reference = String((document as JsonObject)['patient']);
    const id = /^Patient\/([A-Za-z0-9.-]{1,64})$/.exec(reference)?.[1];
    const subject = id === undefined ? undefined : await this.#options.subjects.findByFacadeId(id);
    // Unknown and unsigned answer alike: nobody finds out who is a patient here.
    if (subject?.wallet === undefined) throw forbidden();
    const { publicKey } = readCertificate(Buffer.from(subject.wallet.certificate, 'base64'));
    const verdict = verifyDocument(document as JsonObject, signature, publicKey, subject.wallet.fingerprint);
    if (verdict !== 'ok') throw forbidden();
    return { document: document as JsonObject, signature, subject };
  }

  /** Asked inside of the batch: nobody but the patient appoints or ends. */
  #requireSigned(view: StateView, { subject }: Signed): void {
    const { wallet } = subject;
    if (
      wallet === undefined ||
      this.actsFor(subject, wallet, 'decide', this.#options.nowMs(), view) !== 'self'
    )
      throw forbidden();
  }
}

const MEMBERS = {
  appointment: ['acts', 'kind', 'nonce', 'patient', 'relationship', 'representative', 'until'],
  'appointment-end': ['appointment', 'kind', 'patient'],
};

function requireForm(document: JsonObject, kind: keyof typeof MEMBERS): void {
  const members = MEMBERS[kind];
  if (document['kind'] !== kind || Object.keys(document).toSorted().join() !== members.join())
    throw unprocessable(`the document has the members ${members.join(', ')}, and kind ${kind}`);
  if (kind !== 'appointment') return;
  const { acts, until, relationship, nonce } = document;
  if (
    !Array.isArray(acts) ||
    acts.length === 0 ||
    acts.length > ACTS.length ||
    !acts.every((act) => typeof act === 'string' && ACTS.includes(act))
  )
    throw unprocessable(`acts are among ${ACTS.join(', ')}`);
  if (
    typeof until !== 'string' ||
    !/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(until) ||
    Number.isNaN(Date.parse(until))
  )
    throw unprocessable('until is an instant in UTC, such as 2027-01-01T00:00:00Z');
  if (typeof relationship !== 'string' || !RELATIONSHIPS.includes(relationship))
    throw unprocessable(`relationship is one of ${RELATIONSHIPS.join(', ')}`);
  if (typeof nonce !== 'string' || !/^[A-Za-z0-9_-]{22,64}$/.test(nonce))
    throw unprocessable('nonce is 22 to 64 characters of base64url');
}

function commitment(salt: Buffer, { document, signature }: Signed): string {
  const signed = Buffer.concat([documentBytes(document), Buffer.from(`\n${signature}`, 'ascii')]);
  return commitmentOf(salt, signed).toString('base64url');
}

function forbidden(): AdapterError {
  return new AdapterError('ADAPTER_FORBIDDEN', 'the document is not signed by its patient');
}

function conflict(message: string): AdapterError {
  return new AdapterError('ADAPTER_CONFLICT', message);
}

function unprocessable(message: string): AdapterError {
  return new AdapterError('ADAPTER_UNPROCESSABLE', message);
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
