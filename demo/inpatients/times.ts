/** Times as the hospital writes them: local time with its offset for what happened, UTC for what its server did. */

/** The hospital's clock: central European winter time all year, in minutes. */
const OFFSET_MINUTES = 60;

/** FHIR dateTime to the second, with the hospital's offset. */
export function localDateTime(ms: number): string {
  return `${new Date(ms + OFFSET_MINUTES * 60_000).toISOString().slice(0, 19)}+01:00`;
}

/** FHIR instant with milliseconds, in UTC. */
export function instant(ms: number): string {
  return new Date(ms).toISOString();
}

/** FHIR date (day) by the hospital's clock. */
export function localDate(ms: number): string {
  return new Date(ms + OFFSET_MINUTES * 60_000).toISOString().slice(0, 10);
}
