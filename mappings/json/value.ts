/** What JSON can hold, as `JSON.parse` gives it. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;

/** A JSON object. A name that it lacks reads as `undefined`. */
export interface JsonObject {
  readonly [name: string]: JsonValue | undefined;
}

/** Whether a parsed value is an object: not null and not an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
