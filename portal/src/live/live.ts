/**
 * While a wallet is open, the page hears that something happened, and asks anew what it shows. Of several tabs of one
 * wallet one listens, and tells the others: browsers give an origin few connections.
 */
import type { HintKind, NoticeKind } from '../../../adapter/http/contract/index.js';
import { OWN } from '../me/own-query.js';
import { isActing } from '../session/ask.js';
import { tellNews } from '../shell/news.js';
import type { News } from '../shell/news.js';
import { queries } from '../shell/queries.js';
import { holder } from '../wallet/holder.js';
import { fingerprintOf } from '../wallet/wallet.js';
import type { Wallet } from '../wallet/wallet.js';
import { keepListening } from './stream.js';

/** What one tab tells the others. */
type Word =
  | { readonly word: 'event'; readonly kind: string; readonly lastId: string | undefined }
  | { readonly word: 'open'; readonly isAgain: boolean }
  | { readonly word: 'lost' };

/** Of these something is to be answered. */
const WAITING: ReadonlySet<string> = new Set<NoticeKind | HintKind>([
  'access-requested',
  'emergency-review',
  'record-waiting',
]);
/** Of these the lists tell enough. */
const SILENT: ReadonlySet<string> = new Set<NoticeKind | HintKind>([
  'consent-changed',
  'cohort-changed',
  'desk-changed',
]);
/** Of these there is more to read, when the reader asks for it. */
const NEWS: ReadonlyMap<string, News> = new Map<HintKind, News>([
  ['record-changed', 'record'],
  ['patients-changed', 'patients'],
]);
/** Many events of a moment are asked after once, ms. */
const GATHERED_MS = 400;
/** And no more often than this, ms: at a busy hospital something happens all the time. */
const EVERY_MS = 2000;

let present: { readonly fingerprint: string; readonly stop: AbortController } | undefined;
let isWatching = false;

/** Records are read again when their reader asks for it: each reading is an access of its own. */
function isRecord([, , path]: readonly unknown[]): boolean {
  return path === 'everything' || path === 'proof' || String(path).startsWith('/fhir/');
}

/** What is shown of records stays until their reader asks for more. */
function recordIsOld(): void {
  void queries.invalidateQueries({
    queryKey: [OWN],
    predicate: ({ queryKey }) => isRecord(queryKey),
    refetchType: 'none',
  });
}

/** From now on, whenever the wallet is open. */
export function listenWhenOpen(): void {
  if (isWatching) return;
  isWatching = true;
  holder.subscribe(follow);
  follow();
}

function follow(): void {
  const held = holder.now();
  const fingerprint = held.state === 'open' ? fingerprintOf(held.wallet) : undefined;
  if (fingerprint === present?.fingerprint) return;
  present?.stop.abort();
  present = undefined;
  tellNews(undefined);
  if (held.state !== 'open' || fingerprint === undefined) return;
  const stop = new AbortController();
  present = { fingerprint, stop };
  void listen(held.wallet, fingerprint, stop.signal);
}

async function listen(wallet: Wallet, fingerprint: string, signal: AbortSignal): Promise<void> {
  const name = `firebreak-live ${fingerprint}`;
  const tabs = new BroadcastChannel(name);
  let lastId: string | undefined;
  let gathering: ReturnType<typeof setTimeout> | undefined;
  let lookedAt = -Infinity;
  const lookAgain = (): void => {
    const waitMs = Math.max(GATHERED_MS, lookedAt + EVERY_MS - performance.now());
    gathering ??= setTimeout(() => {
      gathering = undefined;
      lookedAt = performance.now();
      void queries.invalidateQueries({ queryKey: [OWN], predicate: ({ queryKey }) => !isRecord(queryKey) });
    }, waitMs);
  };
  const heard = (word: Word): void => {
    if (signal.aborted) return;
    if (word.word === 'lost') return tellNews('lost');
    if (word.word === 'open') {
      if (!word.isAgain) return;
      recordIsOld();
      tellNews('back');
      return lookAgain();
    }
    lastId = word.lastId;
    // Before it is told: who asks for it at once is shown it.
    if (word.kind === 'record-changed') recordIsOld();
    lookAgain();
    const isWaiting = WAITING.has(word.kind);
    // No act of a patient makes something wait for the patient; at a desk the own approval does.
    const isEcho = isActing() && !(isWaiting && wallet.enrolled !== undefined);
    if (SILENT.has(word.kind) || isEcho) return;
    tellNews(isWaiting ? 'waits' : (NEWS.get(word.kind) ?? 'happened'));
  };
  const tell = (word: Word): void => {
    heard(word);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel is of one origin
    tabs.postMessage(word);
  };
  tabs.addEventListener('message', ({ data }) => heard(data as Word));
  const keep = (): Promise<void> =>
    keepListening({
      wallet,
      signal,
      lastId,
      onEvent: ({ kind }, id) => tell({ word: 'event', kind, lastId: id }),
      onOpen: (isAgain) => tell({ word: 'open', isAgain }),
      onLost: () => tell({ word: 'lost' }),
    });
  try {
    // One after the other: who waits here goes on when the tab that listens is closed.
    await navigator.locks.request(name, { signal }, keep);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    clearTimeout(gathering);
    tabs.close();
  }
}
