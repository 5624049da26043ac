/** What is kept of claims, sealed: attestations, tries, and which lines were claimed before. */
import { createHmac } from 'node:crypto';
import type { StoreWrite } from '../../../ledger/store.js';
import { openRow, sealRow } from '../../../ledger/vault/index.js';
import type { Questions, Tries } from './limits.js';

/** `claim/` subject `/` handle. */
export const CLAIM = 'claim/';
/** `claim-tries/` subject `/` insurer. */
const TRIES = 'claim-tries/';
/** `claim-line/` subject `/` nullifier. */
const LINE = 'claim-line/';

/** `claim-expenses/` subject `/` hash of the signed question. */
export const EXPENSES = 'claim-expenses/';
/** `claim-questions/` subject `/` bank. */
const QUESTIONS = 'claim-questions/';

/** Before the patient's own name, all rows of claims; attestations first. */
export const CLAIM_PREFIXES = [CLAIM, TRIES, LINE, EXPENSES, QUESTIONS] as const;

/** An answered question about expenses. */
export interface ExpensesRow {
  readonly handle: string;
  /** base64url, 32 bytes; and the document that the log commits to. */
  readonly salt: string;
  readonly document: string;
  readonly bank: string;
  readonly at: number;
  /** Handles of the records that were added up; for the patient alone. */
  readonly records: readonly string[];
}

/** An attestation. */
export interface ClaimRow {
  /** base64url, 32 bytes; and the document that the log commits to. */
  readonly salt: string;
  readonly document: string;
  readonly patient: string;
  readonly insurer: string;
  readonly claim: string;
  readonly content: string;
  /** Of the patient's records when it was made. */
  readonly recordEpoch: string;
  /** Of the patient's consents: another word of the patient may permit more, or less. */
  readonly epoch: number;
  readonly at: number;
  readonly repeated: readonly number[];
  /** Facts that are opened, by the handle of their record; bytes as base64url. */
  readonly opened: readonly {
    readonly record: string;
    readonly facts: readonly {
      readonly leaf: string;
      readonly index: number;
      readonly count: number;
      readonly inclusion: readonly string[];
    }[];
  }[];
  /** For the patient alone. */
  readonly lines: readonly {
    readonly sequence: number;
    readonly says: string;
    readonly failed: readonly string[];
    readonly open: readonly string[];
  }[];
}

/** Who claimed a line before, and in which claim. */
export interface ClaimedBefore {
  readonly by: string;
  readonly claim: string;
}

interface View {
  get(key: string): Buffer | undefined;
}

export class ClaimRows {
  readonly #key: Buffer;

  /** @param indexKey - Seals the rows, and keys the names of lines. */
  constructor(indexKey: Buffer) {
    this.#key = indexKey;
  }

  claim(view: View, subjectKey: string, handle: string): ClaimRow | undefined {
    return this.#read<ClaimRow>(view, `${CLAIM}${subjectKey}/${handle}`);
  }

  claimWrite(subjectKey: string, handle: string, row: ClaimRow): StoreWrite {
    return this.#write(`${CLAIM}${subjectKey}/${handle}`, row);
  }

  tries(view: View, subjectKey: string, insurer: string): Tries | undefined {
    return this.#read<Tries>(view, `${TRIES}${subjectKey}/${insurer}`);
  }

  triesWrite(subjectKey: string, insurer: string, tries: Tries): StoreWrite {
    return this.#write(`${TRIES}${subjectKey}/${insurer}`, tries);
  }

  triesPrefix(subjectKey: string): string {
    return `${TRIES}${subjectKey}/`;
  }

  expenses(view: View, subjectKey: string, question: string): ExpensesRow | undefined {
    return this.#read<ExpensesRow>(view, `${EXPENSES}${subjectKey}/${question}`);
  }

  expensesWrite(subjectKey: string, question: string, row: ExpensesRow): StoreWrite {
    return this.#write(`${EXPENSES}${subjectKey}/${question}`, row);
  }

  questions(view: View, subjectKey: string, bank: string): Questions | undefined {
    return this.#read<Questions>(view, `${QUESTIONS}${subjectKey}/${bank}`);
  }

  questionsWrite(subjectKey: string, bank: string, questions: Questions): StoreWrite {
    return this.#write(`${QUESTIONS}${subjectKey}/${bank}`, questions);
  }

  before(view: View, subjectKey: string, nullifier: string): readonly ClaimedBefore[] {
    return this.#read<ClaimedBefore[]>(view, `${LINE}${subjectKey}/${nullifier}`) ?? [];
  }

  beforeWrite(subjectKey: string, nullifier: string, list: readonly ClaimedBefore[]): StoreWrite {
    return this.#write(`${LINE}${subjectKey}/${nullifier}`, list);
  }

  /** Names a line by the record that it rests on and its codes: only who has the key can tell which. */
  nullifier(subjectKey: string, resourceKey: string, codes: readonly string[]): string {
    return createHmac('sha256', this.#key)
      .update(JSON.stringify(['firebreak/claim-line/v1', subjectKey, resourceKey, codes]))
      .digest('base64url');
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- a row is of the kind that its prefix says
  #read<T>(view: View, key: string): T | undefined {
    const row = view.get(key);
    return row === undefined ? undefined : (JSON.parse(openRow(this.#key, key, row).toString('utf8')) as T);
  }

  #write(key: string, value: object): StoreWrite {
    return { type: 'put', key, value: sealRow(this.#key, key, Buffer.from(JSON.stringify(value), 'utf8')) };
  }
}
