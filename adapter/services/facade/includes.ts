/**
 * What the resources of a page refer to in the custodian's directory, and what that refers to in turn: it goes with
 * them, so that a record taken over says who has written it and where. Each page is whole in itself, so a resource may
 * stand on several pages.
 */
import type { Permitted } from '../../../ledger/consent/index.js';
import type { Caller } from '../tokens/index.js';
import type { BundleEntry } from './bundles.js';
import type { FacadeContext } from './context.js';
import { DirectoryGate, listedEntry } from './listed.js';
import type { SourceName } from '../../instance/served-forms.js';

/** Resources of the directory on one page: a page has at most 1,000 others, and most refer to the same few. */
const INCLUDED_MAX = 1000;
/** References of one page that are followed: what comes back again is remembered, and that has a bound. */
const REFERENCES_MAX = 20_000;

/** Gathers the references of a page's resources. */
export class Includes {
  /** In the order they were met. */
  readonly #met = new Set<SourceName>();

  /** A reference to a resource of a source. */
  readonly note = (name: SourceName): void => {
    if (this.#met.size < REFERENCES_MAX) this.#met.add(name);
  };

  /**
   * Entries of the directory's resources that are referred to and that the caller may see.
   *
   * @param isWanted - Of which types.
   */
  entries(
    context: FacadeContext,
    caller: Caller,
    isWanted: (type: string) => boolean,
  ): { entries: BundleEntry[]; listed: Permitted[] } {
    const { directory, store } = context;
    const view = { get: (key: string) => store.getSync(key) };
    const gates = new Map<string, DirectoryGate>();
    const entries: BundleEntry[] = [];
    const listed: Permitted[] = [];
    const done = new Set<string>();
    // What is found refers to more, which is met on the way: the set grows behind where it is read.
    for (const { source, type, id, facadeId } of this.#met) {
      if (entries.length >= INCLUDED_MAX) break;
      // One name may be two objects.
      if (!isWanted(type) || done.has(facadeId)) continue;
      done.add(facadeId);
      const found = directory.get(view, source, type, id);
      if (found === undefined) continue;
      const gate = gates.get(source) ?? new DirectoryGate(context, source, caller);
      gates.set(source, gate);
      const resource = gate.judge(found);
      if (resource === undefined) continue;
      entries.push(listedEntry(context, resource, 'include', this.note));
      listed.push(resource.permit);
    }
    return { entries, listed };
  }
}
