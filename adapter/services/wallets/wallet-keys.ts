/**
 * Certificates of wallets: the same keys for another time, or other keys in their place. Either is one batch of the entry,
 * the certificate's row, the patient's wrap of the record key made anew, and for a rotation the revocation list.
 */
import { randomBytes } from 'node:crypto';
import type { Appender, Signer, StateView } from '../../../ledger/custody/index.js';
import type { Engine } from '../../../ledger/engines/index.js';
import { PATIENT_VALIDITY_MS, readCertificate, readCsr } from '../../../ledger/participants/index.js';
import type { Authority, IssuedCertificate } from '../../../ledger/participants/index.js';
import type { StoreWrite } from '../../../ledger/store.js';
import { commitmentOf } from '../../../ledger/vault/index.js';
import { AdapterError } from '../../errors.js';
import { RENEWAL_KIND, ROTATION_KIND } from '../../http/contract/index.js';
import type { Enrolled, RenewalDocument, RotationDocument } from '../../http/contract/index.js';
import type { Sources } from '../../instance/sources.js';
import type { Subject, Subjects } from '../../instance/subjects.js';
import { pemOf, presentDer, presentOf } from '../ca/index.js';
import type { Certification, Certified } from '../ca/index.js';
import { unfit } from '../exceptional/documents.js';
import { hashOf, readSent } from './documents.js';
import type { WalletSigner, WalletSigners } from './documents.js';

export interface WalletKeysOptions {
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

export class WalletKeys {
  readonly #options: WalletKeysOptions;

  constructor(options: WalletKeysOptions) {
    this.#options = options;
  }

  /**
   * Certifies the keys of a wallet for longer. With more than half of its time left the present certificate is the answer,
   * so a document that is sent again adds nothing.
   *
   * @param body - JSON {@link RenewalRequest}.
   * @throws AdapterError ADAPTER_UNPROCESSABLE; ADAPTER_FORBIDDEN for a signer that is not in force; ADAPTER_CONFLICT where
   * the wallet was changed meanwhile.
   */
  async renew(body: Buffer): Promise<Enrolled> {
    const signer = this.#options.signers.of(readSent<RenewalDocument>(body, RENEWAL_KIND));
    const { authority, nowMs } = this.#options;
    const { certified } = signer;
    this.#requireInForce(signer);
    const { notBefore, notAfter } = presentOf(certified);
    if (notAfter - nowMs() > (notAfter - notBefore) / 2) return this.#present(certified, signer.subjectKey);
    const issued = await authority.renew({ certificate: presentDer(certified), ...this.#validity() });
    return this.#replace(signer, issued, 'participant.renewed', () => []);
  }

  /**
   * Puts other keys in the place of a wallet's. The former ones sign nothing new; what they signed stays checkable.
   *
   * @param body - JSON {@link RotationRequest}.
   * @throws as {@link renew}; ADAPTER_CONFLICT for keys that are certified already, or ended; ParticipantError.
   */
  async rotate(body: Buffer): Promise<Enrolled> {
    const { signers, authority, certification } = this.#options;
    const sent = readSent<RotationDocument>(body, ROTATION_KIND, ['csr'], ['csr']);
    const { csr = '' } = sent.beside;
    const signer = signers.of(sent);
    if (sent.document.csr !== hashOf(csr)) throw unfit('another request was signed for', 'document.csr');
    const { certified } = signer;
    const { publicKey, x25519Public } = await readCsr(csr);
    const present = presentOf(certified);
    const isDone = publicKey.equals(present.publicKey) && x25519Public.equals(present.x25519Public);
    // Its answer was lost: the key that signs now is rotated away, and the one that it asks for is certified.
    if (isDone && certified.revoked === undefined && present.fingerprint !== signer.fingerprint)
      return this.#present(certified, signer.subjectKey);
    this.#requireInForce(signer);
    if (publicKey.equals(present.publicKey))
      throw new AdapterError('ADAPTER_CONFLICT', 'that is the key that is certified; renew it');
    const issued = await authority.issue({ csr, group: 'patient', id: certified.id, ...this.#validity() });
    return this.#replace(signer, issued, 'key.rotated', (view) => {
      certification.requireForPatient(publicKey, view);
      return [
        certification.keys.put(present.publicKey, { handle: certified.handle, ended: true }),
        certification.revocations.writes(view, certification.live(certified, 'superseded')),
      ];
    });
  }

  #requireInForce({ certified, fingerprint }: WalletSigner): void {
    const { signers, certification, nowMs } = this.#options;
    const judged = certification.rows.certificateNow(certified.handle, fingerprint, nowMs());
    if (!judged.ok) throw signers.refused(judged.code);
  }

  async #replace(
    signer: WalletSigner,
    issued: IssuedCertificate,
    by: 'participant.renewed' | 'key.rotated',
    more: (view: StateView) => readonly StoreWrite[],
  ): Promise<Enrolled> {
    const { appender, authoritySigner, certification, engine, signers, subjects } = this.#options;
    const { certified: before, subjectKey } = signer;
    const { handle } = before;
    const subject = await this.#subject(signer);
    const { x25519Public } = readCertificate(issued.der);
    const wrap = await subjects.wrapForPatient(subject, issued.fingerprint, x25519Public);
    const salt = randomBytes(32);
    const der = issued.der.toString('base64');
    const commitment = commitmentOf(salt, issued.der).toString('base64url');
    await appender.appendControl({ signer: authoritySigner }, (view) => {
      signers.requireInForce(signer, view);
      const present = certification.rows.get(handle, view);
      const isHeld = subjects.walletOf(view, subjectKey)?.participant === handle;
      if (present?.certificates.length !== before.certificates.length || !isHeld)
        throw new AdapterError('ADAPTER_CONFLICT', 'the wallet was changed meanwhile; look again');
      const placed = { der, by, from: engine.head().size, salt: salt.toString('base64url') };
      const wallet = { participant: handle, fingerprint: issued.fingerprint, certificate: der };
      const body = { handle, commitment };
      return {
        drafts: [
          by === 'participant.renewed'
            ? { type: by, body }
            : { type: by, body: { key: 'participant', ...body } },
        ],
        writes: [
          certification.rows.put({ ...present, certificates: [...present.certificates, placed] }),
          ...subjects.enrolWrites(view, subjectKey, wallet, wrap),
          ...more(view),
        ],
        value: undefined,
      };
    });
    subjects.forget(subjectKey);
    return this.#answer(subject, handle, issued.der);
  }

  async #present(certified: Certified, subjectKey: string): Promise<Enrolled> {
    const subject = await this.#options.subjects.find(subjectKey);
    if (subject === undefined) throw this.#options.signers.refused('unknown-patient');
    return this.#answer(subject, certified.handle, presentDer(certified));
  }

  async #subject({ certified, subjectKey }: WalletSigner): Promise<Subject> {
    const subject = await this.#options.subjects.find(subjectKey);
    if (subject?.wallet?.participant !== certified.handle) throw this.#options.signers.refused('unlinked');
    return subject;
  }

  #answer({ facadeId, source }: Subject, participant: string, der: Buffer): Enrolled {
    const { sources, instanceReference } = this.#options;
    const custodian = sources.get(source)?.custodian;
    return {
      participant,
      certificate: pemOf(der),
      fingerprint: readCertificate(der).fingerprint,
      patient: { reference: `Patient/${facadeId}` },
      custodian: { reference: `Organization/${custodian?.id ?? ''}`, display: custodian?.name ?? '' },
      instance: { reference: instanceReference },
    };
  }

  #validity(): { notBefore: number; notAfter: number } {
    const now = this.#options.nowMs();
    return {
      notBefore: now,
      notAfter: Math.min(now + PATIENT_VALIDITY_MS, this.#options.authority.notAfter),
    };
  }
}
