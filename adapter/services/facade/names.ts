/** The facade's ids, remembered: most references of a patient's records are to the same few resources. */
import type { Instance } from '../../instance/instance.js';
import type { SourceName } from '../../instance/served-forms.js';

/** Some 200 bytes each; when there are as many, they are forgotten and begun anew. */
const NAMES_MAX = 20_000;

export class FacadeNames {
  readonly #records: Pick<Instance['records'], 'facadeId'>;
  readonly #known = new Map<string, SourceName>();

  constructor(records: Pick<Instance['records'], 'facadeId'>) {
    this.#records = records;
  }

  /** The name of a source's resource; mostly the same object for the same name. */
  of(source: string, type: string, id: string): SourceName {
    const text = `${source}\n${type}\n${id}`;
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    if (this.#known.size >= NAMES_MAX) this.#known.clear();
    const made = { source, type, id, facadeId: this.#records.facadeId(source, type, id) };
    this.#known.set(text, made);
    return made;
  }
}
