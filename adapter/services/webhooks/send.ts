/** One message on its way to a webhook. */
import type { WebhookMessage } from '../../http/contract/index.js';
import { AdapterError } from '../../errors.js';
import type { Connections } from '../../inbound/connections.js';
import { bodyOf, signedHeaders } from './message.js';
import type { WebhookRow } from './webhooks.js';

export interface Sending {
  /** Of the webhook's server: an address that must not be connected to is refused when the connection is made. */
  readonly connections: Connections;
  readonly row: Pick<WebhookRow, 'url' | 'secret'>;
  readonly message: WebhookMessage;
  /** Of the message: the same each time. */
  readonly id: string;
  readonly atMs: number;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export const SEND_TIMEOUT_MS = 15_000;

/** @returns Why it was not taken: a status, `no-answer`, `not-reached` or `address-refused`; `undefined` when it was. */
export async function sendMessage({
  connections,
  row,
  message,
  id,
  atMs,
  timeoutMs = SEND_TIMEOUT_MS,
  signal,
}: Sending): Promise<string | undefined> {
  const body = bodyOf(message);
  // By hand: a combined signal whose time-out nobody else holds can be collected before it fires.
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(new Error('no answer in time')), timeoutMs);
  const onAbort = (): void => abort.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const answer = await connections.open({
      method: 'POST',
      url: new URL(row.url),
      headers: signedHeaders(row.secret, { id, atMs, body }),
      body: Buffer.from(body, 'utf8'),
      signal: abort.signal,
    });
    // Whatever it says beside its status is nothing to us; a redirect is not followed.
    answer.body.on('error', () => undefined).destroy();
    return answer.status >= 200 && answer.status < 300 ? undefined : String(answer.status);
  } catch (error) {
    if (abort.signal.aborted) return 'no-answer';
    return error instanceof AdapterError ? 'address-refused' : 'not-reached';
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
