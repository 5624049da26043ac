/** What a patient who is signed in is told of the own record: consents, accesses, what waits for an answer. */
import type { FhirResource } from 'fhir/r4.js';
import { consentStanding } from '../../../ledger/custody/index.js';
import { bundledConsent, parseJson } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type {
  OwnAccess,
  OwnAccesses,
  OwnConsent,
  OwnHome,
  OwnRepresentatives,
  OwnWaiting,
  OwnWaitingList,
} from '../../http/contract/index.js';
import type { InboxEvent } from '../../inbound/inbox.js';
import type { Instance } from '../../instance/instance.js';
import type { Subject } from '../../instance/subjects.js';
import { Account } from '../account/index.js';
import { DISCLOSURE } from '../disclosure.js';
import { readerOf } from '../people/index.js';
import type { Person } from '../people/index.js';
import { prove } from '../proofs/index.js';
import { showToPatient } from '../proofs/leave.js';

/** Waiting things shown at once. */
const WAITING_MAX = 200;
/** Accesses shown at once. */
const ACCESSES_MAX = 500;
const ORGANISATION = 'Organization/';

export class OwnRecord {
  readonly #instance: Instance;

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  /** @throws AdapterError ADAPTER_FORBIDDEN for who is no patient; so do all others here. */
  async home(person: Person): Promise<OwnHome> {
    const subject = await this.#subjectOf(person);
    const { inbox, sources } = this.#instance;
    const custodian = sources.get(subject.source)?.custodian;
    return {
      patient: `Patient/${subject.facadeId}`,
      hospital: { reference: `${ORGANISATION}${custodian?.id ?? ''}`, display: custodian?.name ?? '' },
      waiting: (await inbox.waitingFor(subject.key)).length,
    };
  }

  /** All that the patient signed here, the latest first. */
  async consents(person: Person): Promise<{ consents: OwnConsent[] }> {
    const subject = await this.#subjectOf(person);
    const { consents, store } = this.#instance;
    const view = { get: (key: string) => store.getSync(key) };
    const found = (await consents.documents(subject.key)).flatMap(({ handle, type, bytes }): OwnConsent[] => {
      if (type !== 'consent.signed') return [];
      const document = bundledConsent(parseJson(bytes));
      const standing = consentStanding(view, handle)?.status;
      if (document === undefined || standing === undefined) return [];
      return [{ handle, standing, document }];
    });
    return { consents: found.toSorted((a, b) => signedAt(b) - signedAt(a)) };
  }

  /** Who was shown what of the record, from the receipts. */
  async accesses(person: Person): Promise<OwnAccesses> {
    const subject = await this.#subjectOf(person);
    const account = new Account(this.#instance);
    const found = await account.of(subject.key);
    const names = await account.names();
    const accesses = found.slice(0, ACCESSES_MAX).map(({ what, records, ...said }): OwnAccess => {
      const name = names.get(said.to);
      return {
        ...said,
        ...(what === undefined ? {} : { interaction: what }),
        ...(name === undefined ? {} : { name }),
        records: records.length,
      };
    });
    return { accesses, total: found.length };
  }

  /**
   * A proof file of one disclosure, for the patient alone.
   *
   * @throws AdapterError ADAPTER_NOT_FOUND for a receipt of another patient, as for one that is none.
   */
  async accessProof(person: Person, handle: string): Promise<string> {
    const subject = await this.#subjectOf(person);
    requireSelf(person);
    if (this.#instance.store.getSync(`${DISCLOSURE}${subject.key}/${handle}`) === undefined)
      throw new AdapterError('ADAPTER_NOT_FOUND', 'no such access is in your account');
    const proved = await prove(this.#instance, { what: 'disclosure', handle });
    if (!proved.proved) throw new AdapterError('ADAPTER_CONFLICT', `it cannot be proved: ${proved.code}`);
    return proved.file;
  }

  /** Who acts, or acted, for the patient. */
  async representatives(person: Person): Promise<OwnRepresentatives> {
    return this.#instance.representatives.shown(await this.#subjectOf(person));
  }

  /**
   * A proof file of an export that the patient is in, with the own lines opened, for the patient alone.
   *
   * @throws AdapterError ADAPTER_NOT_FOUND for who is not in it, as for an export that is none.
   */
  async exportProof(person: Person, handle: string): Promise<string> {
    const subject = await this.#subjectOf(person);
    requireSelf(person);
    const proved = await prove(this.#instance, { what: 'export', handle, subject: subject.key });
    if (!proved.proved) throw new AdapterError('ADAPTER_CONFLICT', `it cannot be proved: ${proved.code}`);
    return proved.file;
  }

  /** What waits for the patient's answer. It is shown to nobody else, and that it was shown stands on the log. */
  async waiting(person: Person): Promise<OwnWaitingList> {
    const subject = await this.#subjectOf(person);
    const { inbox } = this.#instance;
    const seqs = await inbox.waitingFor(subject.key);
    const events = seqs
      .toReversed()
      .slice(0, WAITING_MAX)
      .flatMap((seq) => inbox.openWaiting(subject.key, seq) ?? []);
    const { participant, appointment } = person;
    const reader = readerOf(participant, `Patient/${subject.facadeId}`, appointment);
    if (events.length > 0)
      await showToPatient(this.#instance, subject, 'Bundle', { shown: 'waiting' }, reader);
    return { waiting: events.map(waitingOf), total: seqs.length };
  }

  async #subjectOf({ patient }: Person): Promise<Subject> {
    const subject =
      patient === undefined ? undefined : await this.#instance.subjects.find(patient.subjectKey);
    if (subject === undefined)
      throw new AdapterError('ADAPTER_FORBIDDEN', 'only patients have a record of their own');
    return subject;
  }
}

/** The receipt of a proof file names the patient, so nobody else gets one. @throws AdapterError ADAPTER_FORBIDDEN */
function requireSelf({ appointment }: Person): void {
  if (appointment !== undefined)
    throw new AdapterError('ADAPTER_FORBIDDEN', 'proof files are given to the patient alone');
}

function signedAt({ document }: OwnConsent): number {
  return Date.parse(document.dateTime ?? '');
}

function waitingOf({ kind, type, receivedAt, bytes, large }: InboxEvent): OwnWaiting {
  // What is too large to be held here is told of; it is shown once it is kept.
  const isShown = kind === 'put' && large === undefined;
  return {
    kind,
    type,
    at: receivedAt,
    ...(isShown ? { resource: parseJson(bytes) as unknown as FhirResource } : {}),
  };
}
