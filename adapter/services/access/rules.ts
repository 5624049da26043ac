/**
 * Standing rules: what a patient says in advance to requests of some kind. A rule answers in the very batch in which the
 * hospital approves a request; a refusal wins over leave, and nothing that a rule does not cover is answered by it.
 */
import { ACCESS_RULE_END_KIND, ACCESS_RULE_KIND } from '../../http/contract/index.js';
import type { AccessRuleDocument, AccessRuleEndDocument, ShownRule } from '../../http/contract/index.js';
import { verifyDocument } from '../../../ledger/consent/index.js';
import { isErased } from '../../../ledger/custody/index.js';
import type { Appender, StateView } from '../../../ledger/custody/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { openRow, sealRow } from '../../../ledger/vault/index.js';
import { AdapterError } from '../../errors.js';
import { newHandle } from '../../handle.js';
import type { Subject, Subjects } from '../../instance/subjects.js';
import type { Logger } from '../../logger.js';
import { presentOf } from '../ca/index.js';
import type { CertifiedRows } from '../ca/index.js';
import { requireFresh, timeOf } from '../exceptional/documents.js';
import { notAllowed } from '../exceptional/signing.js';
import type { Representatives } from '../representatives/index.js';
import { readRule } from './rule-documents.js';
import type { SignedRule } from './rule-documents.js';
import type { AccessRow } from './rows.js';

export interface RulesOptions {
  readonly store: Store;
  readonly indexKey: Buffer;
  readonly appender: () => Appender;
  readonly certified: CertifiedRows;
  readonly representatives: Representatives;
  readonly subjects: () => Subjects;
  readonly origin: string;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

/** A rule as it is kept, with the signature that it stands on. */
export interface RuleRow {
  readonly handle: string;
  readonly madeAt: number;
  /** Handle of who signed. */
  readonly signer: string;
  readonly signed: SignedRule<AccessRuleDocument>;
  readonly ended?: { readonly at: number; readonly signed: SignedRule<AccessRuleEndDocument> };
}

/** What a rule says to a request. */
export interface RuleAnswer {
  readonly rule: RuleRow;
  readonly outcome: 'approved' | 'refused';
  /** Of what was asked for. */
  readonly types?: readonly string[];
  /** ISO 8601. */
  readonly until?: string;
}

export interface RuleOutcome {
  readonly id: string;
  readonly state: 'in-force' | 'ended';
  readonly outcome: 'taken' | 'known';
}

interface Signer {
  readonly subject: Subject;
  readonly participant: string;
  readonly fingerprint: string;
}

type View = Pick<StateView, 'get'>;

const RULES = 'access-rules/';
/** Rules of one patient, the ended ones too: each approval by the hospital reads them all. */
const RULES_MAX = 200;

/** Row of one patient's rules. */
export function rulesRowKey(subjectKey: string): string {
  return RULES + subjectKey;
}

export class AccessRules {
  readonly #options: RulesOptions;

  constructor(options: RulesOptions) {
    this.#options = options;
  }

  /** All of one patient, the newest first. */
  of(subjectKey: string, view: View = { get: (key) => this.#options.store.getSync(key) }): RuleRow[] {
    const key = rulesRowKey(subjectKey);
    const row = view.get(key);
    return row === undefined
      ? []
      : (JSON.parse(openRow(this.#options.indexKey, key, row).toString('utf8')) as RuleRow[]);
  }

  /** As the patient sees them. */
  shown(subjectKey: string): ShownRule[] {
    return this.of(subjectKey).map((rule) => this.#show(rule));
  }

  /**
   * Takes a rule, or the end of one: signed by the patient, or by who decides for the patient.
   *
   * @param body - JSON `{document, jws}`.
   * @throws AdapterError ADAPTER_UNPROCESSABLE; ADAPTER_NOT_FOUND for who does not speak for such a patient, and where
   * there is no such rule; ADAPTER_CONFLICT when there are too many.
   */
  async take(body: Buffer): Promise<RuleOutcome> {
    const { appender, nowMs, origin, logger } = this.#options;
    const signed = readRule(body);
    const by = await this.#signerOf(signed);
    if (by === undefined) throw unknown();
    const known = this.of(by.subject.key).find((rule) => isSame(rule, signed));
    if (known !== undefined) return { id: known.handle, state: this.#stateOf(known), outcome: 'known' };
    requireFresh(signed.document, origin, nowMs());
    const outcome = await appender().writeRows<RuleOutcome>((view) => {
      const { certified, representatives } = this.#options;
      const judged = certified.certificateNow(by.participant, by.fingerprint, nowMs(), view);
      if (!judged.ok) throw notAllowed(logger, judged.code);
      if (isErased(view, by.subject.key)) throw unknown();
      if (representatives.actsFor(by.subject.key, by, 'decide', view) === undefined) throw unknown();
      const rules = this.of(by.subject.key, view);
      const again = rules.find((rule) => isSame(rule, signed));
      if (again !== undefined)
        return { writes: [], value: { id: again.handle, state: this.#stateOf(again), outcome: 'known' } };
      return isRule(signed)
        ? this.#made(by, signed, rules)
        : this.#ended(by, signed as SignedRule<AccessRuleEndDocument>, rules);
    });
    logger.info('access rule', { id: outcome.id, state: outcome.state });
    return outcome;
  }

  /**
   * What the patient's rules say to a request that the hospital has just approved; `undefined` where they say nothing.
   *
   * @param row - As the hospital has narrowed it.
   */
  answerTo(row: AccessRow, view: View): RuleAnswer | undefined {
    const { subjectKey } = row;
    if (subjectKey === undefined) return undefined;
    const now = this.#options.nowMs();
    const matching = this.of(subjectKey, view).filter(
      (rule) => this.#stateOf(rule) === 'in-force' && isAbout(rule, row),
    );
    const refusing = matching.find(({ signed }) => signed.document.answer === 'refuse');
    if (refusing !== undefined) return { rule: refusing, outcome: 'refused' };
    for (const rule of matching) {
      const { types = [], until = '' } = rule.signed.document;
      const granted = row.types.filter((type) => types.includes(type));
      const endMs = Math.min(row.endMs, timeOf(until));
      // It covers none of what is asked for, or not its time: the patient is asked.
      if (granted.length === 0 || endMs <= Math.max(now, row.asked.startMs)) continue;
      if (!this.#stillSpeaks(subjectKey, rule, view)) continue;
      return {
        rule,
        outcome: 'approved',
        ...(granted.length === row.types.length ? {} : { types: granted }),
        ...(endMs === row.endMs ? {} : { until: new Date(endMs).toISOString() }),
      };
    }
    return undefined;
  }

  /** Rows that end all rules of a patient: of an enrolment that has ended. */
  endAllWrites(subjectKey: string): StoreWrite[] {
    return [{ type: 'del', key: rulesRowKey(subjectKey) }];
  }

  #made(
    { subject, participant }: Signer,
    signed: SignedRule<AccessRuleDocument>,
    rules: readonly RuleRow[],
  ): { writes: StoreWrite[]; value: RuleOutcome } {
    if (rules.length >= RULES_MAX)
      throw new AdapterError('ADAPTER_CONFLICT', `a patient has at most ${RULES_MAX} rules`);
    const rule: RuleRow = { handle: newHandle(), madeAt: this.#options.nowMs(), signer: participant, signed };
    const value = { id: rule.handle, state: 'in-force', outcome: 'taken' } as const;
    return { writes: [this.#put(subject.key, [rule, ...rules])], value };
  }

  #ended(
    { subject }: Signer,
    signed: SignedRule<AccessRuleEndDocument>,
    rules: readonly RuleRow[],
  ): { writes: StoreWrite[]; value: RuleOutcome } {
    const id = signed.document.rule;
    const rule = rules.find(({ handle }) => handle === id);
    if (rule === undefined) throw unknown();
    if (rule.ended !== undefined) return { writes: [], value: { id, state: 'ended', outcome: 'known' } };
    const ended = { ...rule, ended: { at: this.#options.nowMs(), signed } };
    const next = rules.map((one) => (one === rule ? ended : one));
    return { writes: [this.#put(subject.key, next)], value: { id, state: 'ended', outcome: 'taken' } };
  }

  #put(subjectKey: string, rules: readonly RuleRow[]): StoreWrite {
    const key = rulesRowKey(subjectKey);
    return {
      type: 'put',
      key,
      value: sealRow(this.#options.indexKey, key, Buffer.from(JSON.stringify(rules), 'utf8')),
    };
  }

  async #signerOf({ document, jws }: SignedRule<object>): Promise<Signer | undefined> {
    const { certified, representatives, subjects } = this.#options;
    const { patient, signer } = document as AccessRuleDocument;
    const subject = await subjects().findByFacadeId(patient.slice('Patient/'.length));
    const found = certified.get(signer);
    if (subject === undefined || found === undefined) return undefined;
    const { publicKey, fingerprint } = presentOf(found);
    if (verifyDocument(document as JsonObject, jws, publicKey, fingerprint) !== 'ok') return undefined;
    const by = { subject, participant: found.handle, fingerprint };
    return representatives.actsFor(subject.key, by, 'decide') === undefined ? undefined : by;
  }

  /** Whether who gave leave could give it today; a refusal outlives a lost key. */
  #stillSpeaks(subjectKey: string, { signer }: RuleRow, view: View): boolean {
    const { certified, representatives } = this.#options;
    const found = certified.get(signer, view);
    if (found === undefined) return false;
    const { fingerprint } = presentOf(found);
    return (
      representatives.actsFor(subjectKey, { participant: signer, fingerprint }, 'decide', view) !== undefined
    );
  }

  #stateOf({ ended, signed: { document } }: RuleRow): ShownRule['state'] {
    if (ended !== undefined) return 'ended';
    const isOver = document.until !== undefined && timeOf(document.until) <= this.#options.nowMs();
    return isOver ? 'ended' : 'in-force';
  }

  #show(rule: RuleRow): ShownRule {
    const { answer, group, requester, purpose, types, until } = rule.signed.document;
    return {
      id: rule.handle,
      state: this.#stateOf(rule),
      answer,
      ...(group === undefined ? {} : { group }),
      ...(requester === undefined ? {} : { requester }),
      ...(purpose === undefined ? {} : { purpose }),
      ...(types === undefined ? {} : { types }),
      ...(until === undefined ? {} : { until }),
      madeAt: new Date(rule.madeAt).toISOString(),
    };
  }
}

function isRule(
  signed: SignedRule<AccessRuleDocument | AccessRuleEndDocument>,
): signed is SignedRule<AccessRuleDocument> {
  return signed.document.kind === ACCESS_RULE_KIND;
}

function isSame({ signed, ended }: RuleRow, given: SignedRule<{ readonly kind: string }>): boolean {
  const kept = given.document.kind === ACCESS_RULE_END_KIND ? ended?.signed : signed;
  return kept?.jws === given.jws;
}

function isAbout({ signed: { document } }: RuleRow, { requester, asked }: AccessRow): boolean {
  if (document.group !== undefined && document.group !== requester.group) return false;
  if (document.requester !== undefined && document.requester !== requester.id) return false;
  return document.purpose === undefined || document.purpose === asked.purpose;
}

/** The same whether there is no such patient or rule, or it is somebody else's. */
function unknown(): AdapterError {
  return new AdapterError('ADAPTER_NOT_FOUND', 'no such patient or rule');
}
