/**
 * A wallet that was lost: two of the hospital's staff say so, the lost key is revoked at once, and the patient gets an
 * invitation for a new one. Revocation and invitation are of one batch: a crash leaves the wallet as it was.
 */
import type { Appender, Signer } from '../../../ledger/custody/index.js';
import type { Engine } from '../../../ledger/engines/index.js';
import type { Store } from '../../../ledger/store.js';
import { mark, sealRow } from '../../../ledger/vault/index.js';
import type { InstanceKeys } from '../../../ledger/vault/index.js';
import { AdapterError } from '../../errors.js';
import { RE_ENROLMENT_KIND } from '../../http/contract/index.js';
import type { ReEnrolled, ReEnrolmentDocument } from '../../http/contract/index.js';
import type { Subjects } from '../../instance/subjects.js';
import { presentOf } from '../ca/index.js';
import type { Certification } from '../ca/index.js';
import { requireFresh, unfit } from '../exceptional/documents.js';
import { ATTESTED_MS, readAttested } from './attested.js';
import type { Attestations } from './attested.js';
import { INVITATION_MS, Invitations } from './invitations.js';

export interface ReEnrolmentOptions {
  readonly store: Store;
  readonly keys: InstanceKeys;
  readonly appender: Appender;
  readonly authoritySigner: Signer;
  readonly certification: Certification;
  readonly attestations: Attestations;
  readonly engine: Engine;
  readonly subjects: Subjects;
  /** Origin of the log. */
  readonly origin: string;
  readonly nowMs: () => number;
}

/** Documents by which a patient's wallets were said to be lost. */
export function reEnrolments(subjectKey: string): string {
  return `re-enrolment/${subjectKey}/`;
}

const MEMBERS = ['kind', 'log', 'at', 'source', 'patient', 'reason'];
const TEXT_CHARS_MAX = 500;

export class ReEnrolment {
  readonly #options: ReEnrolmentOptions;
  readonly #invitations: Invitations;

  constructor(options: ReEnrolmentOptions) {
    this.#options = options;
    this.#invitations = new Invitations(options.store, options.keys.storage.indexKey);
  }

  /**
   * Ends a lost wallet and invites its patient anew. Asked again by another document, the later invitation counts alone.
   *
   * @param body - JSON `{document, signatures}`: see {@link ReEnrolmentDocument}.
   * @throws AdapterError ADAPTER_UNPROCESSABLE; ADAPTER_FORBIDDEN unless two of the hospital's staff have signed;
   * ADAPTER_NOT_FOUND for a patient without a wallet; ADAPTER_CONFLICT for a document that was used.
   */
  async begin(body: Buffer): Promise<ReEnrolled> {
    const { keys, appender, authoritySigner, certification, attestations } = this.#options;
    const { engine, subjects, origin, nowMs } = this.#options;
    const attested = readAttested(body);
    const document = requireForm(attested.document);
    const attesting = await attestations.judge(attested, document.source);
    requireFresh(document, origin, nowMs(), ATTESTED_MS);
    const subject = await subjects.find(subjects.keyOf(document.source, document.patient));
    const lost = subject?.wallet?.participant;
    if (subject === undefined || lost === undefined)
      throw new AdapterError('ADAPTER_NOT_FOUND', 'no such patient has a wallet here');
    const code = this.#invitations.newCode();
    const at = nowMs();
    const expiresAt = at + INVITATION_MS;
    const { storage } = keys;
    const name = mark(storage.markKey, 're-enrolment', JSON.stringify(attested.document));
    const used = reEnrolments(subject.key) + name;
    await appender.appendControl({ signer: authoritySigner }, (view) => {
      attestations.requireInForce(attesting, view);
      if (view.get(used) !== undefined)
        throw new AdapterError('ADAPTER_CONFLICT', 'that document was used; sign another');
      const present = certification.rows.get(lost, view);
      if (present === undefined || subjects.walletOf(view, subject.key)?.participant !== lost)
        throw new AdapterError('ADAPTER_CONFLICT', 'the patient has another wallet meanwhile');
      const { source, patient } = document;
      const evidence = Buffer.from(JSON.stringify(attested), 'utf8');
      const writes = [
        this.#invitations.write(code, { source, patient, expiresAt, recovers: lost }),
        this.#invitations.recoveryWrite(subject.key, code),
        { type: 'put' as const, key: used, value: sealRow(storage.indexKey, used, evidence) },
      ];
      if (present.revoked !== undefined && present.revoked.isUnsaid !== true)
        return { drafts: [], writes, value: undefined };
      const reason = 'keyCompromise';
      const { publicKey } = presentOf(present);
      return {
        drafts: [{ type: 'participant.revoked', body: { handle: lost, reason } }],
        writes: [
          ...writes,
          certification.rows.put({ ...present, revoked: { at, from: engine.head().size, reason } }),
          certification.keys.put(publicKey, { handle: lost, ended: true, lost: true }),
          certification.revocations.writes(view, certification.live(present, reason)),
        ],
        value: undefined,
      };
    });
    return { invitation: code, expires: new Date(expiresAt).toISOString(), revoked: lost };
  }
}

function requireForm(document: Readonly<Record<string, unknown>>): ReEnrolmentDocument {
  if (document['kind'] !== RE_ENROLMENT_KIND)
    throw unfit(`the kind is “${RE_ENROLMENT_KIND}”`, 'document.kind');
  for (const name of MEMBERS) {
    const text = document[name];
    if (typeof text !== 'string' || text.trim() === '' || text.length > TEXT_CHARS_MAX)
      throw unfit(`${name} is missing or too long`, `document.${name}`);
  }
  for (const name of Object.keys(document))
    if (!MEMBERS.includes(name)) throw unfit('a member that is not known', `document.${name.slice(0, 64)}`);
  return document as unknown as ReEnrolmentDocument;
}
