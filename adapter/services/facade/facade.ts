/**
 * The FHIR facade's reading: what a caller may see of what is kept, as an ordinary FHIR server would show it.
 *
 * Each version is judged by itself, by the custodian's layer and the patient's, before it is opened. What is shown
 * stands on the log before it is handed out.
 */
import { AdapterError } from '../../errors.js';
import { isInScope } from '../tokens/index.js';
import type { Caller } from '../tokens/index.js';
import type { Conditions, FacadeAnswer } from './answer.js';
import { answer } from './answering.js';
import { NONE, unknown } from './context.js';
import type { FacadeContext, FacadeOptions } from './context.js';
import { Decoy } from './decoy.js';
import { everything, everythingOf } from './everything.js';
import { history, historyOf, versionsOf } from './histories.js';
import type { Pairs } from './listing.js';
import { findListed, showListed } from './listed.js';
import { findResource, keptVersion } from './lookup.js';
import { FacadeNames } from './names.js';
import { PageLinks } from './page-links.js';
import { PAGE_PATH } from './pages.js';
import type { Page } from './pages.js';
import { PatientGate, versionIdOf } from './patient-gate.js';
import { search, searchOf } from './searching.js';
import { showOne } from './serving.js';
import { currentScore } from './severity.js';

export class Facade {
  readonly #context: FacadeContext;

  constructor(options: FacadeOptions) {
    const links = new PageLinks(options.keys.storage.indexKey, options.nowMs);
    const { store, keys, appender, subjects, records, consents, sources, bodies, nowMs, baseUrl } = options;
    const { listings, servedForms, directory, organisation, proofs, exceptional, notices, accessRequests } =
      options;
    const parts = { store, keys, appender, subjects, records, consents, sources, bodies, nowMs, baseUrl };
    this.#context = {
      ...parts,
      exceptional,
      accessRequests,
      notices,
      listings,
      servedForms,
      directory,
      organisation,
      proofs,
      links,
      decoy: new Decoy(),
      names: new FacadeNames(records),
    };
  }

  /** The current version of a resource. With a proof it comes in a Bundle, the Provenance that holds the proof behind it. */
  read(caller: Caller, type: string, id: string, conditions: Conditions = {}): Promise<FacadeAnswer> {
    const context = this.#context;
    const read = answer(context, caller, { interaction: 'read', type }, async () => {
      const found = await findResource(context, id);
      const kept = found === undefined ? undefined : keptVersion(context, found.subject, found.state.handle);
      if (found === undefined) {
        const listed = findListed(context, caller, type, id);
        if (listed !== undefined) return showListed(context, listed, conditions);
      }
      if (found === undefined || kept === undefined) return unknown(context);
      const version = (await PatientGate.of(context, found.subject, caller)).judge(kept);
      if (version === undefined || kept.card.gate.type !== type) return NONE;
      if (found.state.status === 'deleted') return { answer: { kind: 'gone' }, shown: [version] };
      return showOne(context, version, conditions);
    });
    return this.#named(caller, type, id, read);
  }

  /**
   * The score that stands for a patient now.
   *
   * @param hook - What it is shown for; the receipt says it.
   * @param patient - Id at the caller's own server, or at ours.
   */
  severity(caller: Caller, hook: string, patient: string): Promise<FacadeAnswer> {
    const said = { interaction: hook, type: 'RiskAssessment' };
    return answer(this.#context, caller, said, () => currentScore(this.#context, caller, patient));
  }

  /** One version of a resource. */
  vread(
    caller: Caller,
    type: string,
    id: string,
    versionId: string,
    conditions: Conditions = {},
  ): Promise<FacadeAnswer> {
    const context = this.#context;
    const read = answer(context, caller, { interaction: 'vread', type }, async () => {
      const found = await findResource(context, id);
      if (found === undefined) return unknown(context);
      const gate = await PatientGate.of(context, found.subject, caller);
      for await (const kept of versionsOf(context, found.subject, found.state.handle)) {
        if (kept.card.gate.type !== type || versionIdOf(context, kept) !== versionId) continue;
        const version = gate.judge(kept);
        return version === undefined ? NONE : showOne(context, version, conditions);
      }
      return unknown(context);
    });
    return this.#named(caller, type, id, read);
  }

  /**
   * All versions of a resource, or of a patient's resources of one type, newest first.
   *
   * @param id - Without it, the parameters must name the patient.
   * @throws AdapterError ADAPTER_BAD_REQUEST
   */
  history(caller: Caller, type: string, id: string | undefined, parameters: Pairs): Promise<FacadeAnswer> {
    const self = this.#address(id === undefined ? `${type}/_history` : `${type}/${id}/_history`, parameters);
    const listed = this.#list(caller, {
      kind: 'history',
      type,
      ...(id === undefined ? {} : { id }),
      parameters,
      self,
    });
    return id === undefined ? listed : this.#named(caller, type, id, listed);
  }

  /** @throws AdapterError ADAPTER_BAD_REQUEST for parameters that are not understood, or would cost too much. */
  search(caller: Caller, type: string, parameters: Pairs): Promise<FacadeAnswer> {
    return this.#list(caller, { kind: 'search', type, parameters, self: this.#address(type, parameters) });
  }

  /** All of a patient that the caller may see. @throws AdapterError ADAPTER_BAD_REQUEST */
  everything(caller: Caller, id: string, parameters: Pairs): Promise<FacadeAnswer> {
    const self = this.#address(`Patient/${id}/$everything`, parameters);
    const listed = this.#list(caller, { kind: 'everything', type: 'Patient', id, parameters, self });
    return this.#named(caller, 'Patient', id, listed);
  }

  /**
   * The next page of a listing, judged anew.
   *
   * @param token - From a `next` link.
   * @throws AdapterError ADAPTER_FORBIDDEN when the caller's token does not reach so far.
   */
  page(caller: Caller, token: string): Promise<FacadeAnswer> {
    const context = this.#context;
    const state = context.links.open(caller, token);
    if (state === undefined)
      return answer(context, caller, { interaction: 'page' }, () => Promise.resolve(unknown(context)));
    // The link was made for the same caller, but perhaps for another token.
    if (!isInScope(caller.scopes, state.type, state.kind === 'search' ? 's' : 'r')) {
      const reason = 'the token’s scopes do not go so far';
      return Promise.reject(new AdapterError('ADAPTER_FORBIDDEN', reason));
    }
    return this.#list(caller, { ...state, self: this.#address(`${PAGE_PATH}/${token}`, []) });
  }

  async #list(caller: Caller, page: Page): Promise<FacadeAnswer> {
    const context = this.#context;
    const said = { interaction: page.kind, type: page.type };
    // What is asked is read before anything is looked at: a refusal tells of the request alone.
    if (page.kind === 'search') {
      const query = searchOf(context, page);
      return answer(context, caller, said, () => search(context, caller, page, query));
    }
    if (page.kind === 'everything') {
      const query = everythingOf(page);
      return answer(context, caller, said, () => everything(context, caller, page, query));
    }
    const query = historyOf(page);
    return answer(context, caller, said, () => history(context, caller, page, query));
  }

  /** Who holds a request that names the patient is told so; to all others there is no such patient. */
  async #named(
    caller: Caller,
    type: string,
    id: string,
    answered: Promise<FacadeAnswer>,
  ): Promise<FacadeAnswer> {
    const found = await answered;
    if (type !== 'Patient' || found.kind !== 'none') return found;
    const isHeld = this.#context.accessRequests.isAsking(caller.participant, `Patient/${id}`);
    return isHeld ? { kind: 'forbidden' } : found;
  }

  #address(path: string, parameters: Pairs): string {
    const pairs = parameters.map(([name, value]): [string, string] => [name, value]);
    const text = new URLSearchParams(pairs).toString();
    return `${this.#context.baseUrl()}/${path}${text === '' ? '' : `?${text}`}`;
  }
}
