/**
 * Cohorts: defined by a certified authority, asked about without rows, requested of the hospitals, approved by each for
 * its own patients, and then made of those alone who permit it themselves.
 */
import { randomBytes } from 'node:crypto';
import { accessStep, isOver } from '../../../ledger/access/index.js';
import type { AccessActor, AccessEvent, AccessState } from '../../../ledger/access/index.js';
import { custodianPolicy } from '../../../ledger/consent/index.js';
import type { Policy } from '../../../ledger/consent/index.js';
import { consentStatusWrite } from '../../../ledger/custody/index.js';
import type { ControlStaged, StateView } from '../../../ledger/custody/index.js';
import type { StoreWrite } from '../../../ledger/store.js';
import { AdapterError } from '../../errors.js';
import type { ShownCohort, ShownCohortApproval, ShownCohortState } from '../../http/contract/index.js';
import type { Instance } from '../../instance/instance.js';
import { evidenceOf, signedPolicy } from '../exceptional/context.js';
import { requireFresh, unfit } from '../exceptional/documents.js';
import { notAllowed } from '../exceptional/signing.js';
import { GROUP_PURPOSES, purposeCoding, RateLimiter } from '../tokens/index.js';
import type { Caller } from '../tokens/index.js';
import { definitionHash, endOfDay, readCohort } from './definition.js';
import type { CohortAsking } from './population.js';
import { CohortRows, newId } from './rows.js';
import type { ApprovalRow, CohortRequester, CohortRow } from './rows.js';
import { showExport } from './show.js';
import { COHORT_DECISION_KIND, COHORT_REQUEST_KIND, cohortSigner, readCohortDocument } from './signed.js';
import type { CohortSigner } from './signed.js';
import { newHandle } from '../../handle.js';

/** A custodian's permission has one version: it is given once, and ended. */
const PERMISSION_VERSION = 1;
/** Cohorts of one requester. */
const COHORTS_MAX = 1000;

type Outcome = 'approved' | 'refused' | 'ended';
const EVENTS = { approved: 'approve', refused: 'refuse', ended: 'end' } as const satisfies Record<
  Outcome,
  AccessEvent
>;

export type CohortParts = Pick<
  Instance,
  | 'store'
  | 'keys'
  | 'appender'
  | 'certification'
  | 'subjects'
  | 'consents'
  | 'records'
  | 'sources'
  | 'organisation'
  | 'identity'
  | 'hints'
  | 'logger'
  | 'nowMs'
>;

export class Cohorts {
  readonly rows: CohortRows;
  readonly #parts: CohortParts;
  readonly #byRequester = new RateLimiter({ perSecond: 1, burst: 50 });

  constructor(parts: CohortParts) {
    this.#parts = parts;
    this.rows = new CohortRows(parts.store, parts.keys.storage.vaultKek);
  }

  /**
   * Keeps a definition. The same again from the same requester is the same cohort.
   *
   * @throws AdapterError ADAPTER_UNPROCESSABLE with the lines at fault; ADAPTER_FORBIDDEN for who is no authority, or asks
   * for another purpose than that of its token; ADAPTER_TOO_MANY_REQUESTS.
   */
  async define(caller: Caller, body: Buffer): Promise<ShownCohort> {
    const requester = requesterOf(caller);
    const definition = readCohort(body.toString('utf8'), 'definition');
    const { nowMs } = this.#parts;
    if (purposeCoding(definition.purpose) !== caller.purpose)
      throw new AdapterError('ADAPTER_FORBIDDEN', 'the token is for another purpose of use');
    if (endOfDay(definition.expires) <= nowMs()) throw unfit('it has expired already', 'expires');
    if (this.#byRequester.take(requester.id, nowMs()) > 0)
      throw new AdapterError('ADAPTER_TOO_MANY_REQUESTS', 'too many definitions of one requester');
    const hash = definitionHash(definition);
    const own = (await this.rows.cohorts()).filter((row) => row.requester.id === requester.id);
    const known = own.find((row) => row.hash === hash && !isOver(stateOver(row, nowMs())));
    if (known !== undefined) return this.#show(known);
    if (own.length >= COHORTS_MAX)
      throw new AdapterError('ADAPTER_CONFLICT', 'this requester has as many cohorts as there may be');
    const row: CohortRow = {
      id: newId(),
      definition,
      hash,
      requester,
      definedAt: nowMs(),
      key: randomBytes(32).toString('base64url'),
      approvals: [],
    };
    await this.#parts.appender.writeRows(() => ({ writes: [this.rows.cohortWrite(row)], value: undefined }));
    return this.#show(row);
  }

  /** A requester's own cohort. @throws AdapterError ADAPTER_NOT_FOUND for another's, as for one that is none. */
  own(caller: Caller, id: string): CohortRow {
    const row = this.rows.cohort(id);
    if (row === undefined || row.requester.id !== requesterOf(caller).id) throw unknown();
    if (purposeCoding(row.definition.purpose) !== caller.purpose) throw unknown();
    return row;
  }

  /** As {@link own}, shown; also for the hospitals that were asked. */
  async shown(caller: Caller, id: string): Promise<ShownCohort> {
    const found = (await this.list(caller)).find((one) => one.id === id);
    if (found === undefined) throw unknown();
    return found;
  }

  /** Those of a requester, or those that a hospital was asked for; newest first. */
  async list(caller: Caller): Promise<ShownCohort[]> {
    const of = organisationOf(caller);
    const rows = (await this.rows.cohorts()).filter(
      ({ requester, approvals }) =>
        requester.id === of || approvals.some(({ custodian }) => custodian === of),
    );
    return this.#shown(rows);
  }

  /** All, for the operator. */
  async listAll(): Promise<ShownCohort[]> {
    return this.#shown(await this.rows.cohorts());
  }

  /**
   * Asks the hospitals, all of whose records are kept here.
   *
   * @param body - JSON `{document, jws}`, signed by the requester's certified key.
   * @throws AdapterError ADAPTER_UNPROCESSABLE, ADAPTER_FORBIDDEN, ADAPTER_NOT_FOUND, ADAPTER_CONFLICT.
   */
  async request(body: Buffer): Promise<ShownCohort> {
    const { certification, logger, nowMs, identity, appender } = this.#parts;
    const signed = readCohortDocument(body, COHORT_REQUEST_KIND);
    const signer = await cohortSigner(certification.rows, signed, logger);
    const { document } = signed;
    requireFresh(document, identity.origin, nowMs());
    const before = this.rows.cohort(document.cohort);
    if (before === undefined || before.requester.id !== signer.organisation.id) throw unknown();
    if (document.definition !== before.hash) throw unfit('another definition', 'document.definition');
    const custodians = this.#custodians();
    const asked = custodians.map((custodian) => ({ custodian, ...evidenceOf(signed), handle: newHandle() }));
    const outcome = await appender.appendControl({}, (view): ControlStaged<CohortRow> => {
      const row = this.rows.cohort(before.id, view) ?? before;
      this.#requireCertified(signer, view);
      if (row.approvals.length > 0) return { drafts: [], writes: [], value: row };
      if (endOfDay(row.definition.expires) <= nowMs())
        throw new AdapterError('ADAPTER_CONFLICT', 'the cohort has expired');
      const approvals = asked.map(({ custodian, evidence, handle }): ApprovalRow => ({
        custodian: custodian.id,
        name: custodian.name,
        participant: custodian.participant,
        handle,
        state: 'requested',
        at: nowMs(),
        evidence: [evidence],
      }));
      const next = { ...row, approvals };
      return {
        drafts: asked.map(({ handle, commitment }) => ({
          type: 'access.requested' as const,
          body: { handle, commitment },
        })),
        writes: [this.rows.cohortWrite(next)],
        value: next,
      };
    });
    this.#tell(outcome.value);
    logger.info('cohort requested', { id: before.id });
    return this.#show(outcome.value);
  }

  /**
   * Takes a signed decision: a custodian's, by its organisation's key or a person's of it; or the requester's, who gives up.
   *
   * @throws AdapterError ADAPTER_UNPROCESSABLE, ADAPTER_FORBIDDEN, ADAPTER_NOT_FOUND, ADAPTER_CONFLICT.
   */
  async decide(body: Buffer): Promise<ShownCohort> {
    const { certification, logger, nowMs, identity } = this.#parts;
    const signed = readCohortDocument(body, COHORT_DECISION_KIND);
    const signer = await cohortSigner(certification.rows, signed, logger);
    const { document } = signed;
    requireFresh(document, identity.origin, nowMs());
    const row = this.rows.cohort(document.cohort);
    const of = signer.organisation.id;
    const isRequester = row?.requester.id === of;
    const isCustodian = row?.approvals.some(({ custodian }) => custodian === of) === true;
    if (row === undefined || (!isRequester && !isCustodian)) throw unknown();
    if (document.definition !== row.hash) throw unfit('another definition', 'document.definition');
    if (document.outcome === undefined) throw unfit('approved, refused or ended', 'document.outcome');
    return this.#decided(row, document.outcome, isRequester ? undefined : [of], signed, signer);
  }

  /**
   * The custodians' decision by the operator of the instance, which signs for those that it serves.
   *
   * @param by - The person who decides, as they give their name; kept with the decision.
   */
  async decideAsOperator(id: string, outcome: Outcome, by: string): Promise<ShownCohort> {
    const row = this.rows.cohort(id);
    if (row === undefined) throw unknown();
    const { keys, organisation } = this.#parts;
    const document = { outcome, cohort: id, definition: row.hash, by };
    const signed = signedPolicy({ keys, fingerprint: () => organisation.fingerprint }, document);
    return this.#decided(
      row,
      outcome,
      row.approvals.map(({ custodian }) => custodian),
      signed,
      undefined,
    );
  }

  /** For whom, and by leave of which custodians, a cohort is made now; what was not approved permits nothing. */
  asking(row: CohortRow): CohortAsking {
    const { nowMs, sources } = this.#parts;
    const { requester, definition } = row;
    const isOpen = endOfDay(definition.expires) > nowMs();
    const policies = new Map<string, Policy>();
    for (const { custodian, handle, state, at } of row.approvals) {
      if (!isOpen || state !== 'custodian-approved') continue;
      const policy = custodianPolicy({
        handle,
        version: PERMISSION_VERSION,
        dateTimeMs: at,
        references: [`Organization/${requester.id}`],
        actions: ['disclose'],
        purposes: [purposeCoding(definition.purpose)],
        endMs: endOfDay(definition.expires),
      });
      policies.set(custodian, policy);
    }
    return {
      requester: requester.id,
      purpose: purposeCoding(definition.purpose),
      custodian: (source) => policies.get(sources.get(source)?.custodian.id ?? ''),
    };
  }

  /** For whom counts with noise are made before any approval: of sources whose custodian permits research at all. */
  askingForCounts(row: CohortRow): CohortAsking {
    const { sources, organisation } = this.#parts;
    const { requester, definition } = row;
    const purpose = purposeCoding(definition.purpose);
    return {
      requester: requester.id,
      purpose,
      custodian: (source) => {
        const known = sources.get(source);
        const research = known?.permissions.research;
        if (known === undefined || research === undefined) return undefined;
        return custodianPolicy({
          handle: research,
          version: PERMISSION_VERSION,
          dateTimeMs: known.addedAt,
          references: [`Organization/${requester.id}`, `Organization/${organisation.id}`],
          actions: ['disclose'],
          purposes: [purpose],
        });
      },
    };
  }

  stateOf(row: CohortRow): ShownCohortState {
    return stateShown(row, this.#parts.nowMs());
  }

  /** @param of - Custodians that decide; without them it is the requester, who gives up. */
  async #decided(
    { id }: CohortRow,
    outcome: Outcome,
    of: readonly string[] | undefined,
    signed: object,
    signer: CohortSigner | undefined,
  ): Promise<ShownCohort> {
    const { appender, nowMs, logger } = this.#parts;
    const actor: AccessActor = of === undefined ? 'requester' : 'custodian';
    const { value } = await appender.appendControl({}, (view): ControlStaged<CohortRow> => {
      const row = this.rows.cohort(id, view);
      if (row === undefined) throw unknown();
      if (signer !== undefined) this.#requireCertified(signer, view);
      if (stateShown(row, nowMs()) === 'expired')
        throw new AdapterError('ADAPTER_CONFLICT', 'it has expired');
      const drafts: { type: 'access.decided'; body: Record<string, string> }[] = [];
      const writes: StoreWrite[] = [];
      let refused: string | undefined;
      const approvals = row.approvals.map((approval) => {
        if (of !== undefined && !of.includes(approval.custodian)) return approval;
        const step = accessStep(approval.state, EVENTS[outcome], actor);
        if (!step.ok) {
          refused = step.code;
          return approval;
        }
        const { evidence, commitment } = evidenceOf(signed);
        const { handle } = approval;
        drafts.push({ type: 'access.decided', body: { handle, by: actor, outcome, commitment } });
        const isGiven = step.state === 'custodian-approved';
        if (isGiven || approval.state === 'custodian-approved')
          writes.push(
            consentStatusWrite(handle, {
              version: PERMISSION_VERSION,
              status: isGiven ? 'in-force' : 'withdrawn',
            }),
          );
        return { ...approval, state: step.state, at: nowMs(), evidence: [...approval.evidence, evidence] };
      });
      if (drafts.length === 0)
        throw new AdapterError(
          'ADAPTER_CONFLICT',
          refused === undefined ? 'nothing was requested yet' : `it is decided or over (${refused})`,
        );
      const next = { ...row, approvals };
      return { drafts, writes: [this.rows.cohortWrite(next), ...writes], value: next };
    });
    this.#tell(value);
    logger.info('cohort decided', { id, outcome });
    return this.#show(value);
  }

  /** Open pages of the requester and of the custodians are to look again. */
  #tell({ requester, approvals }: CohortRow): void {
    for (const { participant } of [requester, ...approvals])
      this.#parts.hints.ofParticipant(participant, 'cohort-changed');
  }

  #custodians(): { id: string; name: string; participant: string }[] {
    const { sources } = this.#parts;
    const found = new Map<string, { id: string; name: string; participant: string }>();
    for (const { custodian, state } of sources.list())
      if (state !== 'removed') found.set(custodian.id, custodian);
    if (found.size === 0) throw new AdapterError('ADAPTER_CONFLICT', 'no hospital keeps records here');
    return [...found.values()];
  }

  #requireCertified({ certified, fingerprint }: CohortSigner, view: StateView): void {
    const { certification, nowMs, logger } = this.#parts;
    const judged = certification.rows.certificateNow(certified.handle, fingerprint, nowMs(), view);
    if (!judged.ok) throw notAllowed(logger, judged.code);
  }

  async #show(row: CohortRow): Promise<ShownCohort> {
    const [shown] = await this.#shown([row]);
    if (shown === undefined) throw unknown();
    return shown;
  }

  async #shown(rows: readonly CohortRow[]): Promise<ShownCohort[]> {
    const exports = await this.rows.exports();
    return rows
      .toSorted((a, b) => b.definedAt - a.definedAt)
      .map((row) => ({
        id: row.id,
        state: stateShown(row, this.#parts.nowMs()),
        requester: { id: row.requester.id, name: row.requester.name },
        definition: row.definition,
        definitionHash: row.hash,
        definedAt: new Date(row.definedAt).toISOString(),
        approvals: row.approvals.map(showApproval),
        exports: exports
          .filter(({ cohort }) => cohort === row.id)
          .toSorted((a, b) => b.begunAt - a.begunAt)
          .map(showExport),
      }));
  }
}

/** The organisation that a caller is of. */
export function organisationOf({ clientId, person }: Caller): string {
  return person?.organisation ?? clientId;
}

/** @throws AdapterError ADAPTER_FORBIDDEN for who is no authority. */
export function requesterOf(caller: Caller): CohortRequester {
  const purposes = GROUP_PURPOSES.authority.map((code) => purposeCoding(code));
  if (caller.group !== 'authority' || !purposes.includes(caller.purpose))
    throw new AdapterError('ADAPTER_FORBIDDEN', 'cohorts are for authorities, and for research');
  return { participant: caller.participant, id: organisationOf(caller), name: caller.name };
}

function showApproval({ custodian, name, state, at }: ApprovalRow): ShownCohortApproval {
  const shown =
    state === 'requested' || state === 'refused'
      ? state
      : state === 'custodian-approved'
        ? 'approved'
        : 'ended';
  return { custodian, name, state: shown, at: new Date(at).toISOString() };
}

function stateShown({ definition, approvals }: CohortRow, nowMs: number): ShownCohortState {
  if (endOfDay(definition.expires) <= nowMs) return 'expired';
  if (approvals.length === 0) return 'defined';
  if (approvals.some(({ state }) => state === 'custodian-approved')) return 'approved';
  if (approvals.some(({ state }) => state === 'requested')) return 'requested';
  return approvals.every(({ state }) => state === 'refused') ? 'refused' : 'ended';
}

/** What was over may be defined again, as another cohort. */
function stateOver(row: CohortRow, nowMs: number): AccessState {
  const shown = stateShown(row, nowMs);
  return shown === 'expired' || shown === 'ended' || shown === 'refused' ? 'expired' : 'requested';
}

function unknown(): AdapterError {
  return new AdapterError('ADAPTER_NOT_FOUND', 'no such cohort');
}
