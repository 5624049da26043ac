/** One connection to `/events` after the other, for as long as the wallet is open. */
import { Refusal } from '../session/ask.js';
import { askAs } from '../session/session.js';
import type { Wallet } from '../wallet/wallet.js';
import { EventReader } from './event-stream.js';
import type { ServerEvent } from './event-stream.js';

export interface StreamOptions {
  readonly wallet: Wallet;
  readonly signal: AbortSignal;
  /** Where another tab has stopped. */
  readonly lastId: string | undefined;
  readonly onEvent: (event: ServerEvent, lastId: string | undefined) => void;
  /** The connection stands. @param isAgain - After it was lost: anything may have happened meanwhile. */
  readonly onOpen: (isAgain: boolean) => void;
  readonly onLost: () => void;
}

/** Between two tries, ms: at first, and at most. */
const FIRST_MS = 1000;
const LONGEST_MS = 60_000;
/** The server says something each 15 s; who is silent for so long is gone, ms. */
const SILENCE_MS = 40_000;
/** The server will not hear of this wallet: trying again changes nothing. */
const FINAL = new Set([400, 401, 403, 404, 405]);

/** Ends when it is told to, or when the server will not have it. */
export async function keepListening(options: StreamOptions): Promise<void> {
  const { signal, onLost } = options;
  const reader = new EventReader(options.lastId);
  let pause = FIRST_MS;
  let isAgain = false;
  while (!signal.aborted) {
    let isOpen = false;
    try {
      await listenOnce(options, reader, () => {
        isOpen = true;
        options.onOpen(isAgain);
      });
    } catch (error) {
      if (signal.aborted || (error instanceof Refusal && FINAL.has(error.status))) return;
      if (error instanceof Refusal && error.retryAfterS !== undefined)
        pause = Math.max(pause, error.retryAfterS * 1000);
    }
    if (signal.aborted) return;
    if (isOpen) pause = FIRST_MS;
    isAgain = true;
    onLost();
    // Not all at the same moment, where many have lost it at the same moment.
    await waitFor(pause * (0.5 + Math.random() / 2), signal);
    pause = Math.min(pause * 2, LONGEST_MS);
  }
}

async function listenOnce(
  { wallet, signal, onEvent }: StreamOptions,
  events: EventReader,
  onOpen: () => void,
): Promise<void> {
  const silent = new AbortController();
  let timer = setTimeout(() => silent.abort(), SILENCE_MS);
  try {
    const response = await askAs(wallet, '/events', {
      headers: events.lastId === undefined ? {} : { 'Last-Event-ID': events.lastId },
      signal: AbortSignal.any([signal, silent.signal]),
    });
    onOpen();
    const bytes = response.body?.getReader();
    const decoder = new TextDecoder();
    for (;;) {
      const piece = await bytes?.read();
      if (piece?.value === undefined) return;
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), SILENCE_MS);
      for (const event of events.take(decoder.decode(piece.value, { stream: true })))
        onEvent(event, events.lastId);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Waits so long, ms; less where the network comes back, or all ends. */
function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      removeEventListener('online', end);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    addEventListener('online', end);
    signal.addEventListener('abort', end);
  });
}
