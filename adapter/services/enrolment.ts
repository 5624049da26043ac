/**
 * Enrolment of patients: a hospital that knows the patient asks for an invitation, the patient's wallet makes its own
 * keys and sends a PKCS#10 request with it, and gets a certificate. The private key never leaves the wallet.
 */
import { randomBytes } from 'node:crypto';
import type { Appender, Signer, StateView } from '../../ledger/custody/index.js';
import type { Engine } from '../../ledger/engines/index.js';
import type { Authority } from '../../ledger/participants/index.js';
import { newParticipantId, PATIENT_VALIDITY_MS, readCertificate } from '../../ledger/participants/index.js';
import type { Store, StoreWrite } from '../../ledger/store.js';
import { commitmentOf, sealRow } from '../../ledger/vault/index.js';
import type { InstanceKeys } from '../../ledger/vault/index.js';
import { isFhirId, parseJson } from '../../mappings/index.js';
import { AdapterError } from '../errors.js';
import { LINK_KIND } from '../http/contract/index.js';
import type { Enrolled, LinkDocument } from '../http/contract/index.js';
import type { Sources } from '../instance/sources.js';
import type { Subjects } from '../instance/subjects.js';
import type { Certification } from './ca/index.js';
import { unfit } from './exceptional/documents.js';
import { hashOf, readSent } from './wallets/documents.js';
import type { WalletSigners } from './wallets/documents.js';
import { INVITATION_MS, Invitations } from './wallets/invitations.js';
import type { InvitationRow } from './wallets/invitations.js';
import { newHandle } from '../handle.js';

/** Patients invited by one request. */
const INVITATIONS_MAX = 10_000;

export interface EnrolmentOptions {
  readonly store: Store;
  readonly keys: InstanceKeys;
  readonly appender: Appender;
  readonly authority: Authority;
  readonly authoritySigner: Signer;
  readonly certification: Certification;
  readonly signers: WalletSigners;
  readonly engine: Engine;
  readonly subjects: Subjects;
  readonly sources: Sources;
  readonly instanceReference: string;
  readonly nowMs: () => number;
}

export class Enrolment {
  readonly #options: EnrolmentOptions;
  readonly #invitations: Invitations;

  constructor(options: EnrolmentOptions) {
    this.#options = options;
    this.#invitations = new Invitations(options.store, options.keys.storage.indexKey);
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
      return { patient, code: this.#invitations.newCode() };
    });
    await this.#options.appender.writeRows(() => ({
      writes: invitations.map(({ patient, code }) =>
        this.#invitations.write(code, { source, patient, expiresAt }),
      ),
      value: undefined,
    }));
    return { invitations };
  }

  /**
   * Enrols the patient whom an invitation names. A record that has a wallet gets no other one by this alone.
   *
   * @param body - JSON `{invitation, csr}`, the request as PEM.
   * @throws AdapterError ADAPTER_FORBIDDEN for an invitation that is unknown, used or expired, ADAPTER_CONFLICT where the
   * record has a wallet; ParticipantError for a request that must not be certified.
   */
  async enrol(body: Buffer): Promise<Enrolled> {
    const { invitation, csr } = asRecord(parseJson(body));
    if (typeof invitation !== 'string' || typeof csr !== 'string') {
      throw new AdapterError('ADAPTER_UNPROCESSABLE', 'send {"invitation": …, "csr": PEM}');
    }
    return this.#admit(invitation, csr, () => undefined);
  }

  /**
   * Takes another hospital's record into a wallet that is enrolled: who was invited shows the enrolled key. The log gets
   * an enrolment like any other.
   *
   * @param body - JSON {@link LinkRequest}.
   * @throws AdapterError ADAPTER_UNPROCESSABLE, ADAPTER_FORBIDDEN for a signer that is not in force; as {@link enrol}.
   */
  async link(body: Buffer): Promise<Enrolled> {
    const sent = readSent<LinkDocument>(body, LINK_KIND, ['invitation', 'csr'], ['invitation', 'csr']);
    const { invitation = '', csr = '' } = sent.beside;
    const { signers } = this.#options;
    const signer = signers.of(sent);
    if (sent.document.invitation !== hashOf(invitation))
      throw unfit('another invitation was signed for', 'document.invitation');
    if (sent.document.csr !== hashOf(csr)) throw unfit('another request was signed for', 'document.csr');
    return this.#admit(invitation, csr, (view) => signers.requireInForce(signer, view));
  }

  /** @param requireLeave - Asked inside of the batch; throws where the enrolment must not be. */
  async #admit(invitation: string, csr: string, requireLeave: (view: StateView) => void): Promise<Enrolled> {
    const csrHash = hashOf(csr);
    const row = this.#invitations.get(invitation);
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
    const participant = newHandle();
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
      const present = this.#invitations.get(invitation, view);
      if (present?.used?.csrHash === csrHash) return { drafts: [], writes: [], value: present.used.answer };
      if (present === undefined || present.used !== undefined)
        return { drafts: [], writes: [], value: undefined };
      requireLeave(view);
      this.#requireFree(view, subject.key, invitation, present);
      certification.requireForPatient(publicKey, view);
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
          this.#invitations.write(invitation, { ...present, used: { csrHash, answer } }),
          this.#sealed(`participant/${participant}`, {
            salt: salt.toString('base64url'),
            subject: subject.key,
          }),
        ],
        value: answer,
      };
    });
    if (committed.value === undefined) throw refused();
    subjects.forget(subject.key);
    return committed.value;
  }

  /** A wallet is put in another's place by those alone who say that it was lost. */
  #requireFree(view: StateView, subjectKey: string, code: string, { recovers }: InvitationRow): void {
    const present = this.#options.subjects.walletOf(view, subjectKey)?.participant;
    if (recovers === undefined) {
      if (present === undefined) return;
      throw new AdapterError(
        'ADAPTER_CONFLICT',
        'this record has a wallet; where it is lost, two of the hospital’s staff enrol the patient anew',
      );
    }
    // Of two re-enrolments the later counts.
    if (present !== recovers || !this.#invitations.isLatestRecovery(view, subjectKey, code)) throw refused();
  }

  #sealed(key: string, value: object): StoreWrite {
    const plain = Buffer.from(JSON.stringify(value), 'utf8');
    return { type: 'put', key, value: sealRow(this.#options.keys.storage.indexKey, key, plain) };
  }
}

function refused(): AdapterError {
  return new AdapterError('ADAPTER_FORBIDDEN', 'the invitation is unknown, used or expired');
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
