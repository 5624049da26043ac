/** Webhooks: a participant's own server is told that something happened, and asks for it with the rights it has. */

/** Body of `POST /webhooks`. */
export interface NewWebhook {
  /** `https:`, at a public address. */
  readonly url: string;
}

export type ShownWebhookState = 'active' | 'waiting' | 'dead' | 'ended';

/** A webhook as its participant sees it. */
export interface ShownWebhook {
  readonly id: string;
  readonly url: string;
  /**
   * - `waiting`: the last message was not taken; it is sent again.
   * - `dead`: it was not taken for days, or with 410; nothing more is sent.
   * - `ended`: the participant was revoked.
   */
  readonly state: ShownWebhookState;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly deliveredAt?: string;
  /** Messages that were not taken yet. */
  readonly pending: number;
  /** Why the last one was not taken: a status, or a code. */
  readonly failure?: string;
}

/** Answer to `POST /webhooks`: the secret is shown this once. */
export interface AddedWebhook extends ShownWebhook {
  /** `whsec_` and base64: key of the messages' HMAC. @see Standard Webhooks 1.0 */
  readonly secret: string;
}

/** What is sent: a kind and an opaque id, nothing of a patient. */
export interface WebhookMessage {
  /** Kind of the notice, or `webhook.test`. */
  readonly type: string;
  /** When it happened, ISO 8601. */
  readonly timestamp: string;
  /** `seq` numbers the participant's notices without gaps; it is absent from a test. */
  readonly data: { readonly id?: string; readonly seq?: number };
}
