/**
 * Enrolment of patients: a hospital that knows the patient asks for an invitation, the patient's wallet makes its own
 * keys and sends a PKCS#10 request with it, and gets a certificate. The private key never leaves the wallet.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Appender, Signer } from '../../ledger/custody/index.js';
import type { Engine } from '../../ledger/engines/index.js';
import type { Authority } from '../../ledger/participants/index.js';
import { newParticipantId, PATIENT_VALIDITY_MS, readCertificate } from '../../ledger/participants/index.js';
import type { Store, StoreWrite } from '../../ledger/store.js';
import { commitmentOf, openRow, sealRow } from '../../ledger/vault/index.js';
import type { InstanceKeys } from '../../ledger/vault/index.js';
import { isFhirId, parseJson } from '../../mappings/index.js';
import { AdapterError } from '../errors.js';
import type { Enrolled } from '../http/contract/index.js';
import type { Sources } from '../instance/sources.js';
import type { Subjects } from '../instance/subjects.js';
import type { Certification } from './ca/index.js';

/** An invitation is a secret of 128 bits, good once and for a week. */
const INVITATION_BYTES = 16;
const INVITATION_MS = 7 * 24 * 60 * 60 * 1000;
/** Patients invited by one request. */
const INVITATIONS_MAX = 10_000;

interface InvitationRow {
  readonly source: string;
  readonly patient: string;
  readonly expiresAt: number;
  /** Answer to the enrolment that used it: a repeat after a lost answer gets it again. */
  readonly used?: { readonly csrHash: string; readonly answer: Enrolled };
}

export interface EnrolmentOptions {
  readonly store: Store;
  readonly keys: InstanceKeys;
  readonly appender: Appender;
  readonly authority: Authority;
  readonly authoritySigner: Signer;
  readonly certification: Certification;
  readonly engine: Engine;
  readonly subjects: Subjects;
  readonly sources: Sources;
  readonly instanceReference: string;
  readonly nowMs: () => number;
}

export class Enrolment {
  readonly #options: EnrolmentOptions;

  constructor(options: EnrolmentOptions) {
    this.#options = options;
  }

  /**
   * Makes invitations for patients of a source.
   *
   * @throws AdapterError ADAPTER_UNPROCESSABLE for ids that are none.
   */
  async invite(
    source: string,
    patients: unknown,
  ): Promise<{ invitations: { patient: string; code: string }[] }> {
    if (!Array.isArray(patients) || patients.length === 0 || patients.length > INVITATIONS_MAX) {
      throw new AdapterError(
        'ADAPTER_UNPROCESSABLE',
        `patients must be a list of 1 to ${INVITATIONS_MAX} ids`,
      );
    }
    const expiresAt = this.#options.nowMs() + INVITATION_MS;
    const invitations = patients.map((patient: unknown) => {
      if (typeof patient !== 'string' || !isFhirId(patient)) {
        throw new AdapterError('ADAPTER_UNPROCESSABLE', 'a patient is named by the logical id at the source');
      }
      return { patient, code: randomBytes(INVITATION_BYTES).toString('base64url') };
    });
    await this.#options.appender.writeRows(() => ({
      writes: invitations.map(({ patient, code }) => this.#row(keyOf(code), { source, patient, expiresAt })),
      value: undefined,
    }));
    return { invitations };
  }

  /**
   * Enrols the patient whom an invitation names.
   *
   * @param body - JSON `{invitation, csr}`, the request as PEM.
   * @throws AdapterError ADAPTER_FORBIDDEN for an invitation that is unknown, used or expired; ParticipantError for a
   * request that must not be certified.
   */
  async enrol(body: Buffer): Promise<Enrolled> {
    const { invitation, csr } = asRecord(parseJson(body));
    if (typeof invitation !== 'string' || typeof csr !== 'string') {
      throw new AdapterError('ADAPTER_UNPROCESSABLE', 'send {"invitation": …, "csr": PEM}');
    }
    const key = keyOf(invitation);
    const csrHash = createHash('sha256').update(csr).digest('base64url');
    const row = this.#read(key, this.#options.store.getSync(key));
    if (row?.used?.csrHash === csrHash) return row.used.answer;
    const now = this.#options.nowMs();
    if (row === undefined || row.used !== undefined || row.expiresAt < now) throw refused();
    const { authority, subjects, sources, appender, certification, engine } = this.#options;
    const source = sources.get(row.source);
    if (source === undefined) throw refused();

    const participantId = newParticipantId();
    const issued = await authority.issue({
      csr,
      group: 'patient',
      id: participantId,
      notBefore: now,
      notAfter: Math.min(now + PATIENT_VALIDITY_MS, authority.notAfter),
    });
    if (subjects.isErased(subjects.keyOf(row.source, row.patient))) throw refused();
    const subject = await subjects.ensure(row.source, row.patient);
    const { publicKey, x25519Public } = readCertificate(issued.der);
    const wrap = await subjects.wrapForPatient(subject, issued.fingerprint, x25519Public);
    const participant = randomBytes(32).toString('base64url');
    const salt = randomBytes(32);
    const answer: Enrolled = {
      participant,
      certificate: issued.pem,
      fingerprint: issued.fingerprint,
      patient: { reference: `Patient/${subject.facadeId}` },
      custodian: { reference: `Organization/${source.custodian.id}`, display: source.custodian.name },
      instance: { reference: this.#options.instanceReference },
    };
    const wallet = {
      participant,
      fingerprint: issued.fingerprint,
      certificate: issued.der.toString('base64'),
    };
    // Entry, wallet and used invitation stand or fall together: a crash leaves the invitation good.
    const committed = await appender.appendControl({ signer: this.#options.authoritySigner }, (view) => {
      const present = this.#read(key, view.get(key));
      if (present === undefined || present.used !== undefined)
        return { drafts: [], writes: [], value: false };
      certification.requireNotEnded(publicKey, view);
      const commitment = commitmentOf(salt, issued.der).toString('base64url');
      return {
        drafts: [
          { type: 'participant.enrolled', body: { handle: participant, group: 'patient', commitment } },
        ],
        writes: [
          ...subjects.enrolWrites(view, subject.key, wallet, wrap),
          certification.rows.put({
            handle: participant,
            id: participantId,
            group: 'patient',
            certificates: [{ der: wallet.certificate, by: 'participant.enrolled', from: engine.head().size }],
          }),
          this.#row(key, { ...present, used: { csrHash, answer } }),
          this.#sealed(`participant/${participant}`, {
            salt: salt.toString('base64url'),
            subject: subject.key,
          }),
        ],
        value: true,
      };
    });
    if (!committed.value) throw refused();
    subjects.forget(subject.key);
    return answer;
  }

  #read(key: string, sealed: Buffer | undefined): InvitationRow | undefined {
    if (sealed === undefined) return undefined;
    return JSON.parse(
      openRow(this.#options.keys.storage.indexKey, key, sealed).toString('utf8'),
    ) as InvitationRow;
  }

  #row(key: string, row: InvitationRow): StoreWrite {
    return this.#sealed(key, row);
  }

  #sealed(key: string, value: object): StoreWrite {
    const plain = Buffer.from(JSON.stringify(value), 'utf8');
    return { type: 'put', key, value: sealRow(this.#options.keys.storage.indexKey, key, plain) };
  }
}

/** Codes are stored by their hash: who reads the store cannot enrol with them. */
function keyOf(code: string): string {
  return `invitation/${createHash('sha256').update(code).digest('base64url')}`;
}

function refused(): AdapterError {
  return new AdapterError('ADAPTER_FORBIDDEN', 'the invitation is unknown, used or expired');
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
