import { AnonymityError } from './errors.js';

/** What stands for any value. */
export const ANY = '*';

/** How a column's values are made wider, step by step. */
export interface Hierarchy {
  /** The widest level, at which every value is {@link ANY}; 0 is the value itself. */
  readonly top: number;
  /** The value at a level from 0 to `top`; a value that the hierarchy does not know is {@link ANY} above level 0. */
  readonly widen: (value: string, level: number) => string;
}

/**
 * Whole numbers in bands: `1970`, then for the widths 5 and 10 `1970–1974` and `1970–1979`, then any.
 *
 * @param widths - Each a multiple of the one before, so that a band never lies in two.
 * @throws AnonymityError ANONYMITY_BAD_INPUT.
 */
export function bands(...widths: readonly number[]): Hierarchy {
  let before = 1;
  for (const width of widths) {
    if (!Number.isSafeInteger(width) || width <= before || width % before !== 0)
      throw new AnonymityError('ANONYMITY_BAD_INPUT', 'each width of a band is a multiple of the one before');
    before = width;
  }
  return hierarchy(widths.length, (value, level) => {
    const width = widths[level - 1] ?? 1;
    if (!/^-?\d{1,9}$/.test(value)) return ANY;
    const low = Math.floor(Number(value) / width) * width;
    return `${low}–${low + width - 1}`;
  });
}

/**
 * Codes by their beginnings, such as ZIP areas: for the lengths 3 and 2 `021` and `02`, then any.
 *
 * @throws AnonymityError ANONYMITY_BAD_INPUT.
 */
export function prefixes(...lengths: readonly number[]): Hierarchy {
  if (lengths.some((one, i) => !Number.isSafeInteger(one) || one < 1 || one >= (lengths[i - 1] ?? Infinity)))
    throw new AnonymityError('ANONYMITY_BAD_INPUT', 'lengths of beginnings grow smaller');
  return hierarchy(lengths.length, (value, level) => {
    const length = lengths[level - 1] ?? 0;
    return value.length < length ? ANY : value.slice(0, length) + ANY.repeat(value.length - length);
  });
}

/**
 * Categories by parents: each map leads from a value to its parent one level up, then any. Without a map there is the
 * value and any.
 */
export function categories(...parents: readonly ReadonlyMap<string, string>[]): Hierarchy {
  return hierarchy(parents.length, (value, level) => {
    let at: string | undefined = value;
    for (const map of parents.slice(0, level)) at = at === undefined ? undefined : map.get(at);
    return at ?? ANY;
  });
}

function hierarchy(between: number, widen: Hierarchy['widen']): Hierarchy {
  const top = between + 1;
  return {
    top,
    widen: (value, level) => (level === 0 ? value : level >= top ? ANY : widen(value, level)),
  };
}
