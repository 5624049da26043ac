import type { Hierarchy } from './hierarchies.js';
import { placesOf } from './table.js';
import type { TextTable } from './table.js';

/** What an attack found out. */
export interface Attack {
  /** Persons looked for. */
  readonly tried: number;
  /** Persons to whom one row alone fits. */
  readonly singledOut: number;
  /** The least rows that fit any person to whom one fits. */
  readonly fewest: number;
}

/**
 * Tries to find persons again in a table that was given out, as someone would who knows all quasi-identifiers of
 * all of them: each cell is compared by what it may stand for, without use of the classes that the table was made by.
 *
 * @param known - The source, with the same columns as far as quasi-identifiers go.
 * @param quasiIdentifiers - With the hierarchies that were published with the table.
 * @throws AnonymityError ANONYMITY_BAD_INPUT.
 */
export function reidentify(
  known: TextTable,
  released: TextTable,
  quasiIdentifiers: ReadonlyMap<string, Hierarchy>,
): Attack {
  const names = [...quasiIdentifiers.keys()];
  const knownAt = placesOf(known, names);
  const releasedAt = placesOf(released, names);
  // For each column, the rows by the text of the cell.
  const rowsBy = releasedAt.map((at) => {
    const by = new Map<string, Set<number>>();
    for (const [i, row] of released.rows.entries()) {
      const text = row[at] ?? '';
      const rows = by.get(text) ?? new Set();
      by.set(text, rows.add(i));
    }
    return by;
  });
  let [singledOut, fewest] = [0, Infinity];
  for (const person of known.rows) {
    let fitting: Set<number> | undefined;
    for (const [i, { top, widen }] of [...quasiIdentifiers.values()].entries()) {
      const value = person[knownAt[i] ?? 0] ?? '';
      const texts = new Set(Array.from({ length: top + 1 }, (_, level) => widen(value, level)));
      const here = new Set<number>();
      for (const text of texts)
        for (const row of rowsBy[i]?.get(text) ?? []) if (fitting?.has(row) ?? true) here.add(row);
      fitting = here;
    }
    const count = fitting?.size ?? 0;
    if (count === 1) singledOut++;
    if (count > 0) fewest = Math.min(fewest, count);
  }
  return { tried: known.rows.length, singledOut, fewest: Number.isFinite(fewest) ? fewest : 0 };
}
