/** Emergencies and duties by law: what stands in for a patient's consent, and is told to the patient. */
import type { Policy } from '../../../ledger/consent/index.js';
import { consentStanding } from '../../../ledger/custody/index.js';
import type { Subject } from '../../instance/subjects.js';
import type { Notice } from '../notices/index.js';
import type { Person } from '../people/index.js';
import type { ExceptionalOptions } from './context.js';
import { Duties } from './duties.js';
import { Emergencies } from './emergencies.js';
import { emergencyPolicy, ExceptionalRows } from './rows.js';
import { concerns, showDuty, showEmergency } from './views.js';
import type { ShownDuty, ShownEmergency } from '../../http/contract/index.js';

const HANDLE = /^[A-Za-z0-9_-]{43}$/;

function newestFirst(shown: readonly ShownEmergency[]): ShownEmergency[] {
  return shown.toSorted((a, b) => (a.opened < b.opened ? 1 : -1));
}

export class Exceptional {
  readonly rows: ExceptionalRows;
  readonly emergencies: Emergencies;
  readonly duties: Duties;
  readonly #options: ExceptionalOptions;

  private constructor(options: ExceptionalOptions, rows: ExceptionalRows, duties: Duties) {
    this.#options = options;
    this.rows = rows;
    this.duties = duties;
    this.emergencies = new Emergencies(options, rows);
  }

  /** @param changed - Told when the duties of a source are others. */
  static async open(options: ExceptionalOptions, changed: () => void): Promise<Exceptional> {
    const rows = new ExceptionalRows(options.store, options.keys.storage.indexKey);
    return new Exceptional(options, rows, await Duties.open(options, rows, changed));
  }

  /** What a patient is told of a receipt: that something was shown by a duty of law. */
  noticesOf(
    { wallet }: Pick<Subject, 'wallet'>,
    standsOn: readonly { readonly handle: string }[],
    receipt: string,
  ): (Notice & { readonly participant: string })[] {
    if (wallet === undefined || !standsOn.some(({ handle }) => this.duties.isDuty(handle))) return [];
    return [{ participant: wallet.participant, kind: 'legal-basis-used', id: receipt }];
  }

  /** What concerns somebody who is signed in, newest first. */
  async emergenciesFor(person: Person): Promise<ShownEmergency[]> {
    const shown: ShownEmergency[] = [];
    for await (const row of this.rows.emergencies(person.patient?.subjectKey))
      if (concerns(row, person, this.#options)) shown.push(showEmergency(row, this.#options.nowMs()));
    return newestFirst(shown);
  }

  /** One of them; `undefined` for what is none, or does not concern who asks. */
  emergencyFor(person: Person, handle: string): ShownEmergency | undefined {
    const row = HANDLE.test(handle) ? this.rows.emergency(handle) : undefined;
    if (row === undefined || !concerns(row, person, this.#options)) return undefined;
    return showEmergency(row, this.#options.nowMs());
  }

  /** All, newest first: for the operator. */
  async shownEmergencies(): Promise<ShownEmergency[]> {
    const shown: ShownEmergency[] = [];
    for await (const row of this.rows.emergencies()) shown.push(showEmergency(row, this.#options.nowMs()));
    return newestFirst(shown);
  }

  shownDuties(): ShownDuty[] {
    return this.duties.list().map((row) => {
      const shown = showDuty(row, this.#options.nowMs());
      return this.#isInForce(row) ? shown : { ...shown, state: 'ended' };
    });
  }

  /** The policies on a patient that no consent made; those whose time is over are left out. */
  async policies(subjectKey: string, source: string): Promise<Policy[]> {
    const now = this.#options.nowMs();
    const policies = this.duties.policies(source);
    for await (const row of this.rows.emergencies(subjectKey))
      if (row.review === undefined && row.endMs >= now) policies.push(emergencyPolicy(row));
    // What was ended in a time that a restore has lost is known by its status alone.
    return policies.filter((policy) => this.#isInForce(policy));
  }

  #isInForce({ handle }: { readonly handle: string }): boolean {
    const view = { get: (key: string) => this.#options.store.getSync(key) };
    return consentStanding(view, handle)?.status === 'in-force';
  }
}
