/**
 * Expenses: a bank asks, on a question that the patient has signed, whether at least so much is on record in a time, and
 * gets yes or no.
 *
 * Two layers permit, as of claims: the hospital and the patient's consent, which says who may be told of which records;
 * the signed question says what exactly. A question is answered once: asked again, it has its first answer.
 */
import { randomBytes } from 'node:crypto';
import { decider } from '../../../ledger/consent/index.js';
import type { Permitted } from '../../../ledger/consent/index.js';
import { canonicalBytes } from '../../../ledger/log/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import { EXPENSES_FORMAT, readClaimDocument } from '../../../ledger/proofs/index.js';
import type { ExpensesDocument } from '../../../ledger/proofs/index.js';
import { commitmentOf } from '../../../ledger/vault/index.js';
import { EXPENSE_RECORD_TYPES, judgeExpenses } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type {
  ExpensesAnswer,
  ExpensesQuestion,
  OwnExpenses,
  SignedExpensesQuestion,
} from '../../http/contract/index.js';
import type { Instance } from '../../instance/instance.js';
import { recordEpochOf } from '../../instance/served-forms.js';
import type { Subject } from '../../instance/subjects.js';
import { discloseNothing, discloseTo } from '../disclosure.js';
import { Decoy, referencesAt, settleSince } from '../facade/index.js';
import { RecordLeaves } from '../proofs/record-leaves.js';
import type { Caller } from '../tokens/index.js';
import { namesOf, permittedRecords } from './evidence.js';
import type { PermittedRecord } from './evidence.js';
import { askedOnce } from './limits.js';
import { claimProof } from './proof.js';
import { questionHash, readQuestion, requireMeant, signerOf } from './questions.js';
import { ClaimRows, EXPENSES } from './rows.js';
import type { ExpensesRow } from './rows.js';

/** How often an answer is made anew because a consent or record changed under it. */
const ROUNDS_MAX = 8;
const PATIENT = /^Patient\/([A-Za-z0-9.-]{1,64})$/;
const RESOURCE_TYPES = 'http://hl7.org/fhir/resource-types';

export class Expenses {
  readonly #instance: Instance;
  readonly #rows: ClaimRows;
  readonly #index: RecordLeaves;
  readonly #decoy = new Decoy();

  constructor(instance: Instance) {
    this.#instance = instance;
    this.#rows = new ClaimRows(instance.keys.storage.indexKey);
    this.#index = new RecordLeaves(instance.store, instance.engine);
  }

  /**
   * Answers a question.
   *
   * @param body - The patient's signed question: `{document, jws}`.
   * @throws AdapterError ADAPTER_FORBIDDEN for who is no payer; ADAPTER_UNPROCESSABLE for a question that cannot be meant,
   * or not by this organisation; ADAPTER_NOT_FOUND where the patient is unknown, has not signed it, or permits nothing;
   * ADAPTER_TOO_MANY_REQUESTS beyond the limit.
   */
  async ask(caller: Caller, body: Buffer): Promise<ExpensesAnswer> {
    const startedAt = performance.now();
    const instance = this.#instance;
    if (caller.group !== 'payer')
      throw new AdapterError('ADAPTER_FORBIDDEN', 'expenses are for banks and insurers to ask about');
    const signed = readQuestion(body);
    const { document } = signed;
    const to = bankOf(caller);
    const { purpose } = caller;
    requireMeant(document, { origin: instance.identity.origin, to, purpose, nowMs: instance.nowMs() });
    const id = PATIENT.exec(document.patient)?.[1];
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const subject = id === undefined ? undefined : await instance.subjects.findByFacadeId(id);
      const basis = subject === undefined ? undefined : await this.#basisOf(caller, subject, signed);
      if (basis === undefined) {
        this.#decoy.work(instance.nowMs());
        await discloseNothing(instance, { purpose, to, interaction: 'expenses' });
        await settleSince(startedAt);
        throw new AdapterError('ADAPTER_NOT_FOUND', 'nothing of that name is to be had');
      }
      const row = await this.#answered(caller, document, basis);
      if (row === undefined) continue;
      const { handle, salt, at, document: text } = row;
      const proof = await claimProof(instance, this.#index, handle, { salt, document: text, opened: [] });
      return { handle, at, says: documentIn(row).says, proof: proof.toString('base64') };
    }
    throw new AdapterError('ADAPTER_CONFLICT', 'the consents of this patient change too fast');
  }

  /** What a patient is told of them, the latest first. */
  async of(subject: Subject): Promise<OwnExpenses[]> {
    const { store } = this.#instance;
    const found: OwnExpenses[] = [];
    const prefix = `${EXPENSES}${subject.key}/`;
    for await (const key of store.keys({ gte: prefix, lt: `${prefix}~` })) {
      const row = this.#rows.expenses(this.#view(), subject.key, key.slice(prefix.length));
      if (row === undefined) continue;
      const { to, atLeast, currency, start, end, says } = documentIn(row);
      const { handle, at, records } = row;
      found.push({ handle, at, to, atLeast, currency, start, end, says, records: records.length });
    }
    return found.toSorted((a, b) => b.at - a.at);
  }

  /** `undefined` where nobody permits it, or the patient has not signed. */
  async #basisOf(
    caller: Caller,
    subject: Subject,
    signed: SignedExpensesQuestion,
  ): Promise<Basis | undefined> {
    const { certification, consents, nowMs, sources, store } = this.#instance;
    const fingerprint = signerOf(certification.rows, subject, signed);
    const recordEpoch = recordEpochOf(store, subject.key);
    const { policies, epoch } = await consents.policies(subject);
    const decide = decider(
      {
        subject: subject.key,
        actor: { references: referencesAt({ sources }, subject.source, caller) },
        action: 'disclose',
        purposes: [caller.purpose],
      },
      policies,
      nowMs(),
    );
    const decision = decide({
      type: 'Claim',
      classes: [`${RESOURCE_TYPES}|Claim`],
      codes: [],
      labels: undefined,
      refersTo: [],
      referredBy: [],
    });
    const { participant } = subject.wallet ?? {};
    if (fingerprint === undefined || participant === undefined || decision.outcome !== 'permit')
      return undefined;
    if (!certification.rows.certificateNow(participant, fingerprint, nowMs()).ok) return undefined;
    return { subject, epoch, recordEpoch, permit: decision.permit, decide, participant, fingerprint };
  }

  /** The answer with its receipt on the log; `undefined` when what it stood on has changed. */
  async #answered(
    caller: Caller,
    document: ExpensesQuestion,
    basis: Basis,
  ): Promise<ExpensesRow | undefined> {
    const { subject, permit, epoch, recordEpoch, participant, fingerprint } = basis;
    const instance = this.#instance;
    const question = questionHash(document);
    const earlier = this.#rows.expenses(this.#view(), subject.key, question);
    const made = earlier === undefined ? await this.#attested(caller, document, question, basis) : undefined;
    const row = earlier ?? made?.row;
    if (row === undefined) return undefined;
    const isShown = await discloseTo(
      instance,
      {
        subject,
        permits: [permit, ...(made?.permits ?? [])],
        epoch,
        recordEpoch,
        also: (now) => {
          const { rows } = instance.certification;
          if (!rows.certificateNow(participant, fingerprint, instance.nowMs(), now).ok) throw new Overtaken();
          if (made === undefined) return { drafts: [], writes: [] };
          // Somebody put the same question meanwhile, and has the answer.
          if (this.#rows.expenses(now, subject.key, question) !== undefined) throw new Overtaken();
          const asked = askedOnce(this.#rows.questions(now, subject.key, caller.clientId), instance.nowMs());
          const commitment = commitmentOf(bytesOf(row.salt), Buffer.from(row.document, 'utf8'));
          return {
            drafts: [
              {
                type: 'claim.attested',
                body: { handle: row.handle, commitment: commitment.toString('base64url') },
              },
            ],
            writes: [
              this.#rows.expensesWrite(subject.key, question, row),
              this.#rows.questionsWrite(subject.key, caller.clientId, asked),
            ],
          };
        },
      },
      {
        purpose: caller.purpose,
        to: bankOf(caller),
        interaction: 'expenses',
        type: 'Claim',
        records: row.records,
      },
    ).catch((error: unknown) => {
      if (error instanceof Overtaken) return false;
      throw error;
    });
    return isShown ? row : undefined;
  }

  async #attested(
    caller: Caller,
    { atLeast, currency, start, end }: ExpensesQuestion,
    question: string,
    { subject, decide }: Basis,
  ): Promise<{ readonly row: ExpensesRow; readonly permits: readonly Permitted[] }> {
    const instance = this.#instance;
    const bills: (PermittedRecord & { namesOf: (reference: string) => readonly string[] })[] = [];
    for await (const record of permittedRecords(instance, subject, decide, { types: EXPENSE_RECORD_TYPES }))
      bills.push({ ...record, namesOf: (reference) => namesOf(instance, record.card, reference) });
    const { says, counted } = judgeExpenses({ atLeast, currency, start, end }, bills);
    const at = instance.nowMs();
    const said: ExpensesDocument = {
      format: EXPENSES_FORMAT,
      to: bankOf(caller),
      purpose: caller.purpose,
      custodian: `Organization/${instance.sources.get(subject.source)?.custodian.id ?? ''}`,
      atLeast,
      currency,
      start,
      end,
      at,
      says,
      question,
    };
    return {
      row: {
        handle: randomBytes(32).toString('base64url'),
        salt: randomBytes(32).toString('base64url'),
        document: canonicalBytes(said as unknown as JsonObject).toString('utf8'),
        bank: caller.clientId,
        at,
        records: counted.map(({ handle }) => handle),
      },
      permits: counted.map(({ permit }) => permit),
    };
  }

  #view(): { get(key: string): Buffer | undefined } {
    const { store } = this.#instance;
    return { get: (key) => store.getSync(key) };
  }
}

/** What an answer stands on. */
interface Basis {
  readonly subject: Subject;
  readonly epoch: number;
  readonly recordEpoch: string;
  readonly permit: Permitted;
  readonly decide: ReturnType<typeof decider>;
  /** The patient's enrolment, and the certificate that signed. */
  readonly participant: string;
  readonly fingerprint: string;
}

/** The same question was answered meanwhile, or the patient's certificate ended. */
class Overtaken extends Error {}

function documentIn({ document }: ExpensesRow): ExpensesDocument {
  const read = readClaimDocument(Buffer.from(document, 'utf8'));
  if (read?.format !== EXPENSES_FORMAT) throw new Error('a kept attestation is none');
  return read;
}

function bankOf({ clientId }: Caller): string {
  return `Organization/${clientId}`;
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'base64url');
}
