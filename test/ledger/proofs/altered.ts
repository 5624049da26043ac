/** Proof files with one thing changed. */

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Steps from the file's object down. */
export type Path = readonly (string | number)[];

/** A file as JSON. */
export function jsonOf(file: Uint8Array): Json {
  return JSON.parse(Buffer.from(file).toString('utf8')) as Json;
}

/** A file of JSON. */
export function fileOf(json: Json): Buffer {
  return Buffer.from(`${JSON.stringify(json)}\n`, 'utf8');
}

/** The value at a path. */
export function valueAt(json: Json, path: Path): Json {
  let at: Json = json;
  for (const step of path) at = (at as { [name: string]: Json })[step] ?? null;
  return at;
}

/** A copy with the value at a path changed; `undefined` takes it away. */
export function changed(file: Uint8Array, path: Path, change: (value: Json) => Json | undefined): Buffer {
  const json = jsonOf(file);
  const last = path.at(-1);
  if (last === undefined) return fileOf(change(json) ?? null);
  const holder = valueAt(json, path.slice(0, -1)) as { [name: string]: Json };
  const value = change(holder[last] ?? null);
  if (value !== undefined) holder[last] = value;
  else if (Array.isArray(holder)) holder.splice(Number(last), 1);
  else delete holder[last];
  return fileOf(json);
}

/** All paths to values, those of objects and lists included. */
export function pathsOf(json: Json, at: Path = []): Path[] {
  if (typeof json !== 'object' || json === null) return [at];
  const inner = Object.entries(json).flatMap(([name, value]) =>
    pathsOf(value, [...at, Array.isArray(json) ? Number(name) : name]),
  );
  return [at, ...inner];
}

/** A value that is a text. */
export function textOf(json: Json): string {
  if (typeof json !== 'string') throw new TypeError('not a text');
  return json;
}

/** Other base64url of the same length: its middle character is another. */
export function other(text: Json): Json {
  const before = textOf(text);
  const middle = Math.floor(before.length / 2);
  const swapped = before[middle] === 'A' ? 'B' : 'A';
  return before.slice(0, middle) + swapped + before.slice(middle + 1);
}
