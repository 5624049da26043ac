/**
 * Receipts: what is shown of a patient stands on the log before it leaves, one receipt an answer and patient; an answer
 * that shows nothing leaves one too, without a tag. Who cannot write the receipt shows nothing.
 *
 * A receipt's entry is a salted commitment. What it says (to whom, what for, which versions, on which consents) lies in
 * a sealed row beside it.
 */
import { randomBytes } from 'node:crypto';
import type { Permitted, StandsOn } from '../../ledger/consent/index.js';
import { stillStands } from '../../ledger/custody/index.js';
import type { Appender, Staged, StagedDraft, StateView } from '../../ledger/custody/index.js';
import type { StoreWrite } from '../../ledger/store.js';
import { commitmentOf, sealRow } from '../../ledger/vault/index.js';
import type { InstanceKeys } from '../../ledger/vault/index.js';
import type { Records } from '../instance/records.js';
import type { Subject } from '../instance/subjects.js';
import type { Exceptional } from './exceptional/index.js';
import type { FeedItem, Notices } from './notices/index.js';
import { newHandle } from '../handle.js';

/** What a receipt says, beside its time and the consents it stands on; JSON. */
export interface ReceiptText extends Readonly<Record<string, unknown>> {
  readonly purpose: string;
  /** Reference of the recipient. */
  readonly to: string;
}

/** Something of one patient that is about to be shown. */
export interface Showing {
  readonly subject: Subject;
  /** At least one, all of this patient. */
  readonly permits: readonly Permitted[];
  /** Of the patient's consents, as it was when the permits were given. */
  readonly epoch: number;
  /** Handles of the record versions that are shown: they must not have been erased meanwhile. */
  readonly handles?: readonly string[];
  /** Of the patient's records, from before the versions were read: while it is the same, none was erased. */
  readonly recordEpoch?: string;
  /** Permits of what is shown beside it of the custodian's directory. */
  readonly listed?: readonly Permitted[];
  /** A row that says that this receipt is down: with it there, no second one is written. */
  readonly once?: string;
  /** What stands or falls with the receipt; what it throws is thrown, and nothing is written. */
  readonly also?: (view: StateView) => Pick<Staged<unknown>, 'drafts' | 'writes'>;
}

/** What receipts are written with. */
export interface DisclosureOptions {
  readonly appender: Appender;
  readonly keys: Pick<InstanceKeys, 'storage'>;
  readonly records: Pick<Records, 'isKept' | 'isUnchanged'>;
  /** What the patient is told of it at once. */
  readonly exceptional: Pick<Exceptional, 'noticesOf'>;
  readonly notices: Pick<Notices, 'prepare' | 'told'>;
  readonly nowMs: () => number;
}

/** What receipts of nobody are written with. */
type EmptyDisclosure = Pick<DisclosureOptions, 'appender' | 'keys' | 'nowMs'>;

/** Rows of receipts: `disclosure/` subject `/` handle. */
export const DISCLOSURE = 'disclosure/';
/** Rows of receipts of empty answers, by handle. */
const EMPTY_DISCLOSURE = 'disclosure-empty/';

/**
 * Puts the receipt of a disclosure on the log.
 *
 * @returns False when a consent that a permit stood on stands no more, the patient has signed since, or what was to be
 * shown was erased: then nothing was written, and nothing may be shown.
 * @throws LedgerError when the log cannot take it.
 */
export async function discloseTo(
  options: DisclosureOptions,
  showing: Showing,
  text: ReceiptText,
): Promise<boolean> {
  const { subject, permits, epoch, recordEpoch, handles = [], listed = [], once, also } = showing;
  const [permit] = permits;
  if (permit === undefined) throw new Error('a disclosure without a permit');
  const consents = standingOf([...permits, ...listed]);
  // What the recipient is bound to; the account of disclosures says it with the rest.
  const obligations = [...new Set(permits.flatMap((one) => one.obligations.map(({ kind }) => kind)))];
  const bound = obligations.length === 0 ? {} : { obligations };
  const receipt = receiptOf(
    options,
    { ...text, ...bound, at: options.nowMs(), consents },
    `${DISCLOSURE}${subject.key}/`,
  );
  const { exceptional, notices } = options;
  const told = exceptional.noticesOf(subject, consents, receipt.handle);
  const outcome = await options.appender.append<readonly FeedItem[] | undefined>(
    permit,
    epoch,
    subject,
    (view) => {
      if (once !== undefined && view.get(once) !== undefined) return { drafts: [], writes: [], value: [] };
      const { records } = options;
      const areKept =
        (recordEpoch !== undefined && records.isUnchanged(view, subject.key, recordEpoch)) ||
        handles.every((handle) => records.isKept(view, subject.key, handle));
      const holds =
        areKept && stillStands(view, consents) && permits.every((one) => one.subject === subject.key);
      if (!holds) return { drafts: [], writes: [], value: undefined };
      const { writes, items } = told.length === 0 ? NOBODY : notices.prepare(view, told);
      const marks: StoreWrite[] =
        once === undefined ? [] : [{ type: 'put', key: once, value: Buffer.alloc(0) }];
      const more = also?.(view) ?? NOTHING_MORE;
      return {
        drafts: [receipt.draft, ...more.drafts],
        writes: [receipt.write, ...marks, ...writes, ...more.writes],
        value: items,
      };
    },
  );
  if (outcome.outcome !== 'committed' || outcome.value === undefined) return false;
  notices.told(outcome.value);
  return true;
}

/**
 * Puts the receipt of an answer on the log that showed nothing: whether something was hidden, it does not tell.
 *
 * @throws LedgerError when the log cannot take it.
 */
export async function discloseNothing(options: EmptyDisclosure, text: ReceiptText): Promise<void> {
  const receipt = receiptOf(options, { ...text, at: options.nowMs() }, EMPTY_DISCLOSURE);
  await options.appender.appendUntagged(() => ({
    drafts: [receipt.draft],
    writes: [receipt.write],
    value: undefined,
  }));
}

/**
 * Puts the receipt of an answer on the log that shows something of the custodian's directory and of no patient: it has
 * no tag.
 *
 * @returns False when a permission that a permit stood on stands no more: then nothing was written, and nothing may be
 * shown.
 * @throws LedgerError when the log cannot take it.
 */
export async function discloseListed(
  options: EmptyDisclosure,
  permits: readonly Permitted[],
  text: ReceiptText,
): Promise<boolean> {
  const consents = standingOf(permits);
  const receipt = receiptOf(options, { ...text, at: options.nowMs(), consents }, EMPTY_DISCLOSURE);
  return options.appender.appendUntagged((view) =>
    stillStands(view, consents)
      ? { drafts: [receipt.draft], writes: [receipt.write], value: true }
      : { drafts: [], writes: [], value: false },
  );
}

const NOTHING_MORE = { drafts: [], writes: [] } as const;
const NOBODY = { writes: [], items: [] } as const;

/** The consents of all permits, each once, in a fixed order. */
function standingOf(permits: readonly Permitted[]): StandsOn[] {
  const found = new Map<string, StandsOn>();
  // Permits of one weighing share theirs.
  for (const standsOn of new Set(permits.map((permit) => permit.standsOn)))
    for (const one of standsOn) found.set(`${one.handle} ${one.version}`, one);
  return [...found.values()].toSorted((a, b) => (a.handle < b.handle ? -1 : a.handle > b.handle ? 1 : 0));
}

function receiptOf(
  { keys }: Pick<DisclosureOptions, 'keys'>,
  said: object,
  prefix: string,
): { handle: string; draft: StagedDraft; write: StoreWrite } {
  const handle = newHandle();
  const salt = randomBytes(32);
  const receipt = JSON.stringify(said);
  const commitment = commitmentOf(salt, Buffer.from(receipt, 'utf8')).toString('base64url');
  const key = prefix + handle;
  const plain = Buffer.from(JSON.stringify({ salt: salt.toString('base64url'), receipt }), 'utf8');
  return {
    handle,
    draft: { type: 'disclosure', body: { handle, commitment } },
    write: { type: 'put', key, value: sealRow(keys.storage.indexKey, key, plain) },
  };
}
