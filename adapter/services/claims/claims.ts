/**
 * Claims: an insurer asks whether a claim's lines are borne out by the record, and gets a proof instead of the record.
 *
 * The patient's permission for this insurer and this claim is asked of the gate first; without it the answer is that
 * of a patient who does not exist. The receipt, the attestation and what was tried go on the log and into the store as
 * one batch, before anything leaves.
 */
import { hash, randomBytes } from 'node:crypto';
import { canonicalBytes } from '../../../ledger/log/index.js';
import { CLAIM_FORMAT, PROOF_MEDIA_TYPE } from '../../../ledger/proofs/index.js';
import type { AttestedLine, ClaimDocument } from '../../../ledger/proofs/index.js';
import { commitmentOf, openFact } from '../../../ledger/vault/index.js';
import { claimResponse, judgeClaim, openableFacts, parseJson, readClaim } from '../../../mappings/index.js';
import type { JudgedLine, ReadClaim } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type { OwnClaim, OwnClaimDetails, OwnClaimLine, OwnClaims } from '../../http/contract/index.js';
import type { Instance } from '../../instance/instance.js';
import type { Subject } from '../../instance/subjects.js';
import { discloseNothing, discloseTo } from '../disclosure.js';
import { Decoy, settleSince } from '../facade/index.js';
import type { Person } from '../people/index.js';
import { RecordLeaves } from '../proofs/record-leaves.js';
import type { Caller } from '../tokens/index.js';
import { Expenses } from './expenses.js';
import { evidenceFor } from './evidence.js';
import type { Evidence, EvidenceRecord } from './evidence.js';
import { missesLeft, triedOnce } from './limits.js';
import type { Tries } from './limits.js';
import { claimProof } from './proof.js';
import { CLAIM, ClaimRows } from './rows.js';
import type { ClaimedBefore, ClaimRow } from './rows.js';
import { newHandle } from '../../handle.js';

export interface ClaimsOptions {
  readonly instance: Instance;
  /** Address of the FHIR endpoint, without a slash at the end. */
  readonly baseUrl: () => string;
}

/** How often an answer is made anew because a consent or record changed under it. */
const ROUNDS_MAX = 8;
const PATIENT = /^Patient\/([A-Za-z0-9.-]{1,64})$/;
const TEXTS = {
  'no-claim': 'it holds no Claim and no ExplanationOfBenefit',
  'several-claims': 'one claim at a time',
  'too-many-lines': 'too many lines',
  malformed: 'an element is missing, or is not what FHIR says',
  'bad-date': 'that is no date',
  'reversed-dates': 'it ends before it begins',
  'overlapping-dates': 'two lines of one code overlap in part',
  'too-long': 'a longer time than anybody lives',
  'bad-code': 'a code without a system, or none of its system',
  'bad-amount': 'an amount that no bill has',
  'bad-currency': 'no currency of ISO 4217',
  'bad-quantity': 'a quantity that nothing has',
} as const;

export class Claims {
  readonly #options: ClaimsOptions;
  readonly #rows: ClaimRows;
  readonly #index: RecordLeaves;
  readonly #decoy = new Decoy();

  constructor(options: ClaimsOptions) {
    this.#options = options;
    const { store, engine, keys } = options.instance;
    this.#rows = new ClaimRows(keys.storage.indexKey);
    this.#index = new RecordLeaves(store, engine);
  }

  /**
   * Compares a claim with the record.
   *
   * @param body - A FHIR Claim or ExplanationOfBenefit, or a Bundle with one.
   * @returns A ClaimResponse, its proof file in it.
   * @throws AdapterError ADAPTER_FORBIDDEN for who is no payer; ADAPTER_UNPROCESSABLE for a claim that cannot be meant;
   * ADAPTER_NOT_FOUND for a patient who is unknown or permits nothing; ADAPTER_TOO_MANY_REQUESTS beyond the limits.
   */
  async submit(caller: Caller, body: Buffer): Promise<object> {
    const startedAt = performance.now();
    if (caller.group !== 'payer')
      throw new AdapterError('ADAPTER_FORBIDDEN', 'claims are for payers to ask about');
    const read = readClaim(parseJson(body), [this.#options.baseUrl()]);
    if (!read.ok) {
      const { code, expression } = read.refusal;
      throw new AdapterError('ADAPTER_UNPROCESSABLE', `${code}: ${TEXTS[code]}`, { expression });
    }
    const { instance } = this.#options;
    const id = PATIENT.exec(read.claim.patient)?.[1];
    const subject = id === undefined ? undefined : await instance.subjects.findByFacadeId(id);
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const evidence =
        subject === undefined ? undefined : await evidenceFor(instance, caller, subject, read.claim);
      if (evidence === undefined) {
        this.#decoy.work(instance.nowMs());
        const to = insurerOf(caller);
        await discloseNothing(instance, { purpose: caller.purpose, to, interaction: 'claim' });
        await settleSince(startedAt);
        throw new AdapterError('ADAPTER_NOT_FOUND', 'nothing of that name is to be had');
      }
      const answered = await this.#answer(caller, read.claim, body, evidence);
      if (answered !== undefined) return answered;
    }
    throw new AdapterError('ADAPTER_CONFLICT', 'the consents of this patient change too fast');
  }

  /** What a patient is told of claims on the own record. @throws AdapterError ADAPTER_FORBIDDEN for who is no patient. */
  async mine(person: Person): Promise<OwnClaims> {
    const subject = await this.#subjectOf(person);
    const { store } = this.#options.instance;
    const view = this.#view();
    const claims: OwnClaim[] = [];
    const prefix = `${CLAIM}${subject.key}/`;
    for await (const key of store.keys({ gte: prefix, lt: `${prefix}~` })) {
      const handle = key.slice(prefix.length);
      const row = this.#rows.claim(view, subject.key, handle);
      if (row !== undefined) claims.push(ownClaim(handle, row));
    }
    const tries: { to: string; since: number; answered: number; missed: number }[] = [];
    const of = this.#rows.triesPrefix(subject.key);
    for await (const key of store.keys({ gte: of, lt: `${of}~` })) {
      const insurer = key.slice(of.length);
      const one = this.#rows.tries(view, subject.key, insurer);
      if (one === undefined) continue;
      const { since, answered, missed } = one;
      tries.push({ to: `Organization/${insurer}`, since, answered, missed });
    }
    const expenses = await new Expenses(this.#options.instance).of(subject);
    return { claims: claims.toSorted((a, b) => b.at - a.at), expenses, tries };
  }

  /** One of them, with what of each line did not hold. @throws AdapterError ADAPTER_NOT_FOUND for another's, as for none. */
  async mineOne(person: Person, handle: string): Promise<OwnClaimDetails> {
    const subject = await this.#subjectOf(person);
    const row = this.#rows.claim(this.#view(), subject.key, handle);
    if (row === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such claim is in your account');
    const lines = row.lines.map(({ sequence, says, failed, open }) => ({
      sequence,
      finding: says,
      failed,
      open,
    }));
    return { ...ownClaim(handle, row), lines: lines as unknown as OwnClaimLine[] };
  }

  /** `undefined` when what it stood on has changed. */
  async #answer(
    caller: Caller,
    claim: ReadClaim,
    body: Buffer,
    evidence: Evidence,
  ): Promise<object | undefined> {
    const { instance } = this.#options;
    const { subject } = evidence;
    const content = hash('sha256', JSON.stringify(claim), 'base64url');
    const before = this.#rows.tries(this.#view(), subject.key, caller.clientId);
    const earlier = await this.#sameBefore(subject, caller.clientId, content, evidence);
    const made = earlier ?? this.#attested(caller, claim, body, content, evidence);
    const { handle, row, permits, records } = made;
    const isShown = await discloseTo(
      instance,
      {
        subject,
        permits: [evidence.permit, ...permits],
        epoch: evidence.epoch,
        recordEpoch: evidence.recordEpoch,
        ...(earlier === undefined
          ? {
              also: (now) => {
                // Somebody was faster: how many lines may still be answered is reckoned anew.
                const present = this.#rows.tries(now, subject.key, caller.clientId);
                if (JSON.stringify(present) !== JSON.stringify(before)) throw new Overtaken();
                // So is whether a line was claimed before, by whomever.
                for (const { nullifier, seen } of made.lines)
                  if (JSON.stringify(this.#rows.before(now, subject.key, nullifier)) !== JSON.stringify(seen))
                    throw new Overtaken();
                const tries = this.#tries(now, subject, caller, claim, row);
                const commitment = commitmentOf(bytesOf(row.salt), Buffer.from(row.document, 'utf8'));
                return {
                  drafts: [
                    {
                      type: 'claim.attested',
                      body: { handle, commitment: commitment.toString('base64url') },
                    },
                  ],
                  writes: [
                    this.#rows.claimWrite(subject.key, handle, row),
                    this.#rows.triesWrite(subject.key, caller.clientId, tries),
                    ...made.lines.map(({ nullifier, list }) =>
                      this.#rows.beforeWrite(subject.key, nullifier, list),
                    ),
                  ],
                };
              },
            }
          : {}),
      },
      {
        purpose: caller.purpose,
        to: insurerOf(caller),
        interaction: 'claim',
        type: claim.type,
        records,
        tried: (before?.answered ?? 0) + 1,
      },
    ).catch((error: unknown) => {
      if (error instanceof Overtaken) return false;
      throw error;
    });
    if (!isShown) return undefined;
    instance.hints.ofRecord(subject.key, 'claim-answered');
    return this.#response(subject, handle, row);
  }

  #tries(
    view: { get(key: string): Buffer | undefined },
    subject: Subject,
    caller: Caller,
    claim: ReadClaim,
    row: ClaimRow,
  ): Tries {
    const before = this.#rows.tries(view, subject.key, caller.clientId);
    return triedOnce(before, this.#options.instance.nowMs(), {
      claim: hash('sha256', claim.name, 'base64url').slice(0, 22),
      content: row.content.slice(0, 22),
      missed: row.lines.filter(({ says }) => says !== 'supported').length,
    });
  }

  /** The first answer to the same question, while the patient's records are the same. */
  async #sameBefore(
    subject: Subject,
    insurer: string,
    content: string,
    { recordEpoch, epoch }: Evidence,
  ): Promise<Made | undefined> {
    const { store } = this.#options.instance;
    const prefix = `${CLAIM}${subject.key}/`;
    for await (const key of store.keys({ gte: prefix, lt: `${prefix}~` })) {
      const handle = key.slice(prefix.length);
      const row = this.#rows.claim(this.#view(), subject.key, handle);
      const isSame =
        row?.insurer === insurer &&
        row.content === content &&
        row.recordEpoch === recordEpoch &&
        row.epoch === epoch;
      if (isSame)
        return { handle, row, permits: [], records: row.opened.map(({ record }) => record), lines: [] };
    }
    return undefined;
  }

  #attested(caller: Caller, claim: ReadClaim, body: Buffer, content: string, evidence: Evidence): Made {
    const { instance } = this.#options;
    const { subject, records } = evidence;
    const byHandle = new Map(records.map((record) => [record.handle, record]));
    const judged = judgeClaim(claim, records);
    const view = this.#view();
    const lines: AttestedLine[] = [];
    const told: ClaimRow['lines'][number][] = [];
    const opened = new Map<string, Map<string, ClaimRow['opened'][number]['facts'][number]>>();
    const repeated: number[] = [];
    const claimedLines: Made['lines'][number][] = [];
    let left = missesLeft(this.#rows.tries(view, subject.key, caller.clientId), instance.nowMs());
    for (const [i, finding] of judged.entries()) {
      const line = claim.lines[i];
      if (line === undefined) continue;
      // A long list of guesses gets no more answers than as many short ones.
      const { sequence, says, record, aspects } = left > 0 ? finding : notDecided(finding);
      if (says !== 'supported') left -= 1;
      const { codes, dates } = line;
      const said = { sequence, codes, start: dates?.start ?? null, end: dates?.end ?? null };
      const of = (truth: boolean | null): string[] =>
        [...aspects].filter(([, found]) => found === truth).map(([aspect]) => aspect);
      told.push({ sequence, says, failed: of(false), open: of(null) });
      const source = record === undefined || says !== 'supported' ? undefined : byHandle.get(record.handle);
      if (source === undefined) {
        lines.push({ ...said, says, record: null, opened: [], word: [], unjudged: [] });
        continue;
      }
      const facts = openableFacts(source, line, claim);
      const shown =
        opened.get(source.handle) ?? new Map<string, ClaimRow['opened'][number]['facts'][number]>();
      opened.set(source.handle, shown);
      for (const { name } of facts) shown.set(name, openedFact(source, name));
      lines.push({
        ...said,
        says,
        record: source.handle,
        opened: facts.map(({ name }) => name),
        word: of(true).filter((aspect) => !isShownBy(aspect, facts, dates !== undefined)),
        unjudged: of(null),
      });
      const nullifier = this.#rows.nullifier(subject.key, source.resourceKey, codes);
      const seen = this.#rows.before(view, subject.key, nullifier);
      // Only this insurer's claim of this name is the same claim: a bill may have been sent to two of them.
      const others = seen.filter((one) => one.by !== caller.clientId || one.claim !== claim.name);
      const isTwice = claimedLines.some((one) => one.nullifier === nullifier);
      const isTold = others.some(({ by }) => by === caller.clientId || evidence.coordinates);
      if (isTwice || isTold) repeated.push(sequence);
      if (!isTwice)
        claimedLines.push({ nullifier, seen, list: [...others, { by: caller.clientId, claim: claim.name }] });
    }
    const custodian = `Organization/${instance.sources.get(subject.source)?.custodian.id ?? ''}`;
    const document: ClaimDocument = {
      format: CLAIM_FORMAT,
      claim: claim.name,
      hash: hash('sha256', body, 'base64url'),
      to: insurerOf(caller),
      purpose: caller.purpose,
      custodian,
      provider: claim.provider,
      at: instance.nowMs(),
      lines,
      records: [...opened.keys()].map((handle) => ({
        handle,
        origin: byHandle.get(handle)?.card.signed === undefined ? 'received-from' : 'signed-by',
        by: custodian,
      })),
    };
    const row: ClaimRow = {
      salt: randomBytes(32).toString('base64url'),
      document: canonicalBytes(
        JSON.parse(JSON.stringify(document)) as Parameters<typeof canonicalBytes>[0],
      ).toString('utf8'),
      patient: claim.patient,
      insurer: caller.clientId,
      claim: claim.name,
      content,
      recordEpoch: evidence.recordEpoch,
      epoch: evidence.epoch,
      at: document.at,
      repeated,
      opened: [...opened].map(([record, facts]) => ({ record, facts: [...facts.values()] })),
      lines: told,
    };
    const used = [...opened.keys()];
    return {
      handle: newHandle(),
      row,
      permits: used.flatMap((handle) => byHandle.get(handle)?.permit ?? []),
      records: used,
      lines: claimedLines,
    };
  }

  async #response(subject: Subject, handle: string, row: ClaimRow): Promise<object> {
    const { instance } = this.#options;
    const bytes = await claimProof(instance, this.#index, handle, row);
    return claimResponse({
      id: Buffer.from(handle, 'base64url').toString('hex'),
      handle,
      atMs: row.at,
      patient: `Patient/${subject.facadeId}`,
      insurer: `Organization/${row.insurer}`,
      request: row.claim,
      lines: row.lines,
      repeated: row.repeated,
      proof: { type: PROOF_MEDIA_TYPE, bytes },
      origin: instance.identity.origin,
    });
  }

  #view(): { get(key: string): Buffer | undefined } {
    const { store } = this.#options.instance;
    return { get: (key) => store.getSync(key) };
  }

  async #subjectOf({ patient }: Person): Promise<Subject> {
    const { subjects } = this.#options.instance;
    const subject = patient === undefined ? undefined : await subjects.find(patient.subjectKey);
    if (subject === undefined)
      throw new AdapterError('ADAPTER_FORBIDDEN', 'only patients have a record of their own');
    return subject;
  }
}

/** Another claim of the same insurer and patient, or of the same line, was answered meanwhile. */
class Overtaken extends Error {}

/** An answer that is ready to be logged, or was before. */
interface Made {
  readonly handle: string;
  readonly row: ClaimRow;
  readonly permits: readonly Evidence['permit'][];
  /** Versions that it opens something of. */
  readonly records: readonly string[];
  readonly lines: readonly {
    readonly nullifier: string;
    /** Who had claimed it when the answer was made, and who has with it. */
    readonly seen: readonly ClaimedBefore[];
    readonly list: readonly ClaimedBefore[];
  }[];
}

function notDecided({ sequence }: JudgedLine): JudgedLine {
  return { sequence, says: 'undecidable', aspects: new Map() };
}

function openedFact(
  { salt, all }: EvidenceRecord,
  name: string,
): ClaimRow['opened'][number]['facts'][number] {
  const { leaf, index, count, proof } = openFact(salt, all, name);
  return { leaf: canonicalBytes({ ...leaf }).toString('base64url'), index, count, inclusion: proof };
}

/** Whether opened facts show an aspect, so that nobody's word is needed: both ends of the dates, or the one there is. */
function isShownBy(aspect: string, facts: ReturnType<typeof openableFacts>, isDated: boolean): boolean {
  const names = facts.filter((fact) => fact.aspect === aspect).map(({ name }) => name);
  if (aspect !== 'dates') return names.length > 0;
  return isDated && names.includes('start') && names.includes('end');
}

function ownClaim(handle: string, row: ClaimRow): OwnClaim {
  const count = (finding: string): number => row.lines.filter(({ says }) => says === finding).length;
  return {
    handle,
    at: row.at,
    to: `Organization/${row.insurer}`,
    claim: row.claim,
    supported: count('supported'),
    notSupported: count('not-supported'),
    undecidable: count('undecidable'),
  };
}

function insurerOf({ clientId }: Caller): string {
  return `Organization/${clientId}`;
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'base64url');
}
