/**
 * Access requests: asked for by a certified organisation, approved by the custodian and then by the patient, in force until
 * one of them or the clock ends it. Each step is signed, judged by its certificate at that very leaf, and on the log.
 */
import { createHash } from 'node:crypto';
import { accessStep, isOver } from '../../../ledger/access/index.js';
import type { AccessActor, AccessEvent, AccessState } from '../../../ledger/access/index.js';
import { documentBytes, verifyDocument } from '../../../ledger/consent/index.js';
import type { Policy } from '../../../ledger/consent/index.js';
import {
  consentEpoch,
  consentEpochWrite,
  consentsLostAt,
  consentStatusWrite,
  isErased,
} from '../../../ledger/custody/index.js';
import type { Appender, ControlStaged, StateView } from '../../../ledger/custody/index.js';
import type { JsonObject } from '../../../ledger/log/index.js';
import type { Store, StoreWrite } from '../../../ledger/store.js';
import { mark } from '../../../ledger/vault/index.js';
import type { InstanceKeys } from '../../../ledger/vault/index.js';
import { AdapterError } from '../../errors.js';
import type { Sources } from '../../instance/sources.js';
import type { Subject, Subjects } from '../../instance/subjects.js';
import type { Logger } from '../../logger.js';
import { presentOf } from '../ca/index.js';
import type { Certified, CertifiedRows } from '../ca/index.js';
import { evidenceOf, signedPolicy } from '../exceptional/context.js';
import { requireFresh, timeOf, unfit } from '../exceptional/documents.js';
import { notAllowed } from '../exceptional/signing.js';
import { settleSince } from '../facade/index.js';
import type { Representatives } from '../representatives/index.js';
import type { FeedItem, Notice, Notices } from '../notices/index.js';
import { GROUP_PURPOSES, RateLimiter } from '../tokens/index.js';
import { readDecision } from './decision.js';
import type { DecisionDocument, SignedDecision } from './decision.js';
import { accessPolicies, AccessRows } from './rows.js';
import { AccessRules } from './rules.js';
import type { AccessRow, DecisionRow, Requester } from './rows.js';
import { askedBy, readSignedTask } from './task.js';
import type { AskedAccess } from './task.js';
import { newHandle } from '../../handle.js';

export interface AccessOptions {
  readonly store: Store;
  readonly keys: InstanceKeys;
  readonly appender: () => Appender;
  readonly certified: CertifiedRows;
  /** Who acts for a patient. */
  readonly representatives: Representatives;
  readonly subjects: () => Subjects;
  readonly sources: () => Sources;
  readonly notices: Notices;
  /** Origin of the log. */
  readonly origin: string;
  /** Fingerprint of the instance's certificate: it signs for the custodians. */
  readonly fingerprint: () => string;
  /** An unanswered request is over after so long. */
  readonly answerMs: number;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

/** What became of a request or decision. */
export interface AccessOutcome {
  readonly id: string;
  readonly state: AccessState;
  readonly outcome: 'taken' | 'known';
}

/** Who signed something, and for whom it may speak. */
interface SignerRole {
  readonly certified: Certified;
  readonly fingerprint: string;
  readonly actor: AccessActor;
  /** It was in force when it was used, in a batch before. */
  readonly isJudged?: true;
}

interface Staged {
  readonly row: AccessRow;
  readonly told: readonly FeedItem[];
}

type Told = Notice & { readonly participant: string };

const EVENTS = { approved: 'approve', refused: 'refuse', ended: 'end' } as const satisfies Record<
  DecisionDocument['outcome'],
  AccessEvent
>;

export class AccessRequests {
  readonly rows: AccessRows;
  /** What patients say in advance. */
  readonly rules: AccessRules;
  readonly #options: AccessOptions;
  readonly #byRequester = new RateLimiter({ perSecond: 1, burst: 100 });

  constructor(options: AccessOptions) {
    this.#options = options;
    const { indexKey } = options.keys.storage;
    this.rows = new AccessRows(options.store, indexKey);
    this.rules = new AccessRules({ ...options, indexKey });
  }

  /**
   * Takes a request. Whether there is such a patient, the answer does not tell.
   *
   * @param body - JSON `{document: Task, jws}`, signed by the requester's certified key.
   * @throws AdapterError ADAPTER_UNPROCESSABLE naming the element, ADAPTER_FORBIDDEN for a signer who may not ask for
   * this, ADAPTER_TOO_MANY_REQUESTS; LedgerError as appending does.
   */
  async ask(body: Buffer): Promise<AccessOutcome> {
    const startedAt = performance.now();
    const { keys, nowMs, origin, logger, store, subjects, sources } = this.#options;
    const signed = readSignedTask(body);
    const asked = askedBy(signed.document);
    const requester = await this.#requester(signed.document as unknown as JsonObject, signed.jws, asked);
    const known = `access-document/${mark(keys.storage.markKey, 'access request', signed.jws)}`;
    const before = this.rows.get(store.getSync(known)?.toString('latin1') ?? '');
    if (before !== undefined) return this.#outcome(before, 'known');
    requireFresh({ log: origin, at: new Date(asked.authoredMs).toISOString() }, origin, nowMs());
    if (asked.endMs <= nowMs()) throw unfit('the period is over already', 'Task.input');
    if (this.#byRequester.take(requester.id, nowMs()) > 0)
      throw new AdapterError('ADAPTER_TOO_MANY_REQUESTS', 'too many requests of one requester');
    const found = await subjects().findByFacadeId(asked.patient.slice('Patient/'.length));
    const custodian = found === undefined ? undefined : sources().get(found.source)?.custodian;
    // Of a custodian that does not keep the record nothing can be asked: as if there were no such patient.
    const subject = custodian?.id === asked.custodian ? found : undefined;
    const handle = newHandle();
    const { evidence, commitment } = evidenceOf(signed);
    const { value } = await this.#options
      .appender()
      .appendControl<Staged | string>(subject === undefined ? {} : { subject }, (view) => {
        const taken = view.get(known)?.toString('latin1');
        if (taken !== undefined) return { drafts: [], writes: [], value: taken };
        const now = nowMs();
        this.#requireCertified(requester.participant, requester.fingerprint, view);
        const row: AccessRow = {
          handle,
          ...(subject === undefined ? {} : { subjectKey: subject.key, source: subject.source }),
          task: signed.document,
          taskHash: taskHashOf(signed.document as unknown as JsonObject),
          asked,
          requester,
          requestedAt: now,
          answerBy: now + this.#options.answerMs,
          declared: evidence,
          state: 'requested',
          types: asked.types,
          endMs: asked.endMs,
          decisions: [],
        };
        const staged = this.#options.notices.prepare(
          view,
          subject === undefined || custodian === undefined
            ? []
            : [{ participant: custodian.participant, kind: 'access-requested', id: handle }],
        );
        return {
          drafts: [{ type: 'access.requested', body: { handle, commitment } }],
          writes: [
            ...this.rows.writes(row),
            { type: 'put', key: known, value: Buffer.from(handle, 'latin1') },
            {
              type: 'put',
              key: this.#askingKey(requester.participant, asked.patient),
              value: Buffer.from(handle),
            },
            ...staged.writes,
          ],
          value: { row, told: staged.items },
        };
      });
    if (typeof value === 'string') return { id: value, state: 'requested', outcome: 'known' };
    this.#options.notices.told(value.told);
    logger.info('access requested', { id: handle, group: requester.group });
    // Telling a custodian takes its time; where there is no such patient, nobody is told.
    await settleSince(startedAt);
    return this.#outcome(value.row, 'taken');
  }

  /**
   * Takes a signed decision: the custodian's, by its organisation's key or a person's of it; the patient's; or the
   * requester's, who gives up.
   *
   * @param body - JSON `{document, jws}`: see {@link DecisionDocument}.
   * @throws AdapterError ADAPTER_UNPROCESSABLE; ADAPTER_NOT_FOUND for who has no part in such a request;
   * ADAPTER_CONFLICT where it is not this actor's turn, or all is over.
   */
  async decide(body: Buffer): Promise<AccessOutcome> {
    const startedAt = performance.now();
    const { nowMs, origin, logger } = this.#options;
    const signed = readDecision(body);
    const { document } = signed;
    const row = this.rows.get(document.request);
    const role = await this.#roleOf(row, signed);
    if (row === undefined || role === undefined) {
      logger.warn('decision refused', { reason: row === undefined ? 'unknown-request' : 'signer' });
      await settleSince(startedAt);
      throw unknown();
    }
    const again = row.decisions.some(({ evidence }) => isSame(evidence.bytes, signed));
    if (again) return this.#outcome(row, 'known');
    requireFresh(document, origin, nowMs());
    if (document.task !== row.taskHash) throw unfit('another request was decided on', 'document.task');
    return this.#append(row, role, EVENTS[document.outcome], { signed, document });
  }

  /**
   * The custodian's decision by the operator of the instance, which signs for the custodians that it serves.
   *
   * @param by - The person who decides, as they give their name; kept with the decision.
   */
  async decideAsCustodian(
    handle: string,
    outcome: DecisionDocument['outcome'],
    by: string,
    narrowing: Pick<DecisionDocument, 'types' | 'until'> = {},
  ): Promise<AccessOutcome> {
    const row = this.rows.get(handle);
    if (row?.subjectKey === undefined) throw unknown();
    const document = { outcome, request: handle, task: row.taskHash, by, ...narrowing };
    const signed = signedPolicy(this.#options, document);
    return this.#append(row, undefined, EVENTS[outcome], { signed, document });
  }

  /** Those that concern a participant: the own ones, those of the own records, those to be decided as custodian. */
  async concerning(who: {
    readonly participant: string;
    readonly organisation?: string;
    readonly subjectKey?: string;
  }): Promise<AccessRow[]> {
    const found: AccessRow[] = [];
    if (who.subjectKey !== undefined) {
      // The custodian comes first: what it has not approved, the patient does not see.
      for (const row of await this.rows.ofSubject(who.subjectKey))
        if (row.decisions.some(({ by, outcome }) => by === 'custodian' && outcome === 'approved'))
          found.push(row);
    } else {
      for await (const row of this.rows.all())
        if (row.requester.participant === who.participant || this.#custodianOf(row) === who.organisation)
          found.push(row);
    }
    return found.toSorted((a, b) => b.requestedAt - a.requestedAt);
  }

  /** All, for the operator; those of nobody's record left out. */
  async list(): Promise<AccessRow[]> {
    const found: AccessRow[] = [];
    for await (const row of this.rows.all()) if (row.subjectKey !== undefined) found.push(row);
    return found.toSorted((a, b) => b.requestedAt - a.requestedAt);
  }

  /**
   * Whether a participant's latest request about a patient is not over: who named the patient is told that it may not read,
   * and all others that there is nothing.
   *
   * @param patient - `Patient/…`, of this server or not: a request is held either way.
   */
  isAsking(participant: string, patient: string): boolean {
    const handle = this.#options.store.getSync(this.#askingKey(participant, patient))?.toString('latin1');
    const row = handle === undefined ? undefined : this.rows.get(handle);
    return row !== undefined && !isOver(this.stateOf(row));
  }

  #askingKey(participant: string, patient: string): string {
    return `access-asking/${mark(this.#options.keys.storage.markKey, 'access asking', participant, patient)}`;
  }

  /** The state as of now: the clock ends what nobody ended. */
  stateOf({ state, answerBy, endMs }: AccessRow): AccessState {
    if (isOver(state)) return state;
    const now = this.#options.nowMs();
    const isLate = state === 'in-force' ? endMs < now : answerBy < now || endMs < now;
    const step = accessStep(state, 'time-out', 'clock');
    return isLate && step.ok ? step.state : state;
  }

  /** The policies of a patient's requests that are in force; those before an unlinking are not, ended or not. */
  async policies(subjectKey: string): Promise<Policy[]> {
    const rows = await this.rows.ofSubject(subjectKey);
    const lostAt = consentsLostAt({ get: (key) => this.#options.store.getSync(key) }, subjectKey);
    return rows.flatMap((row) =>
      this.stateOf(row) === 'in-force' && (row.version ?? 0) > lostAt ? accessPolicies(row) : [],
    );
  }

  /**
   * Ends what a patient approved, and the patient's rules, for a patient who has ended the enrolment.
   *
   * @param signed - The document by which it was ended: it is the evidence of each end.
   */
  async endAllOf(subjectKey: string, participant: string, signed: object): Promise<void> {
    const certified = this.#options.certified.get(participant);
    if (certified === undefined) return;
    const role: SignerRole = { certified, fingerprint: '', actor: 'patient', isJudged: true };
    await this.#options.appender().writeRows(() => ({
      writes: this.rules.endAllWrites(subjectKey),
      value: undefined,
    }));
    for (const row of await this.rows.ofSubject(subjectKey)) {
      if (this.stateOf(row) !== 'in-force') continue;
      try {
        await this.#append(row, role, 'end', { signed, document: { outcome: 'ended' } });
      } catch (error) {
        // Somebody else ended it, or time did.
        if (!(error instanceof AdapterError && error.code === 'ADAPTER_CONFLICT')) throw error;
      }
    }
  }

  /** @param role - Of who signed; absent for the operator, who is the custodian. */
  async #append(
    { handle, subjectKey }: AccessRow,
    role: SignerRole | undefined,
    event: AccessEvent,
    {
      signed,
      document,
    }: { readonly signed: object; readonly document: Pick<DecisionDocument, 'outcome' | 'types' | 'until'> },
  ): Promise<AccessOutcome> {
    const { subjects, notices, nowMs, appender } = this.#options;
    const actor = role?.actor ?? 'custodian';
    const subject = subjectKey === undefined ? undefined : await subjects().find(subjectKey);
    const { evidence, commitment } = evidenceOf(signed);
    const stage = (view: StateView): ControlStaged<Staged> => {
      const row = this.rows.get(handle, view);
      if (row === undefined || (subjectKey !== undefined && isErased(view, subjectKey))) throw unknown();
      if (role !== undefined && role.isJudged !== true)
        this.#requireCertified(role.certified.handle, role.fingerprint, view);
      // By a representative too, whose appointment may have ended since.
      if (role?.actor === 'patient' && role.isJudged !== true && !this.#speaksFor(subjectKey, role, view))
        throw notAllowed(this.#options.logger, 'not-the-patient');
      const step = accessStep(this.stateOf(row), event, actor);
      if (!step.ok) throw new AdapterError('ADAPTER_CONFLICT', CONFLICTS[step.code]);
      const by = actor as DecisionRow['by'];
      const signer = role?.certified.handle ?? 'operator';
      const decision: DecisionRow = { by, outcome: document.outcome, at: nowMs(), signer, evidence };
      const next: AccessRow = {
        ...row,
        ...narrowed(row, document),
        state: step.state,
        decisions: [...row.decisions, decision],
      };
      const ruled = step.state === 'custodian-approved' ? this.#ruled(next, view) : undefined;
      const bodies = [{ handle, by, outcome: document.outcome, commitment }, ...(ruled?.bodies ?? [])];
      const { after, writes } = this.#effect(view, ruled?.row ?? next, row.state);
      const staged = notices.prepare(view, this.#toBeTold(after, subject, view));
      return {
        drafts: bodies.map((body) => ({ type: 'access.decided', body })),
        writes: [...this.rows.writes(after), ...writes, ...staged.writes],
        value: { row: after, told: staged.items },
      };
    };
    const { value } = await appender().appendControl(subject === undefined ? {} : { subject }, stage);
    notices.told(value.told);
    return this.#outcome(value.row, 'taken');
  }

  /** A request that the hospital has just approved, as a rule of the patient answers it: in the same batch. */
  #ruled(
    row: AccessRow,
    view: StateView,
  ):
    | {
        readonly row: AccessRow;
        readonly bodies: readonly {
          readonly handle: string;
          readonly by: 'patient';
          readonly outcome: 'approved' | 'refused';
          readonly commitment: string;
        }[];
      }
    | undefined {
    const answer = this.rules.answerTo(row, view);
    if (answer === undefined) return undefined;
    const { rule, outcome, ...narrowing } = answer;
    const { handle, taskHash: task } = row;
    const step = accessStep(row.state, EVENTS[outcome], 'patient');
    if (!step.ok) return undefined;
    // What the patient signed, and to what it was applied.
    const { evidence, commitment } = evidenceOf({ rule: rule.signed, request: handle, task, ...narrowing });
    const by = 'patient';
    const decision = {
      by,
      outcome,
      at: this.#options.nowMs(),
      signer: rule.signer,
      evidence,
      rule: rule.handle,
    } as const;
    return {
      row: {
        ...row,
        ...narrowed(row, narrowing),
        state: step.state,
        decisions: [...row.decisions, decision],
      },
      bodies: [{ handle, by, outcome, commitment }],
    };
  }

  /** What coming into force, or ending, means to the gate: whatever was decided before is decided anew. */
  #effect(view: StateView, row: AccessRow, before: AccessState): { after: AccessRow; writes: StoreWrite[] } {
    const { subjectKey, handle } = row;
    if (subjectKey === undefined) return { after: row, writes: [] };
    if (row.state === 'in-force') {
      const version = consentEpoch(view, subjectKey) + 1;
      return {
        after: { ...row, version },
        writes: [
          consentEpochWrite(subjectKey, version),
          consentStatusWrite(handle, { version, status: 'in-force' }),
        ],
      };
    }
    if (before !== 'in-force' || row.version === undefined) return { after: row, writes: [] };
    return {
      after: row,
      writes: [
        consentEpochWrite(subjectKey, consentEpoch(view, subjectKey) + 1),
        consentStatusWrite(handle, { version: row.version, status: 'withdrawn' }),
      ],
    };
  }

  #toBeTold(row: AccessRow, subject: Subject | undefined, view: StateView): Told[] {
    const { handle: id, requester, state } = row;
    const custodian = this.#options.sources().get(row.source ?? '')?.custodian.participant;
    const wallet = subject?.wallet?.participant;
    const kind =
      state === 'custodian-approved' ? 'access-requested' : isOver(state) ? 'access-ended' : 'access-decided';
    const told = [requester.participant];
    if (custodian !== undefined) told.push(custodian);
    // Until the custodian has approved, the patient is not bothered.
    const isSeen = row.decisions.some(({ by, outcome }) => by === 'custodian' && outcome === 'approved');
    if (wallet !== undefined && isSeen) told.push(wallet);
    // Who decides for the patient hears of it as the patient does.
    if (subject !== undefined && isSeen)
      told.push(...this.#options.representatives.whoMay(subject.key, 'decide', view));
    return [...new Set(told)].map((participant) => ({ participant, kind, id }));
  }

  /** @throws AdapterError ADAPTER_FORBIDDEN, the same whatever is wrong. */
  async #requester(document: JsonObject, jws: string, asked: AskedAccess): Promise<Requester> {
    const { certified, logger } = this.#options;
    const found = (await certified.organisations()).find(({ id }) => id === asked.requester);
    if (found === undefined) throw notAllowed(logger, 'unknown-signer');
    const { publicKey, fingerprint } = presentOf(found);
    const verdict = verifyDocument(document, jws, publicKey, fingerprint);
    if (verdict !== 'ok') throw notAllowed(logger, verdict);
    const { group, handle, id, name = '', revoked } = found;
    if (revoked !== undefined || group === 'patient') throw notAllowed(logger, 'group');
    const purposes: readonly string[] = GROUP_PURPOSES[group];
    if (!purposes.includes(asked.purpose))
      throw unfit(`this requester asks for ${purposes.join(', ')}`, 'Task.input');
    return { participant: handle, id, fingerprint, name, group };
  }

  /** As whom the signer of a decision speaks; `undefined` for who has no part in the request. */
  async #roleOf(
    row: AccessRow | undefined,
    { document, jws }: SignedDecision,
  ): Promise<SignerRole | undefined> {
    const { certified } = this.#options;
    const organisations = await certified.organisations();
    const found =
      certified.get(document.signer) ??
      organisations.find(({ id }) => id === document.signer) ??
      (await this.#patientCalled(row, document.signer));
    if (found === undefined) return undefined;
    const { publicKey, fingerprint } = presentOf(found);
    const verdict = verifyDocument(document as unknown as JsonObject, jws, publicKey, fingerprint);
    // Verified where there is no such request too: it takes as long.
    if (row === undefined || verdict !== 'ok') return undefined;
    const role = (actor: AccessActor): SignerRole => ({ certified: found, fingerprint, actor });
    if (found.handle === row.requester.participant) return role('requester');
    if (row.subjectKey === undefined) return undefined;
    if (this.#speaksFor(row.subjectKey, role('patient'))) {
      const isSeen = row.decisions.some(({ by, outcome }) => by === 'custodian' && outcome === 'approved');
      return isSeen ? role('patient') : undefined;
    }
    // Officers of the authority certify; they decide on nobody's record.
    if (found.group === 'patient' || found.role === 'officer') return undefined;
    const employer =
      found.memberOf === undefined ? found : organisations.find(({ id }) => id === found.memberOf);
    const isCustodian =
      employer !== undefined && employer.revoked === undefined && employer.id === this.#custodianOf(row);
    return isCustodian ? role('custodian') : undefined;
  }

  /** The patient of a request by the id in the certificate: all that a key and its certificate tell by themselves. */
  async #patientCalled(row: AccessRow | undefined, id: string): Promise<Certified | undefined> {
    const subject =
      row?.subjectKey === undefined ? undefined : await this.#options.subjects().find(row.subjectKey);
    const certified =
      subject?.wallet === undefined ? undefined : this.#options.certified.get(subject.wallet.participant);
    return certified?.id === id ? certified : undefined;
  }

  #speaksFor(
    subjectKey: string | undefined,
    { certified, fingerprint }: SignerRole,
    view?: StateView,
  ): boolean {
    if (subjectKey === undefined) return false;
    const actor = { participant: certified.handle, fingerprint };
    return this.#options.representatives.actsFor(subjectKey, actor, 'decide', view) !== undefined;
  }

  #custodianOf({ source }: AccessRow): string | undefined {
    return source === undefined ? undefined : this.#options.sources().get(source)?.custodian.id;
  }

  #requireCertified(participant: string, fingerprint: string, view: StateView): void {
    const { certified, nowMs, logger } = this.#options;
    const judged = certified.certificateNow(participant, fingerprint, nowMs(), view);
    if (!judged.ok) throw notAllowed(logger, judged.code);
  }

  #outcome(row: AccessRow, outcome: AccessOutcome['outcome']): AccessOutcome {
    return { id: row.handle, state: this.stateOf(row), outcome };
  }
}

const CONFLICTS = {
  'not-yours': 'that is not yours to decide',
  'not-your-turn': 'the hospital has not decided yet',
  decided: 'that was decided already',
  over: 'the request is over',
} as const;

/** Conditions narrow: fewer types, a sooner end. @throws AdapterError ADAPTER_UNPROCESSABLE for what widens. */
function narrowed(
  row: AccessRow,
  { types, until }: Pick<DecisionDocument, 'types' | 'until'>,
): Pick<AccessRow, 'types' | 'endMs'> {
  if (types?.some((type) => !row.types.includes(type)) === true)
    throw unfit('a type that was not asked for', 'document.types');
  const endMs = until === undefined ? row.endMs : timeOf(until);
  if (endMs > row.endMs || endMs <= row.asked.startMs)
    throw unfit('it ends after what was asked for, or before it begins', 'document.until');
  return { types: types === undefined ? row.types : [...new Set(types)], endMs };
}

/** base64url SHA-256 of a Task as it is signed. */
export function taskHashOf(task: JsonObject): string {
  return createHash('sha256').update(documentBytes(task)).digest('base64url');
}

function isSame(bytes: string, signed: object): boolean {
  return bytes === Buffer.from(JSON.stringify(signed), 'utf8').toString('base64');
}

function unknown(): AdapterError {
  return new AdapterError('ADAPTER_NOT_FOUND', 'no such request');
}
