import type { Hierarchy } from './hierarchies.js';
import { AnonymityError } from './errors.js';
import { classKey, classSizes, placesOf } from './table.js';
import type { TextTable } from './table.js';

/** How likely persons of a table are found again. Risks lie in 0 to 1. */
export interface RiskReport {
  readonly rows: number;
  readonly classes: number;
  /** Size of the smallest class; 0 for an empty table. */
  readonly k: number;
  readonly uniqueRows: number;
  /** Someone who knows that the person is in the table: at worst, and on average. */
  readonly prosecutor: { readonly highest: number; readonly average: number };
  /** Someone who knows only that the person is in the population: at worst. */
  readonly journalist: { readonly highest: number };
  /** Someone who links the whole table with the population: the share of rows linked rightly. */
  readonly marketer: { readonly expected: number };
}

/** How a table was made from its population. */
export interface Population {
  readonly table: TextTable;
  readonly quasiIdentifiers: ReadonlyMap<string, Hierarchy>;
  readonly levels: ReadonlyMap<string, number>;
}

/**
 * The risks of a table by its quasi-identifiers.
 *
 * @param population - From which its persons come, not yet generalised; without it the table is its own.
 * @throws AnonymityError ANONYMITY_BAD_INPUT, also where a class of the table is not in the population.
 * @see El Emam, Guide to the De-Identification of Personal Health Information, 2013
 */
export function riskReport(
  table: TextTable,
  quasiIdentifiers: readonly string[],
  population?: Population,
): RiskReport {
  const places = placesOf(table, quasiIdentifiers);
  const sizes = classSizes(table.rows.map((row) => classKey(row, places)));
  const around = population === undefined ? sizes : classSizes(widenedKeys(population, quasiIdentifiers));
  const rows = table.rows.length;
  let smallest = Infinity;
  let smallestAround = Infinity;
  let uniqueRows = 0;
  let linked = 0;
  for (const [key, size] of sizes) {
    const outside = around.get(key) ?? 0;
    if (outside < size)
      throw new AnonymityError(
        'ANONYMITY_BAD_INPUT',
        'the table holds persons who are not in the population',
      );
    smallest = Math.min(smallest, size);
    smallestAround = Math.min(smallestAround, outside);
    if (size === 1) uniqueRows++;
    linked += size / outside;
  }
  return {
    rows,
    classes: sizes.size,
    k: rows === 0 ? 0 : smallest,
    uniqueRows,
    prosecutor: { highest: 1 / smallest, average: rows === 0 ? 0 : sizes.size / rows },
    journalist: { highest: 1 / smallestAround },
    marketer: { expected: rows === 0 ? 0 : linked / rows },
  };
}

function widenedKeys({ table, quasiIdentifiers, levels }: Population, names: readonly string[]): string[] {
  const places = placesOf(table, names);
  return table.rows.map((row) =>
    JSON.stringify(
      names.map((name, i) => {
        const value = row[places[i] ?? 0] ?? '';
        return quasiIdentifiers.get(name)?.widen(value, levels.get(name) ?? 0) ?? value;
      }),
    ),
  );
}
