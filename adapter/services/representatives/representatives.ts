/**
 * Representatives: who acts for a patient, in what, and until when. The patient appoints by the wallet; for a minor, or
 * somebody who cannot, two of the hospital's staff do on a paper that they have seen. The log shows that somebody was
 * appointed, under a tag and a fresh handle; who, for whom and how far lie in the commitment.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { RelatedPerson } from 'fhir/r4.js';
import { documentBytes, documentKid, verifyDocument } from '../../../ledger/consent/index.js';
import { consentStatusWrite } from '../../../ledger/custody/index.js';
import type { Appender, ControlStaged, StateView } from '../../../ledger/custody/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import { readCertificate } from '../../../ledger/participants/index.js';
import type { HistoryRefusal, ParticipantCertificate } from '../../../ledger/participants/index.js';
import type { Store } from '../../../ledger/store.js';
import { commitmentOf } from '../../../ledger/vault/index.js';
import { AdapterError } from '../../errors.js';
import type {
  Act,
  Appointed,
  AppointmentDocument,
  AppointmentEndDocument,
  OwnRepresentatives,
  Relationship,
} from '../../http/contract/index.js';
import type { Subject, Subjects } from '../../instance/subjects.js';
import type { Logger } from '../../logger.js';
import { derOf } from '../ca/index.js';
import type { CertifiedRows } from '../ca/index.js';
import { requireFresh, timeOf, unfit } from '../exceptional/documents.js';
import { ATTESTED_MS } from '../wallets/attested.js';
import type { FeedItem, Notices } from '../notices/index.js';
import type { Attestations, Attesting } from '../wallets/attested.js';
import { actsFor, AppointmentRows } from './appointments.js';
import type { ActsAs, Appointment, SignedPart } from './appointments.js';
import { readAppointment, readAppointmentEnd } from './documents.js';
import type { Sent } from './documents.js';
import { newHandle } from '../../handle.js';

/** An appointment stands in this one version. */
const STANDING_VERSION = 1;
/** Appointments of one patient, the ended ones too. */
const APPOINTMENTS_MAX = 256;
/** What staff appoint ends at the latest when a child that was born today is of age. */
const HOSPITAL_YEARS_MAX = 18;
const YEAR_MS = 365.2425 * 86_400_000;
/** @see HL7 v3-RoleCode */
const ROLE_CODES: Readonly<Record<Relationship, string>> = {
  parent: 'PRN',
  guardian: 'GUARD',
  'power-of-attorney': 'POWATT',
};

export interface RepresentativesOptions {
  readonly store: Store;
  readonly indexKey: Buffer;
  readonly appender: Appender;
  readonly subjects: Subjects;
  readonly certified: CertifiedRows;
  readonly attestations: Attestations;
  readonly notices: Notices;
  /** Origin of the log. */
  readonly origin: string;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

/** Who signed something for a patient; whether it may is asked again inside of the batch. */
export interface Speaker {
  readonly participant: string;
  readonly fingerprint: string;
  readonly certificate: ParticipantCertificate;
}

/** An appointment, and what is told once it is committed. */
interface Staged {
  readonly handle: string;
  readonly told: readonly FeedItem[];
}

/** Who signed an appointment or its end: a key, or two of the hospital's staff. */
type Appointing = { readonly speaker: Speaker } | { readonly attesting: Attesting };

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
   * @param body - See {@link AppointmentDocument}.
   * @throws AdapterError ADAPTER_UNPROCESSABLE for a document that says too little or too much, ADAPTER_FORBIDDEN for
   * one that neither its patient nor two of the hospital's staff have signed, ADAPTER_CONFLICT for one whose appointment
   * has ended.
   */
  async appoint(body: Buffer): Promise<Appointed> {
    const sent = readAppointment(body);
    const { document } = sent;
    const { subject, by } = await this.#signed(sent);
    const { representative, acts, relationship } = document;
    const untilMs = timeOf(document.until);
    const hash = hashOf(document);
    const handle = newHandle();
    const { certified, nowMs } = this.#options;
    const { part, commitment } = signedPart(sent);
    const stage = (view: StateView): ControlStaged<Staged> => {
      this.#requireMayAppoint(view, subject.key, by);
      const present = this.#rows.of(view, subject.key);
      const same = present.find((one) => one.hash === hash);
      if (same?.ended !== undefined) throw conflict('that appointment has ended; sign another');
      if (same !== undefined) return { drafts: [], writes: [], value: { handle: same.handle, told: [] } };
      if (present.length >= APPOINTMENTS_MAX) throw conflict('there are too many appointments');
      if (untilMs <= nowMs()) throw unfit('until lies in the past', 'document.until');
      if ('attesting' in by && untilMs > nowMs() + HOSPITAL_YEARS_MAX * YEAR_MS)
        throw unfit('a hospital appoints for eighteen years at most', 'document.until');
      const who = certified.get(representative, view);
      const own = this.#options.subjects.walletOf(view, subject.key)?.participant;
      if (who === undefined || who.revoked !== undefined || who.handle === own)
        throw unfit('that is no other participant who is certified here', 'document.representative');
      const appointment: Appointment = {
        ...part,
        handle,
        hash,
        by: 'attesting' in by ? 'hospital' : 'patient',
        representative: who.handle,
        relationship,
        acts,
        fromMs: nowMs(),
        untilMs,
      };
      const told = this.#toBeTold(view, subject.key, appointment, 'representative-appointed');
      return {
        drafts: [{ type: 'representative.appointed', body: { handle, commitment } }],
        writes: [
          ...told.writes,
          this.#rows.put(subject.key, [...present, appointment]),
          // What is read by it stands on it: its end voids what was permitted before and not yet given.
          consentStatusWrite(handle, { version: STANDING_VERSION, status: 'in-force' }),
        ],
        value: { handle, told: told.items },
      };
    };
    const { value } = await this.#options.appender.appendControl({ subject }, stage);
    this.#options.notices.told(value.told);
    return { handle: value.handle };
  }

  /**
   * Ends an appointment at once.
   *
   * @param body - See {@link AppointmentEndDocument}.
   * @throws AdapterError as {@link appoint}; ADAPTER_NOT_FOUND when there is no such appointment.
   */
  async end(body: Buffer): Promise<Appointed> {
    const sent = readAppointmentEnd(body);
    const { document } = sent;
    const { subject, by } = await this.#signed(sent);
    const { part, commitment } = signedPart(sent);
    const stage = (view: StateView): ControlStaged<Staged> => {
      const present = this.#rows.of(view, subject.key);
      const found = present.find(({ handle }) => handle === document.appointment);
      this.#requireMayEnd(view, subject.key, by, found);
      if (found === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such appointment');
      if (found.ended !== undefined)
        return { drafts: [], writes: [], value: { handle: found.handle, told: [] } };
      const ended = { ...found, ended: part };
      const told = this.#toBeTold(view, subject.key, found, 'representative-ended');
      return {
        drafts: [{ type: 'representative.ended', body: { handle: found.handle, commitment } }],
        writes: [
          ...told.writes,
          this.#rows.put(
            subject.key,
            present.map((one) => (one === found ? ended : one)),
          ),
          consentStatusWrite(found.handle, { version: STANDING_VERSION, status: 'withdrawn' }),
        ],
        value: { handle: found.handle, told: told.items },
      };
    };
    const { value } = await this.#options.appender.appendControl({ subject }, stage);
    this.#options.notices.told(value.told);
    return { handle: value.handle };
  }

  /**
   * Ends whom a patient appointed, for the batch by which the patient ends the own enrolment.
   *
   * @param signed - The document by which it ends.
   */
  endOfPatient(
    view: StateView,
    subject: string,
    signed: object,
  ): Pick<ControlStaged<unknown>, 'drafts' | 'writes'> {
    const present = this.#rows.of(view, subject);
    const ending = present.filter(({ by, ended }) => by === 'patient' && ended === undefined);
    if (ending.length === 0) return { drafts: [], writes: [] };
    const parts = new Map(ending.map(({ handle }) => [handle, partOf(signed as JsonObject)]));
    return {
      drafts: [...parts].map(([handle, { commitment }]) => ({
        type: 'representative.ended',
        body: { handle, commitment },
      })),
      writes: [
        this.#rows.put(
          subject,
          present.map((one) => {
            const ended = parts.get(one.handle)?.part;
            return ended === undefined ? one : { ...one, ended };
          }),
        ),
        ...ending.map(({ handle }) =>
          consentStatusWrite(handle, { version: STANDING_VERSION, status: 'withdrawn' }),
        ),
      ],
    };
  }

  /** {@link actsFor} by the rows of this instance; `state`: of the batch that is gathered. */
  actsFor(
    subject: string,
    actor: { readonly participant: string; readonly fingerprint: string },
    act: Act,
    state: Pick<StateView, 'get'> = { get: (key) => this.#options.store.getSync(key) },
  ): ActsAs | undefined {
    const { certified, subjects, nowMs } = this.#options;
    const walletOf = subjects.walletOf.bind(subjects);
    const view = { state, appointments: this.#rows, certified, walletOf };
    return actsFor(view, subject, actor, act, nowMs());
  }

  /**
   * Whose certificate a signature on a patient's document names: the patient's, or that of somebody who was ever appointed.
   *
   * @param kid - As in the signature.
   */
  speakerOf({ key, wallet }: Pick<Subject, 'key' | 'wallet'>, kid: string | undefined): Speaker | undefined {
    const own = wallet === undefined ? [] : [wallet.participant];
    for (const participant of new Set([...own, ...this.whoEverActed(key)])) {
      for (const one of this.#options.certified.get(participant)?.certificates ?? []) {
        const certificate = readCertificate(derOf(one));
        const { fingerprint } = certificate;
        if (fingerprint === kid) return { participant, fingerprint, certificate };
      }
    }
    return undefined;
  }

  /** Why a certificate signs nothing now; `undefined` for one that is in force. */
  judge({ participant, fingerprint }: Speaker, view: Pick<StateView, 'get'>): HistoryRefusal | undefined {
    const { certified, nowMs } = this.#options;
    const judged = certified.certificateNow(participant, fingerprint, nowMs(), view);
    return judged.ok ? undefined : judged.code;
  }

  /** Handles of participants who may do something for a patient now. */
  whoMay(subject: string, act: Act, view: Pick<StateView, 'get'>): readonly string[] {
    const now = this.#options.nowMs();
    return this.#rows
      .of(view, subject)
      .filter(({ ended, untilMs, acts }) => ended === undefined && now < untilMs && acts.includes(act))
      .map(({ representative }) => representative);
  }

  /** Handles of participants who were ever appointed for a patient. */
  whoEverActed(subject: string): readonly string[] {
    const view = { get: (key: string) => this.#options.store.getSync(key) };
    return this.#rows.of(view, subject).map(({ representative }) => representative);
  }

  /** Who acts, or acted, for a patient, the latest first. */
  shown(subject: Pick<Subject, 'key' | 'facadeId'>): OwnRepresentatives {
    const now = this.#options.nowMs();
    const view = { get: (key: string) => this.#options.store.getSync(key) };
    const found = this.#rows.of(view, subject.key).toReversed();
    return {
      representatives: found.map((one) => {
        const standing = one.ended !== undefined ? 'ended' : now < one.untilMs ? 'in-force' : 'over';
        const person = relatedPerson(one, subject.facadeId, standing === 'in-force');
        return { handle: one.handle, standing, appointedBy: one.by, acts: one.acts, person };
      }),
    };
  }

  /** The patient's record that a document names, and who signed it. */
  async #signed(
    sent: Sent<AppointmentDocument | AppointmentEndDocument>,
  ): Promise<{ readonly subject: Subject; readonly by: Appointing }> {
    const { subjects, attestations, origin, nowMs } = this.#options;
    const { document } = sent;
    const id = /^Patient\/([A-Za-z0-9.-]{1,64})$/.exec(document.patient)?.[1];
    const subject = id === undefined ? undefined : await subjects.findByFacadeId(id);
    requireFresh(document, origin, nowMs(), sent.attested === undefined ? undefined : ATTESTED_MS);
    if (sent.attested !== undefined) {
      const attesting = await attestations.judge(sent.attested, subject?.source);
      if (subject === undefined) throw this.#forbidden('unknown-patient');
      return { subject, by: { attesting } };
    }
    // Unknown and unsigned answer alike: nobody finds out who is a patient here.
    if (subject === undefined) throw this.#forbidden('unknown-patient');
    const speaker = this.speakerOf(subject, documentKid(sent.jws));
    if (speaker === undefined) throw this.#forbidden('unknown-signer');
    const { publicKey } = speaker.certificate;
    const signed = document as unknown as JsonObject;
    const verdict = verifyDocument(signed, sent.jws, publicKey, speaker.fingerprint);
    if (verdict !== 'ok') throw this.#forbidden(verdict);
    return { subject, by: { speaker } };
  }

  /** Asked inside of the batch: the patient appoints, or the hospital; a representative appoints nobody. */
  #requireMayAppoint(view: StateView, subject: string, by: Appointing): void {
    if ('attesting' in by) this.#options.attestations.requireInForce(by.attesting, view);
    else if (this.actsFor(subject, by.speaker, 'decide', view) !== 'self')
      throw this.#forbidden('not-the-patient');
  }

  /** Asked inside of the batch: the patient ends any, a representative the own, a hospital those that it made. */
  #requireMayEnd(
    view: StateView,
    subject: string,
    by: Appointing,
    appointment: Appointment | undefined,
  ): void {
    if ('attesting' in by) {
      this.#options.attestations.requireInForce(by.attesting, view);
      if (appointment?.by === 'patient') throw this.#forbidden('the-patients-own');
      return;
    }
    if (this.actsFor(subject, by.speaker, 'decide', view) === 'self') return;
    const { certified, nowMs } = this.#options;
    const { participant, fingerprint } = by.speaker;
    const isInForce = certified.certificateNow(participant, fingerprint, nowMs(), view).ok;
    if (!isInForce || appointment?.representative !== participant) throw this.#forbidden('not-the-patient');
  }

  /** The patient and who is appointed hear of it, by the handle alone. */
  #toBeTold(
    view: StateView,
    subject: string,
    { handle: id, representative }: Appointment,
    kind: 'representative-appointed' | 'representative-ended',
  ): ReturnType<Notices['prepare']> {
    const wallet = this.#options.subjects.walletOf(view, subject)?.participant;
    const told = [representative, ...(wallet === undefined ? [] : [wallet])];
    return this.#options.notices.prepare(
      view,
      told.map((participant) => ({ participant, kind, id })),
    );
  }

  #forbidden(reason: string): AdapterError {
    this.#options.logger.warn('appointment refused', { reason });
    return new AdapterError('ADAPTER_FORBIDDEN', 'the document is not signed by its patient');
  }
}

/** How a representative is named in receipts: an appointment's handle may have characters that no FHIR id has. */
export function relatedReference(appointment: string): string {
  return `RelatedPerson/${createHash('sha256').update(appointment).digest('hex').slice(0, 32)}`;
}

/** @see HL7 FHIR R4, RelatedPerson */
function relatedPerson(appointment: Appointment, patient: string, active: boolean): RelatedPerson {
  const { handle, relationship, fromMs, untilMs } = appointment;
  return {
    resourceType: 'RelatedPerson',
    id: relatedReference(handle).slice('RelatedPerson/'.length),
    identifier: [{ system: 'urn:firebreak:appointment', value: handle }],
    active,
    patient: { reference: `Patient/${patient}` },
    relationship: [
      {
        coding: [
          {
            system: 'http://terminology.hl7.org/CodeSystem/v3-RoleCode',
            code: ROLE_CODES[relationship],
          },
        ],
      },
    ],
    period: { start: new Date(fromMs).toISOString(), end: new Date(untilMs).toISOString() },
  };
}

function hashOf(document: AppointmentDocument): string {
  return createHash('sha256')
    .update(documentBytes(document as unknown as JsonObject))
    .digest('base64url');
}

/** What was sent, with a fresh salt, and what the log shows of it. */
function signedPart(sent: Sent<object>): { readonly part: SignedPart; readonly commitment: string } {
  const { document, jws, attested } = sent;
  return partOf((attested ?? { document, jws }) as unknown as JsonObject);
}

function partOf(signed: JsonObject): { readonly part: SignedPart; readonly commitment: string } {
  const salt = randomBytes(32);
  const commitment = commitmentOf(salt, Buffer.from(JSON.stringify(signed), 'utf8')).toString('base64url');
  return { part: { signed, salt: salt.toString('base64url') }, commitment };
}

function conflict(message: string): AdapterError {
  return new AdapterError('ADAPTER_CONFLICT', message);
}
