/** Whether it is to be believed that a source has lost what it had. */
import { AdapterError } from '../errors.js';

/** So few may go at once without a question. */
const LOSS_MIN = 100;

/**
 * Counts what is kept of a source and what the source neither shows nor says it has deleted.
 *
 * A base address that was changed, a server restored empty and rights that were taken away all look like deletions of
 * everything.
 */
export class Loss {
  readonly #source: string;
  readonly #max: number;
  #count = 0;

  /** @param shown - Resources that the source shows. */
  constructor(source: string, shown: number) {
    this.#source = source;
    this.#max = Math.max(LOSS_MIN, shown);
  }

  /** @throws AdapterError ADAPTER_SOURCE_REFUSED once more is lost than shown. */
  count(): void {
    this.#count += 1;
    if (this.#count <= this.#max) return;
    throw new AdapterError(
      'ADAPTER_SOURCE_REFUSED',
      `the source shows less than half of what is kept of it, and tells of no deletions; nothing was marked deleted. Is it the right server, and may we see all of it? If so: firebreak source reconcile ${this.#source} --believe-loss`,
    );
  }
}
