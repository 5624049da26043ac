import { skipScalar, skipSpace, skipString, skipValue } from './skip.js';

/**
 * Which numbers of a document to look for: a tree of member names. `number` marks a place where one may stand,
 * `list` one where the objects below repeat.
 */
export interface NumberPlaces {
  readonly members: ReadonlyMap<string, NumberPlaces>;
  readonly number: boolean;
}

/** Builds the tree from paths such as `valueQuantity.value` and `component[].valueQuantity.value`. */
export function numberPlaces(paths: Iterable<string>): NumberPlaces {
  const root = place();
  for (const path of paths) {
    let at = root;
    for (const name of path.replaceAll('[]', '').split('.')) {
      let next = at.members.get(name);
      if (next === undefined) at.members.set(name, (next = place()));
      at = next;
    }
    at.number = true;
  }
  return root;
}

/**
 * The text of numbers as a document writes them: 7.40, where `JSON.parse` gives 7.4. Reads over everything else
 * without building it.
 *
 * @param bytes - An object's text, as parseJson has accepted it.
 * @returns text by place: `valueQuantity.value`, `component[0].valueQuantity.value`.
 */
export function numberTexts(bytes: Buffer, places: NumberPlaces): Map<string, string> {
  const found = new Map<string, string>();
  visit(bytes, skipSpace(bytes, 0), places, '', found);
  return found;
}

interface Place extends NumberPlaces {
  readonly members: Map<string, Place>;
  number: boolean;
}

function place(): Place {
  return { members: new Map(), number: false };
}

const COMMA = 0x2c;

/** Returns the index behind the value at `at`. */
function visit(
  bytes: Buffer,
  at: number,
  places: NumberPlaces,
  path: string,
  found: Map<string, string>,
): number {
  const first = bytes[at];
  if (first === 0x7b) return visitObject(bytes, at, places, path, found);
  if (first === 0x5b) return visitArray(bytes, at, places, path, found);
  if (first === 0x22) return skipString(bytes, at);
  const end = skipScalar(bytes, at);
  if (places.number && (first === 0x2d || (first !== undefined && first >= 0x30 && first <= 0x39))) {
    found.set(path, bytes.toString('latin1', at, end));
  }
  return end;
}

function visitObject(
  bytes: Buffer,
  at: number,
  places: NumberPlaces,
  path: string,
  found: Map<string, string>,
): number {
  at = skipSpace(bytes, at + 1);
  while (bytes[at] === 0x22) {
    const keyEnd = skipString(bytes, at);
    const below = memberOf(bytes, at + 1, keyEnd - 1, places);
    at = skipSpace(bytes, skipSpace(bytes, keyEnd) + 1);
    if (below === undefined) at = skipValue(bytes, at);
    else at = visit(bytes, at, below.places, path === '' ? below.name : `${path}.${below.name}`, found);
    at = skipSpace(bytes, at);
    if (bytes[at] !== COMMA) break;
    at = skipSpace(bytes, at + 1);
  }
  return at + 1;
}

function visitArray(
  bytes: Buffer,
  at: number,
  places: NumberPlaces,
  path: string,
  found: Map<string, string>,
): number {
  at = skipSpace(bytes, at + 1);
  for (let i = 0; at < bytes.length && bytes[at] !== 0x5d; i++) {
    at = skipSpace(bytes, visit(bytes, at, places, `${path}[${i}]`, found));
    if (bytes[at] !== COMMA) break;
    at = skipSpace(bytes, at + 1);
  }
  return at + 1;
}

/** The wanted member that the key names. Names are ASCII; most keys are told apart by length and first letter. */
function memberOf(
  bytes: Buffer,
  start: number,
  end: number,
  places: NumberPlaces,
): { readonly name: string; readonly places: NumberPlaces } | undefined {
  for (const [name, below] of places.members) {
    if (name.length === end - start && name.charCodeAt(0) === bytes[start] && isName(bytes, start, name)) {
      return { name, places: below };
    }
  }
  return bytes.subarray(start, end).includes(0x5c) ? escapedMember(bytes, start, end, places) : undefined;
}

function isName(bytes: Buffer, start: number, name: string): boolean {
  for (let i = 1; i < name.length; i++) if (bytes[start + i] !== name.charCodeAt(i)) return false;
  return true;
}

function escapedMember(
  bytes: Buffer,
  start: number,
  end: number,
  places: NumberPlaces,
): { readonly name: string; readonly places: NumberPlaces } | undefined {
  let name: unknown;
  try {
    name = JSON.parse(`"${bytes.toString('utf8', start, end)}"`);
  } catch {
    return undefined;
  }
  const below = typeof name === 'string' ? places.members.get(name) : undefined;
  return below === undefined ? undefined : { name: String(name), places: below };
}
