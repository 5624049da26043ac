/**
 * How an access request goes: the custodian decides first, then the patient; each may take its word back, the requester
 * may give up, and time ends what nobody ended. Total: every state, event and actor has an answer.
 *
 * @see DESIGN "The four procedures", 4
 */

export const ACCESS_STATES = [
  'requested',
  'custodian-approved',
  'in-force',
  'refused',
  'withdrawn',
  'cancelled',
  'expired',
] as const;
export type AccessState = (typeof ACCESS_STATES)[number];

/** `end` takes back what was said before; `time-out` is the clock's. */
export const ACCESS_EVENTS = ['approve', 'refuse', 'end', 'time-out'] as const;
export type AccessEvent = (typeof ACCESS_EVENTS)[number];

/** `other`: who has no part in the request. */
export const ACCESS_ACTORS = ['requester', 'custodian', 'patient', 'clock', 'other'] as const;
export type AccessActor = (typeof ACCESS_ACTORS)[number];

/**
 * Why nothing changes.
 *
 * - `not-yours`: this actor never does this.
 * - `not-your-turn`: the custodian has not decided yet.
 * - `decided`: it has said so already, or something else.
 * - `over`: the request has ended.
 */
export type AccessRefusal = 'not-yours' | 'not-your-turn' | 'decided' | 'over';

export type AccessStep =
  { readonly ok: true; readonly state: AccessState } | { readonly ok: false; readonly code: AccessRefusal };

/** The next state, or why there is none. */
export function accessStep(state: AccessState, event: AccessEvent, actor: AccessActor): AccessStep {
  if (!mayEver(event, actor)) return refused('not-yours');
  switch (state) {
    case 'requested':
      if (actor === 'patient') return refused('not-your-turn');
      // It has approved nothing that it could end: it refuses.
      if (actor === 'custodian' && event === 'end') return refused('not-yours');
      return reached(ended(event, actor) ?? (event === 'refuse' ? 'refused' : 'custodian-approved'));
    case 'custodian-approved':
      if (actor === 'patient' && event === 'end') return refused('not-yours');
      if (actor === 'custodian' && event !== 'end') return refused('decided');
      return reached(ended(event, actor) ?? (event === 'refuse' ? 'refused' : 'in-force'));
    case 'in-force':
      if (event === 'approve' || event === 'refuse') return refused('decided');
      return reached(ended(event, actor) ?? 'withdrawn');
    case 'refused':
    case 'withdrawn':
    case 'cancelled':
    case 'expired':
      break;
  }
  return refused('over');
}

/** Whether nothing follows any more. */
export function isOver(state: AccessState): boolean {
  return state === 'refused' || state === 'withdrawn' || state === 'cancelled' || state === 'expired';
}

function mayEver(event: AccessEvent, actor: AccessActor): boolean {
  if (event === 'time-out') return actor === 'clock';
  if (event === 'end') return actor === 'requester' || actor === 'custodian' || actor === 'patient';
  return actor === 'custodian' || actor === 'patient';
}

/** Where an ending leads; `undefined` for what ends nothing. */
function ended(event: AccessEvent, actor: AccessActor): AccessState | undefined {
  if (event === 'time-out') return 'expired';
  if (event !== 'end') return undefined;
  return actor === 'requester' ? 'cancelled' : 'withdrawn';
}

function reached(state: AccessState): AccessStep {
  return { ok: true, state };
}

function refused(code: AccessRefusal): AccessStep {
  return { ok: false, code };
}
