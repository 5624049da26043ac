/** Which resources an event brings or tells of, searched for as text: what cannot be mapped tells of patients too. */
import type { InboxEvent } from './inbox.js';

/** A slash may be written as `\/` in JSON. The id is looked at and not taken: it may be the next one's type. */
const REFERENCE = /([A-Z][A-Za-z]{0,63})\\?\/(?=([A-Za-z0-9.-]{1,64}))/g;

/** Names `Type/id` that an event brings or mentions, its own first; some may be none. */
export function mentionsOf(event: Pick<InboxEvent, 'type' | 'id' | 'bytes' | 'urn'>): Set<string> {
  const names = new Set([`${event.type}/${event.id}`]);
  for (const [, target] of event.urn ?? []) names.add(target);
  for (const [, type = '', id = ''] of event.bytes.toString('latin1').matchAll(REFERENCE)) {
    names.add(`${type}/${id}`);
    // At the end of a sentence.
    if (id.endsWith('.')) names.add(`${type}/${id.replace(/\.+$/, '')}`);
  }
  return names;
}

/** Ids of the patients among them. */
export function patientsOf(event: Pick<InboxEvent, 'type' | 'id' | 'bytes' | 'urn'>): string[] {
  return [...mentionsOf(event)].flatMap((name) =>
    name.startsWith('Patient/') ? [name.slice('Patient/'.length)] : [],
  );
}
