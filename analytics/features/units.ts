import ucum from '@lhncbc/ucum-lhc';
import aliasTable from './unit-aliases.json' with { type: 'json' };

/** A way from one unit to another: value × slope + offset. */
export interface Conversion {
  readonly slope: number;
  /** Not 0 between temperature scales. */
  readonly offset: number;
}

/** Spellings of units, outside UCUM, and what they mean in it. */
const aliases: ReadonlyMap<string, string> = new Map(Object.entries(aliasTable.aliases));
/** Units come from outside, so what is remembered of them is bounded; beyond this the table starts afresh. */
const CACHE_MAX = 4096;
/** A unit longer than this is free text; parsing it would cost without gain. */
const UNIT_LENGTH_MAX = 64;

const cache = new Map<string, Conversion | null>();

/**
 * The UCUM form of a unit as laboratories write it: aliases are resolved, micro signs become `u`, spaces at the ends go.
 *
 * A dimensionless `1` is left alone, since per cent and scores both convert from it.
 */
export function normaliseUnit(unit: string): string {
  const plain = unit.trim().replaceAll(/[\u00b5\u03bc]/g, 'u');
  return aliases.get(plain) ?? plain;
}

/**
 * How to convert between two units; remembered, since the UCUM parser is slow.
 *
 * @param from - As the source wrote it.
 * @param to - UCUM.
 * @param molarMass - g/mol, lets mass and amount of substance convert into each other.
 * @returns Undefined where the units are unknown or do not measure the same thing.
 */
export function conversion(from: string, to: string, molarMass?: number): Conversion | undefined {
  const key = `${from}\n${to}\n${molarMass ?? ''}`;
  const known = cache.get(key);
  if (known !== undefined) return known ?? undefined;
  if (cache.size >= CACHE_MAX) cache.clear();
  const found = from.length > UNIT_LENGTH_MAX ? undefined : find(normaliseUnit(from), to, molarMass);
  cache.set(key, found ?? null);
  return found;
}

/**
 * Applies a conversion; what comes out is rounded to 12 digits, so that 0.1 mg/dL is 1 mg/L and not a neighbour of it.
 */
export function convert(value: number, by: Conversion): number {
  if (by.slope === 1 && by.offset === 0) return value;
  return Number((value * by.slope + by.offset).toPrecision(12));
}

function find(from: string, to: string, molarMass: number | undefined): Conversion | undefined {
  if (from === to) return { slope: 1, offset: 0 };
  const one = ask(from, 1, to, molarMass);
  const two = ask(from, 2, to, molarMass);
  if (one === undefined || two === undefined) return undefined;
  const slope = Number((two - one).toPrecision(12));
  const offset = Number((one - slope).toPrecision(12));
  // What is left of a rounding error is no offset.
  return { slope, offset: Math.abs(offset) < 1e-9 * Math.abs(slope) ? 0 : offset };
}

function ask(from: string, value: number, to: string, molarMass: number | undefined): number | undefined {
  try {
    const options = molarMass === undefined ? {} : { molecularWeight: molarMass };
    const answer = ucum.UcumLhcUtils.getInstance().convertUnitTo(from, value, to, options);
    return answer.status === 'succeeded' && typeof answer.toVal === 'number' && Number.isFinite(answer.toVal)
      ? answer.toVal
      : undefined;
  } catch {
    // The parser throws on some malformed expressions: such a unit is unknown.
    return undefined;
  }
}
