/**
 * What can be said of submissions without the entries before them: their counts and roots. Who may sign, and the
 * signatures themselves, need the certificates that those entries enrol.
 */
import type { Entry } from '../log/index.js';
import { foldHashes } from './bundle-hashes.js';
import type { Breach } from './submissions.js';

interface Open {
  readonly leaf: number;
  readonly entry: Entry;
  readonly drafts: Buffer[];
  broken: boolean;
}

/** Follows a log's submissions from the first leaf of one on. */
export class SubmissionOutline {
  readonly #origin: string;
  #open: Open | undefined;
  #checked = 0;

  constructor(origin: string) {
    this.#origin = origin;
  }

  /** Submissions that came to their end. */
  get checked(): number {
    return this.#checked;
  }

  /** Takes the next leaf. @param entry - `undefined` where the leaf has no good form. */
  next(leaf: number, entry: Entry | undefined, draft: Buffer): Breach[] {
    const open = this.#open;
    if (open === undefined) return entry === undefined ? [] : this.#begin(leaf, entry);
    open.drafts.push(draft);
    const breaches: Breach[] = [];
    if (entry === undefined) open.broken = true;
    else if (entry.type === 'submission') breaches.push({ leaf, rule: 'a submission within a submission' });
    else if (entry.actor !== open.entry.actor)
      breaches.push({ leaf, rule: 'an entry of another actor than its submission’s' });
    if (open.drafts.length < Number(open.entry.body['count'])) return breaches;
    this.#open = undefined;
    this.#checked += 1;
    const found = foldHashes(Buffer.concat(open.drafts)).toString('base64url');
    const { root } = open.entry.body;
    const expected = typeof root === 'string' ? root : '';
    if (open.broken || found === expected) return breaches;
    return [...breaches, { leaf: open.leaf, rule: 'the root is not that of the drafts', expected, found }];
  }

  /** To be called at the log's end. */
  end(): Breach[] {
    return this.#open === undefined
      ? []
      : [{ leaf: this.#open.leaf, rule: 'the log ends within a submission' }];
  }

  #begin(leaf: number, entry: Entry): Breach[] {
    if (entry.type !== 'submission') return [{ leaf, rule: 'an entry outside of any submission' }];
    this.#open = { leaf, entry, drafts: [], broken: false };
    const { certificate, origin } = entry.body;
    const breaches: Breach[] = [];
    if (origin !== this.#origin) breaches.push({ leaf, rule: 'a submission made for another log' });
    if (certificate !== entry.actor) breaches.push({ leaf, rule: 'the certificate is not the actor’s' });
    return breaches;
  }
}
