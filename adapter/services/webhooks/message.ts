/** Messages as Standard Webhooks has them. @see Standard Webhooks 1.0, "Signature scheme" */
import { createHmac, randomBytes } from 'node:crypto';
import type { WebhookMessage } from '../../http/contract/index.js';

const SECRET_BYTES = 32;
const PREFIX = 'whsec_';

/** A secret as its receiver keeps it. */
export function newSecret(): string {
  return PREFIX + randomBytes(SECRET_BYTES).toString('base64');
}

/**
 * Headers that name and sign one message.
 *
 * @param id - The same each time it is sent, so that a receiver can tell a repeat.
 * @param atMs - When it is sent, ms since the epoch.
 */
export function signedHeaders(
  secret: string,
  { id, atMs, body }: { readonly id: string; readonly atMs: number; readonly body: string },
): Record<string, string> {
  const timestamp = String(Math.floor(atMs / 1000));
  const key = Buffer.from(secret.slice(PREFIX.length), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature}`,
  };
}

export function bodyOf(message: WebhookMessage): string {
  return JSON.stringify(message);
}
