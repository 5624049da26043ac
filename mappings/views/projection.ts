import type { Shape } from './shape.js';

/**
 * Behind the name of a number that is needed as it was written, its text is kept under the name with this suffix. No
 * element's name has such a character.
 */
export const WRITTEN = '\u0000written';

/** A power of two, so that a place is found by a mask; views name a dozen members of an object. */
const SLOTS = 64;
/** Bits of a number that bitwise operators work on. */
const BITS = 32;

/** What is read of a value, ready for a reader of bytes. */
export interface Projection {
  /** The value is built with all that is below it. */
  readonly whole: boolean;
  /** A number's text is kept too. */
  readonly asWritten: boolean;
  /** Members to read, by {@link slotOf} of their names. */
  readonly slots: readonly (readonly ProjectedMember[] | undefined)[];
  /** The same by name, for names that are written with escapes. */
  readonly members: ReadonlyMap<string, ProjectedMember>;
}

/** A member that is read. */
export interface ProjectedMember {
  readonly name: string;
  /** The name in UTF-8. */
  readonly bytes: Uint8Array;
  /** A bit of its own among the members of the object; 0 where there are too many for that. */
  readonly bit: number;
  readonly value: Projection;
}

/** Place of a name by its length and its first and last byte. */
export function slotOf(length: number, first: number, last: number): number {
  return (length + first * 3 + last * 5) & (SLOTS - 1);
}

/**
 * Joins all that a view reads of one value. Shapes that read the same value are merged; where they lead back to
 * themselves the projection does too.
 */
export function projectionOf(shape: Shape): Projection {
  return new Projector().project([shape]);
}

class Projector {
  readonly #ids = new Map<Shape, number>();
  readonly #known = new Map<string, Projection>();

  project(shapes: Iterable<Shape>): Projection {
    const all = withAlso(shapes);
    const key = [...all]
      .map((shape) => this.#id(shape))
      .toSorted((a, b) => a - b)
      .join();
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const slots: (ProjectedMember[] | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
    const members = new Map<string, ProjectedMember>();
    const list = [...all];
    const projection: Projection = {
      whole: list.some(({ whole }) => whole),
      asWritten: list.some(({ asWritten }) => asWritten),
      slots,
      members,
    };
    // Known before its members are, for they may lead back here.
    this.#known.set(key, projection);
    const names = new Set(list.flatMap((shape) => [...shape.members.keys()]));
    for (const name of names) {
      const below = list.flatMap((shape) => shape.members.get(name) ?? []);
      const bytes = Buffer.from(name);
      const bit = members.size < BITS ? 1 << members.size : 0;
      const member = { name, bytes, bit, value: this.project(below) };
      members.set(name, member);
      const slot = slotOf(bytes.length, bytes[0] ?? 0, bytes.at(-1) ?? 0);
      (slots[slot] ??= []).push(member);
    }
    return projection;
  }

  #id(shape: Shape): number {
    let id = this.#ids.get(shape);
    if (id === undefined) this.#ids.set(shape, (id = this.#ids.size));
    return id;
  }
}

function withAlso(shapes: Iterable<Shape>): Set<Shape> {
  const all = new Set(shapes);
  // A set that grows while it is walked is walked to its new end.
  for (const shape of all) for (const other of shape.also) all.add(other);
  return all;
}
