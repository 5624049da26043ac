/**
 * The end of an enrolment by its patient. First, in one batch: the consents that permit are withdrawn, whom the patient appointed is no longer, the wallet and the
 * patient's wrap of the record key are taken from the record, and a row says that this is under way. From then on nothing
 * rests on the patient's word. Then what was approved is ended, and the enrolment revoked, each with its entry; a crash in
 * between is made up for at the next start.
 */
import type { Appender, Signer } from '../../../ledger/custody/index.js';
import type { Engine } from '../../../ledger/engines/index.js';
import type { Store } from '../../../ledger/store.js';
import { openRow, sealRow } from '../../../ledger/vault/index.js';
import { UNLINK_KIND } from '../../http/contract/index.js';
import type { UnlinkDocument, Unlinked } from '../../http/contract/index.js';
import type { Consents } from '../../instance/consents.js';
import { subjectRowKey } from '../../instance/subjects.js';
import type { Subjects } from '../../instance/subjects.js';
import type { AccessRequests } from '../access/index.js';
import type { Certification } from '../ca/index.js';
import type { Representatives } from '../representatives/index.js';
import { readSent } from './documents.js';
import type { WalletSigners } from './documents.js';

export interface UnlinkingOptions {
  readonly store: Store;
  readonly indexKey: Buffer;
  readonly appender: Appender;
  readonly authoritySigner: Signer;
  readonly certification: Certification;
  readonly signers: WalletSigners;
  readonly engine: Engine;
  readonly subjects: Subjects;
  readonly consents: () => Consents;
  readonly representatives: () => Representatives;
  readonly accessRequests: () => AccessRequests;
  /** Takes the bytes that a record's row had before from the disk. */
  readonly destroy: (subjectKey: string, before: Buffer | undefined) => Promise<void>;
  readonly nowMs: () => number;
}

/** An end that has begun. */
interface EndingRow {
  readonly participant: string;
  readonly subjectKey: string;
  readonly fingerprint: string;
  /** What the patient signed. */
  readonly signed: { readonly document: UnlinkDocument; readonly jws: string };
  readonly withdrawn: number;
}

const ENDING = 'wallet-ending/';
/** Kept so that the same document is answered again. */
const ENDED = 'wallet-ended/';

export class Unlinking {
  readonly #options: UnlinkingOptions;

  constructor(options: UnlinkingOptions) {
    this.#options = options;
  }

  /**
   * Ends the enrolment that signs. What the law obliges the hospital to keep stays; nothing more comes by these consents.
   *
   * @param body - JSON {@link UnlinkRequest}.
   * @throws AdapterError ADAPTER_UNPROCESSABLE; ADAPTER_FORBIDDEN for a signer that is not in force.
   */
  async end(body: Buffer): Promise<Unlinked> {
    const { signers, subjects, consents, representatives } = this.#options;
    const sent = readSent<UnlinkDocument>(body, UNLINK_KIND);
    const { document, jws } = sent;
    const signer = signers.of(sent);
    const participant = signer.certified.handle;
    const before = this.#read(ENDED + participant);
    if (before !== undefined) return { participant, withdrawn: before.withdrawn };
    const subject = await subjects.find(signer.subjectKey);
    if (subject === undefined) throw signers.refused('unknown-patient');
    const signed = { document, jws };
    const row = this.#options.store.getSync(subjectRowKey(subject.key));
    const withdrawn = await consents().endAll(
      subject,
      Buffer.from(JSON.stringify(signed), 'utf8'),
      Date.parse(document.at),
      (view, count) => {
        signers.requireInForce(signer, view);
        if (subjects.walletOf(view, subject.key)?.participant !== participant)
          throw signers.refused('unlinked');
        const { fingerprint } = signer;
        const ending: EndingRow = {
          participant,
          subjectKey: subject.key,
          fingerprint,
          signed,
          withdrawn: count,
        };
        const appointments = representatives().endOfPatient(view, subject.key, signed);
        return {
          drafts: appointments.drafts,
          writes: [
            ...subjects.unlinkWrites(view, subject.key),
            ...appointments.writes,
            this.#put(ENDING + participant, ending),
          ],
        };
      },
    );
    subjects.forget(subject.key);
    await this.#finish(participant);
    await this.#options.destroy(subject.key, row);
    return { participant, withdrawn };
  }

  /** Finishes what a crash cut off. @returns How many. */
  async resume(): Promise<number> {
    const keys = await this.#options.store.keys({ gte: ENDING, lt: `${ENDING}~` }).all();
    for (const key of keys) await this.#finish(key.slice(ENDING.length));
    return keys.length;
  }

  async #finish(participant: string): Promise<void> {
    const row = this.#read(ENDING + participant);
    if (row === undefined) return;
    const { appender, authoritySigner, certification, engine, nowMs, accessRequests } = this.#options;
    await accessRequests().endAllOf(row.subjectKey, participant, row.signed);
    await appender.appendControl({ signer: authoritySigner }, (view) => {
      const present = certification.rows.get(participant, view);
      const done = [{ type: 'del' as const, key: ENDING + participant }, this.#put(ENDED + participant, row)];
      if (present === undefined || present.revoked !== undefined)
        return { drafts: [], writes: done, value: undefined };
      // Of the key nothing is said: other records may be held by it.
      const reason = 'unspecified';
      const revoked = { ...present, revoked: { at: nowMs(), from: engine.head().size, reason } as const };
      return {
        drafts: [{ type: 'participant.revoked', body: { handle: participant, reason } }],
        writes: [
          ...done,
          certification.rows.put(revoked),
          certification.revocations.writes(view, certification.live(present, reason)),
        ],
        value: undefined,
      };
    });
  }

  #read(key: string): EndingRow | undefined {
    const sealed = this.#options.store.getSync(key);
    if (sealed === undefined) return undefined;
    return JSON.parse(openRow(this.#options.indexKey, key, sealed).toString('utf8')) as EndingRow;
  }

  #put(key: string, row: EndingRow): { type: 'put'; key: string; value: Buffer } {
    const plain = Buffer.from(JSON.stringify(row), 'utf8');
    return { type: 'put', key, value: sealRow(this.#options.indexKey, key, plain) };
  }
}
