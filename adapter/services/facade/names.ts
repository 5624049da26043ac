/** The facade's ids, remembered: most references of a patient's records are to the same few resources. */
import type { Instance } from '../../instance/instance.js';

/** Some 100 bytes each; when there are as many, they are forgotten and begun anew. */
const NAMES_MAX = 20_000;

export class FacadeNames {
  readonly #records: Pick<Instance['records'], 'facadeId'>;
  readonly #known = new Map<string, string>();

  constructor(records: Pick<Instance['records'], 'facadeId'>) {
    this.#records = records;
  }

  /** Id of a source's resource at the facade. */
  of(source: string, type: string, id: string): string {
    const name = `${source}\n${type}\n${id}`;
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    if (this.#known.size >= NAMES_MAX) this.#known.clear();
    const made = this.#records.facadeId(source, type, id);
    this.#known.set(name, made);
    return made;
  }
}
