import { AnonymityError } from './errors.js';
import type { Hierarchy } from './hierarchies.js';
import { classSizes, placesOf } from './table.js';
import type { TextTable } from './table.js';

/** What is asked of {@link anonymise}. */
export interface AnonymiseOptions {
  /** Rows that at least agree in all quasi-identifiers; 2 or more. */
  readonly k: number;
  /** What outsiders may know of a person, and how it may be made wider. */
  readonly quasiIdentifiers: ReadonlyMap<string, Hierarchy>;
  /** Largest share of rows that may be left out, 0 to 1. */
  readonly suppressedMax: number;
}

/** An anonymous table and what it cost. */
export interface Anonymised {
  readonly table: TextTable;
  /** Level of each quasi-identifier. */
  readonly levels: ReadonlyMap<string, number>;
  /** Rows left out. */
  readonly suppressed: number;
  readonly loss: {
    /** Mean height of the levels, 0 (as it was) to 1 (any). */
    readonly generalisation: number;
    /** Share of rows left out. */
    readonly suppression: number;
    /** Share of the information in the quasi-identifiers that is lost: a row left out has lost all. */
    readonly total: number;
  };
  /** Combinations of levels that were tried. */
  readonly tried: number;
}

/** Combinations of levels that are searched at most. */
export const LATTICE_MAX = 100_000;

/**
 * Makes a table k-anonymous with the least loss that levels for whole columns allow, and leaves out the rows of classes
 * smaller than k. Each combination of levels is tried by growing loss until none can be better: the result is the
 * optimum, and the same for the same table.
 *
 * @throws AnonymityError ANONYMITY_BAD_INPUT, ANONYMITY_NO_QUASI_IDENTIFIERS, ANONYMITY_K_NOT_REACHABLE,
 * ANONYMITY_TOO_LARGE.
 * @see Samarati and Sweeney 1998; Sweeney 2002 (precision)
 */
export function anonymise(table: TextTable, options: AnonymiseOptions): Anonymised {
  const { k, quasiIdentifiers, suppressedMax } = options;
  if (!Number.isSafeInteger(k) || k < 2)
    throw new AnonymityError('ANONYMITY_BAD_INPUT', 'k is a whole number from 2');
  if (!(suppressedMax >= 0 && suppressedMax <= 1))
    throw new AnonymityError('ANONYMITY_BAD_INPUT', 'the share of rows to leave out lies in 0 to 1');
  if (quasiIdentifiers.size === 0)
    throw new AnonymityError('ANONYMITY_NO_QUASI_IDENTIFIERS', 'no quasi-identifier is declared');
  const names = [...quasiIdentifiers.keys()];
  const hierarchies = [...quasiIdentifiers.values()];
  const places = placesOf(table, names);
  const coded = hierarchies.map((each, i) => codeColumn(table, places[i] ?? 0, each));
  const total = table.rows.length;
  let best:
    { readonly levels: readonly number[]; readonly keys: readonly string[]; loss: number } | undefined;
  let tried = 0;
  for (const levels of combinations(hierarchies)) {
    const height = heightOf(levels, hierarchies);
    // Rows left out lose all, so a combination loses at least its height.
    if (best !== undefined && height >= best.loss) break;
    tried++;
    const keys = keysOf(coded, levels, total);
    const sizes = classSizes(keys);
    let left = 0;
    for (const size of sizes.values()) if (size < k) left += size;
    if (left > suppressedMax * total || left === total) continue;
    const loss = ((total - left) * height + left) / total;
    if (best === undefined || loss < best.loss) best = { levels, keys, loss };
  }
  if (best === undefined)
    throw new AnonymityError('ANONYMITY_K_NOT_REACHABLE', `no combination of levels reaches k of ${k}`);
  return widened(table, { names, hierarchies, places, k, tried, ...best });
}

interface Chosen {
  readonly names: readonly string[];
  readonly hierarchies: readonly Hierarchy[];
  readonly places: readonly number[];
  readonly k: number;
  readonly tried: number;
  readonly levels: readonly number[];
  readonly keys: readonly string[];
  readonly loss: number;
}

function widened(table: TextTable, chosen: Chosen): Anonymised {
  const { names, hierarchies, places, levels, keys, k } = chosen;
  const sizes = classSizes(keys);
  const kept = table.rows.filter((_, i) => (sizes.get(keys[i] ?? '') ?? 0) >= k);
  const rows = kept.map((row) => {
    const out = [...row];
    for (const [i, at] of places.entries())
      out[at] = hierarchies[i]?.widen(row[at] ?? '', levels[i] ?? 0) ?? '';
    return out;
  });
  const suppressed = table.rows.length - kept.length;
  return {
    table: { columns: table.columns, rows },
    levels: new Map(names.map((name, i) => [name, levels[i] ?? 0])),
    suppressed,
    loss: {
      generalisation: heightOf(levels, hierarchies),
      suppression: suppressed / table.rows.length,
      total: chosen.loss,
    },
    tried: chosen.tried,
  };
}

function heightOf(levels: readonly number[], hierarchies: readonly Hierarchy[]): number {
  let sum = 0;
  for (const [i, { top }] of hierarchies.entries()) sum += (levels[i] ?? 0) / top;
  return sum / hierarchies.length;
}

/** All combinations of levels by growing height; of one height in the order of the columns. */
function combinations(hierarchies: readonly Hierarchy[]): number[][] {
  let all: number[][] = [[]];
  for (const { top } of hierarchies) {
    if (!Number.isSafeInteger(top) || top < 1)
      throw new AnonymityError('ANONYMITY_BAD_INPUT', 'a hierarchy has a level above the value itself');
    if (all.length * (top + 1) > LATTICE_MAX)
      throw new AnonymityError(
        'ANONYMITY_TOO_LARGE',
        `there are more than ${LATTICE_MAX} combinations of levels`,
      );
    all = all.flatMap((levels) => Array.from({ length: top + 1 }, (_, level) => [...levels, level]));
  }
  // The order of equals is kept.
  return all
    .map((levels) => ({ levels, height: heightOf(levels, hierarchies) }))
    .toSorted((a, b) => a.height - b.height)
    .map(({ levels }) => levels);
}

/** For each level the rows' values as small numbers. */
function codeColumn(table: TextTable, at: number, { top, widen }: Hierarchy): Uint32Array[] {
  return Array.from({ length: top + 1 }, (_, level) => {
    const codes = new Map<string, number>();
    return Uint32Array.from(table.rows, (row) => {
      const value = widen(row[at] ?? '', level);
      const code = codes.get(value) ?? codes.size;
      codes.set(value, code);
      return code;
    });
  });
}

function keysOf(coded: readonly Uint32Array[][], levels: readonly number[], total: number): string[] {
  const columns = coded.map((each, i) => each[levels[i] ?? 0] ?? new Uint32Array(total));
  return Array.from({ length: total }, (_, i) => columns.map((column) => column[i]).join(','));
}
