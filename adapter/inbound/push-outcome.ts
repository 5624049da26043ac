/**
 * What became of pushed events, as the workers write it: one row an event, in the batch of its effect, under the name of
 * the push. The rows hold nothing of any resource.
 */
import type { StoreWrite } from '../../ledger/store.js';
import type { FhirEvent, PushTicket } from './event.js';

/** What became of an event. */
export type PushOutcome =
  /** A version in the vault, by its handle and as the facade calls it; `leaf` once it is known where it stands. */
  | {
      readonly state: 'stored';
      readonly handle: string;
      readonly version: string;
      readonly leaf?: number;
    }
  /** In the custodian's directory: of no patient. */
  | { readonly state: 'directory' }
  | { readonly state: 'deleted' }
  /** It says nothing new: it was there already, or newer news was. */
  | { readonly state: 'same' }
  /** No policy of the patient has answered yet. */
  | { readonly state: 'waiting' }
  | { readonly state: 'refused' }
  /** What `If-Match` named was not the current version. */
  | { readonly state: 'precondition-failed' }
  /** Set aside, with the reason. */
  | { readonly state: 'dead'; readonly code: string; readonly expression?: string }
  | { readonly state: 'discarded' }
  | { readonly state: 'erased' };

export const PUSH_OUTCOME_PREFIX = 'push/o/';

/** Row of what became of one event. */
export function pushOutcomeKey({ name, index }: PushTicket): string {
  return `${PUSH_OUTCOME_PREFIX}${name}/${index}`;
}

/** The row, or none for an event that was not pushed. */
export function pushOutcomeWrites({ ticket }: Pick<FhirEvent, 'ticket'>, outcome: PushOutcome): StoreWrite[] {
  if (ticket === undefined) return [];
  return [{ type: 'put', key: pushOutcomeKey(ticket), value: Buffer.from(JSON.stringify(outcome), 'utf8') }];
}
