/**
 * Patients of a source that turned out to be one. From a merge on, each of them must permit what is done to the data of
 * any of them, until the one who remains signs again: from then that one speaks for all. The records stay whose they
 * were, and a merge that is undone leaves things as they stood before.
 *
 * Rows hold our own names of the patients alone; what the source said lies sealed under the patient's own key.
 */
import { randomBytes } from 'node:crypto';
import { consentEpoch, consentEpochWrite } from '../../ledger/custody/index.js';
import type { Appender, ControlStaged, StagedDraft, StateView } from '../../ledger/custody/index.js';
import type { StoreWrite } from '../../ledger/store.js';
import { commitmentOf, openRow, sealRow } from '../../ledger/vault/index.js';
import type { InstanceKeys } from '../../ledger/vault/index.js';
import { AdapterError } from '../errors.js';
import type { Subject } from './subjects.js';
import { newHandle } from '../handle.js';

type View = Pick<StateView, 'get'>;

interface MergeRow {
  /** Into whom; absent once it was undone. */
  readonly into?: {
    readonly subject: string;
    /** Of the entry. */
    readonly handle: string;
    /** Whether the one who remains has signed since: then this one is asked no more. */
    readonly isSettled: boolean;
  };
  /** Of the version that said so, by its source, ms: an older one says nothing. */
  readonly at?: number;
  /** Who was merged into this one. */
  readonly from: readonly string[];
}

/** What a version of a Patient says of its merge. */
export interface MergeNews {
  /** Logical id of the Patient by which it was replaced; absent: it stands for itself. */
  readonly by?: string;
  /** When the source says that the version came to be, ms. */
  readonly at: number;
  readonly versionId?: string;
}

export type MergeOutcome = 'merged' | 'unmerged' | 'same';

/** Whose consents are asked for a patient. */
export interface Voices {
  /** Who speaks for the patient: itself, or the one who remains and has signed since. */
  readonly own: string;
  /** Who must permit besides. */
  readonly others: readonly string[];
}

const PREFIX = 'merge/';
const EVIDENCE = 'merge-evidence/';
/** Patients that are one: beyond, a source has gone wrong, and none of them is let through. */
const ONE_MAX = 64;

export class Merges {
  readonly #keys: InstanceKeys;
  readonly #appender: () => Appender;

  constructor(keys: InstanceKeys, appender: () => Appender) {
    this.#keys = keys;
    this.#appender = appender;
  }

  /** Whether what a Patient says would change anything. */
  isNews(view: View, subjectKey: string, survivorKey: string | undefined): boolean {
    return this.#row(view, subjectKey)?.into?.subject !== survivorKey;
  }

  /**
   * Whose consents are asked for a patient.
   *
   * @throws Error for more patients in one than a person has: the gate denies then.
   */
  voices(view: View, subjectKey: string): Voices {
    if (view.get(PREFIX + subjectKey) === undefined) return { own: subjectKey, others: [] };
    const speaking = this.#group(view, subjectKey).filter(
      (key) => this.#row(view, key)?.into?.isSettled !== true,
    );
    let own = subjectKey;
    for (let step = 0; step < ONE_MAX; step++) {
      const into = this.#row(view, own)?.into;
      if (into?.isSettled !== true) break;
      own = into.subject;
    }
    return { own, others: speaking.filter((key) => key !== own) };
  }

  /**
   * Rows that go with a document of a patient: whom it speaks for from now on, and the epochs of all whom it concerns.
   *
   * @param isConsent - It is a consent or refusal, and not the withdrawal of one.
   * @returns `others`: who is to be judged again, beside the patient.
   */
  signed(view: View, subjectKey: string, isConsent: boolean): { writes: StoreWrite[]; others: string[] } {
    const own = this.#row(view, subjectKey);
    if (own === undefined) return { writes: [], others: [] };
    const writes: StoreWrite[] = [];
    // Who speaks again is heard again.
    if (own.into?.isSettled === true)
      writes.push(this.#write(subjectKey, { ...own, into: { ...own.into, isSettled: false } }));
    if (isConsent) {
      const below = own.from.slice();
      const seen = new Set<string>();
      for (let key = below.pop(); key !== undefined; key = below.pop()) {
        const row = this.#row(view, key);
        if (seen.has(key) || key === subjectKey || row?.into === undefined) continue;
        seen.add(key);
        below.push(...row.from);
        writes.push(this.#write(key, { ...row, into: { ...row.into, isSettled: true } }));
      }
    }
    const others = this.#group(view, subjectKey).filter((key) => key !== subjectKey);
    return { writes: [...writes, ...epochs(view, others)], others };
  }

  /**
   * Puts on the log that a patient was merged into another, or is one for itself again.
   *
   * @param survivor - The patient that remains; absent where the news is that there is none.
   * @returns Also who is to be judged again.
   */
  async heard(
    subject: Subject,
    survivor: Subject | undefined,
    news: MergeNews,
  ): Promise<{ outcome: MergeOutcome; concerned: readonly string[] }> {
    const salt = randomBytes(32);
    const evidence = Buffer.from(
      JSON.stringify({
        source: subject.source,
        patient: `Patient/${subject.patientId}`,
        ...(news.by === undefined ? {} : { replacedBy: `Patient/${news.by}` }),
        ...(news.versionId === undefined ? {} : { versionId: news.versionId }),
        at: news.at,
      }),
      'utf8',
    );
    const commitment = commitmentOf(salt, evidence).toString('base64url');
    type Heard = { outcome: MergeOutcome; concerned: readonly string[] };
    const stage = (view: StateView): ControlStaged<Heard> => {
      const before = this.#row(view, subject.key) ?? { from: [] };
      const isSame = before.into?.subject === survivor?.key;
      const isOlder = before.at !== undefined && news.at < before.at;
      const isLoop = survivor !== undefined && this.#leadsTo(view, survivor.key, subject.key);
      if (isSame || isOlder) return { drafts: [], writes: [], value: { outcome: 'same', concerned: [] } };
      // What undoes the other half of the ring may come after it: this is tried again, and set aside in the end.
      if (isLoop)
        throw new AdapterError('ADAPTER_CONFLICT', 'two patients that are each replaced by the other');
      const drafts: (StagedDraft & { type: 'record.merged' | 'record.unmerged' })[] = [];
      const rows = new Map<string, MergeRow>();
      const concerned = new Set(this.#group(view, subject.key));
      const keep = (handle: string, name: string): StoreWrite => {
        const key = `${EVIDENCE}${subject.key}/${handle}${name}`;
        const opening = { salt: salt.toString('base64url'), evidence: evidence.toString('utf8') };
        return {
          type: 'put',
          key,
          value: sealRow(subject.recordKey, key, Buffer.from(JSON.stringify(opening))),
        };
      };
      const kept: StoreWrite[] = [];
      const { into: former, ...rest } = before;
      if (former !== undefined) {
        drafts.push({ type: 'record.unmerged', body: { handle: former.handle, commitment } });
        kept.push(keep(former.handle, '/undone'));
        const other = this.#row(view, former.subject) ?? { from: [] };
        rows.set(former.subject, { ...other, from: other.from.filter((key) => key !== subject.key) });
      }
      let next: MergeRow = { ...rest, at: news.at };
      if (survivor !== undefined) {
        const handle = newHandle();
        drafts.push({ type: 'record.merged', body: { handle, commitment } });
        kept.push(keep(handle, ''));
        next = { ...next, into: { subject: survivor.key, handle, isSettled: false } };
        for (const key of this.#group(view, survivor.key)) concerned.add(key);
        const other = rows.get(survivor.key) ?? this.#row(view, survivor.key) ?? { from: [] };
        rows.set(survivor.key, { ...other, from: [...other.from, subject.key] });
      }
      rows.set(subject.key, next);
      const writes = [...rows].map(([key, row]) => this.#write(key, row));
      const outcome: MergeOutcome = survivor === undefined ? 'unmerged' : 'merged';
      return {
        drafts,
        writes: [...writes, ...kept, ...epochs(view, concerned)],
        value: { outcome, concerned: [...concerned] },
      };
    };
    return (await this.#appender().appendControl({ subject }, stage)).value;
  }

  /** All patients that are one with this one, itself first. */
  #group(view: View, subjectKey: string): string[] {
    const found = new Set([subjectKey]);
    for (const key of found) {
      const row = this.#row(view, key);
      if (row?.into !== undefined) found.add(row.into.subject);
      for (const other of row?.from ?? []) found.add(other);
      if (found.size > ONE_MAX) throw new Error('more patients are one than a person has records');
    }
    return [...found];
  }

  /** Whether the merges of a patient lead to another: merging that one into it would close a ring. */
  #leadsTo(view: View, from: string, to: string): boolean {
    let at: string | undefined = from;
    for (let step = 0; at !== undefined && step <= ONE_MAX; step++) {
      if (at === to) return true;
      at = this.#row(view, at)?.into?.subject;
    }
    return at !== undefined;
  }

  #row(view: View, subjectKey: string): MergeRow | undefined {
    const key = PREFIX + subjectKey;
    const row = view.get(key);
    if (row === undefined) return undefined;
    return JSON.parse(openRow(this.#keys.storage.indexKey, key, row).toString('utf8')) as MergeRow;
  }

  #write(subjectKey: string, row: MergeRow): StoreWrite {
    const key = PREFIX + subjectKey;
    const plain = Buffer.from(JSON.stringify(row), 'utf8');
    return { type: 'put', key, value: sealRow(this.#keys.storage.indexKey, key, plain) };
  }
}

/** What was decided for any of them before is decided anew, and what waits is judged again. */
function epochs(view: View, subjects: Iterable<string>): StoreWrite[] {
  return [...subjects].flatMap((key) => {
    const epoch = consentEpoch(view, key) + 1;
    return [consentEpochWrite(key, epoch), releaseWrite(key, epoch)];
  });
}

/** One row for each change of what a patient permits, while the waiting events are still to be judged again. */
export const RELEASE_PREFIX = 'release/';

/** Row that has a patient's waiting events judged again, also after a crash. */
export function releaseWrite(subjectKey: string, epoch: number): StoreWrite {
  return { type: 'put', key: `${RELEASE_PREFIX}${subjectKey}/${epoch}`, value: Buffer.alloc(0) };
}
