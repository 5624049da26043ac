/**
 * Versions that a source shows as present, that were received, and that are not what is kept. A source commits late: what
 * it showed when it was read back can be older than what it had told of, and then overrules the newer version. The next
 * reading of the source tells; what it names is read back once more.
 */
import type { Records } from '../instance/records.js';
import type { FhirEvent } from './event.js';
import type { Inbox } from './inbox.js';
import { fetchEvent } from './intake.js';

/** Where it is looked up what is kept. */
export interface Keeping {
  readonly inbox: Pick<Inbox, 'isKnown' | 'heldFate'>;
  readonly records: Pick<Records, 'state' | 'resourceKey'>;
  readonly store: { getSync(key: string): Buffer | undefined };
}

/**
 * What is to be read back.
 *
 * @param present - What the source shows now, each resource once.
 */
export function overruled({ inbox, records, store }: Keeping, present: readonly FhirEvent[]): FhirEvent[] {
  const view = { get: (key: string) => store.getSync(key) };
  return present.flatMap((event) => {
    const { kind, source, type, id, version, receivedAt } = event;
    if (kind !== 'put' || version === undefined) return [];
    const state = records.state(view, records.resourceKey(source, type, id));
    if (state === undefined || state.status === 'erased') return [];
    if (state.status === 'current' && state.versionId === version) return [];
    // New to us, or waiting for its patient, or set aside: then it goes its own way.
    if (!inbox.isKnown(view, event) || inbox.heldFate(view, event, version) !== undefined) return [];
    return [{ ...fetchEvent(type, id, { source, channel: 'reconciliation', receivedAt }), version }];
  });
}

/** Of a history, the newest first: the version that each resource has now. */
export function latestOf(events: readonly FhirEvent[], seen: Set<string>): FhirEvent[] {
  return events.filter(({ type, id }) => {
    const name = `${type}/${id}`;
    if (seen.has(name)) return false;
    seen.add(name);
    return true;
  });
}
