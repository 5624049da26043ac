import type { Chart } from './chart.js';
import { codingKeys, finite, object, objects, text, time, timeOf, type Json } from './fhir-access.js';
import type { CompiledCode, CompiledStudy } from './compile.js';
import { conversion, convert } from './units.js';
import type { Pick } from './study.js';

/** One measured value, in its family's unit. */
export interface Reading {
  readonly value: number;
  readonly effectiveMs: number;
  /** Observation.issued; equal to `effectiveMs` where it is absent. */
  readonly issuedMs: number;
  /** Logical id of the Observation; empty where it has none. */
  readonly id: string;
}

/** Why a value in the window was not used. */
export type ReadingProblem = 'unit-unknown' | 'unit-missing' | 'implausible' | 'no-time' | 'not-a-number';

/** Told of each value that was not used, so that none goes silently. */
export type OnProblem = (family: string, problem: ReadingProblem, unit: string) => void;

/** Told of each value that was used: its unit as written, and the value in the family's. */
export type OnUse = (family: string, unit: string, value: number) => void;

const IGNORE: OnUse = () => undefined;

/** Units that are quoted in a report are cut to this many characters. */
const UNIT_SHOWN_MAX = 24;

/**
 * The readings of each family that lie in the window: effective wholly in [`fromMs`, `sMs`) and issued before `sMs`.
 *
 * Values with a comparator (`<5`) count as their bound. Components are readings of their own.
 *
 * @returns By family, each ordered by effective, issued, id.
 * @see STANDARDS 7
 */
export function readingsOf(
  chart: Chart,
  compiled: CompiledStudy,
  fromMs: number,
  sMs: number,
  onProblem: OnProblem,
  onUse: OnUse = IGNORE,
): Map<string, Reading[]> {
  const readings = new Map<string, Reading[]>();
  const take = (observation: Json, holder: Json): void => {
    const known = measuredBy(holder, compiled);
    if (known === undefined) return;
    const isNumber = hasNumber(holder);
    if (!isNumber && !hasOtherValue(holder)) return;
    const when = timeOf(observation, 'effective');
    if (when === undefined) {
      onProblem(known.name, 'no-time', '');
      return;
    }
    if (when.startMs < fromMs || when.endMs >= sMs) return;
    const issued = time(observation['issued']);
    if (issued !== undefined && issued.endMs >= sMs) return;
    if (!isNumber) {
      onProblem(known.name, 'not-a-number', '');
      return;
    }
    const value = valueOf(holder, known, onProblem, onUse);
    if (value === undefined) return;
    const reading: Reading = {
      value,
      effectiveMs: when.startMs,
      issuedMs: issued?.startMs ?? when.startMs,
      id: text(observation['id']) ?? '',
    };
    const list = readings.get(known.name);
    if (list === undefined) readings.set(known.name, [reading]);
    else list.push(reading);
  };
  for (const observation of chart.observations) {
    take(observation, observation);
    for (const component of objects(observation['component'])) take(observation, component);
  }
  for (const list of readings.values()) list.sort(inOrder);
  return readings;
}

/** Readings of one feature made one value. */
export interface Picked {
  readonly value: number;
  /** Ids of what it came from. */
  readonly ids: readonly string[];
}

const DAY_MS = 86_400_000;

/**
 * The value that a feature takes of its readings.
 *
 * @param readings - In order; of equal values the earliest counts.
 * @returns Undefined where there is none.
 */
export function pickReading(readings: readonly Reading[], pick: Pick): Picked | undefined {
  const ids = (): string[] => [...new Set(readings.map(({ id }) => id))];
  if (pick === 'count') return { value: readings.length, ids: ids() };
  let taken = pick === 'last' ? readings.at(-1) : readings[0];
  if (taken === undefined) return undefined;
  if (pick === 'mean') return { value: meanOf(readings.map(({ value }) => value)), ids: ids() };
  if (pick === 'slope') {
    const value = slopeADay(readings);
    return value === undefined ? undefined : { value, ids: ids() };
  }
  if (pick === 'min' || pick === 'max') {
    for (const reading of readings) {
      if (pick === 'min' ? reading.value < taken.value : reading.value > taken.value) taken = reading;
    }
  }
  return { value: taken.value, ids: [taken.id] };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}

/** Least squares over time; undefined where all readings are of one time. */
function slopeADay(readings: readonly Reading[]): number | undefined {
  const first = readings[0]?.effectiveMs ?? 0;
  const days = readings.map(({ effectiveMs }) => (effectiveMs - first) / DAY_MS);
  const [day, value] = [meanOf(days), meanOf(readings.map((reading) => reading.value))];
  let [across, square] = [0, 0];
  readings.forEach((reading, i) => {
    const d = (days[i] ?? 0) - day;
    across += d * (reading.value - value);
    square += d * d;
  });
  return square > 0 ? across / square : undefined;
}

function inOrder(a: Reading, b: Reading): number {
  return a.effectiveMs - b.effectiveMs || a.issuedMs - b.issuedMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

function measuredBy(holder: Json, compiled: CompiledStudy): CompiledCode | undefined {
  for (const key of codingKeys(holder['code'])) {
    const known = compiled.measured.get(key);
    if (known !== undefined) return known;
  }
  return undefined;
}

function hasNumber(holder: Json): boolean {
  return (
    finite(object(holder['valueQuantity'])?.['value']) !== undefined ||
    finite(holder['valueInteger']) !== undefined
  );
}

/** A text, a range, or a number too large for any; a quantity without a value is absent, not wrong. */
function hasOtherValue(holder: Json): boolean {
  return Object.keys(holder).some((name) => {
    if (!name.startsWith('value')) return false;
    const value = name === 'valueQuantity' ? object(holder[name])?.['value'] : holder[name];
    return value !== undefined && value !== null;
  });
}

function valueOf(holder: Json, known: CompiledCode, onProblem: OnProblem, onUse: OnUse): number | undefined {
  const { family, code, name } = known;
  const quantity = object(holder['valueQuantity']);
  const raw = finite(quantity?.['value']) ?? finite(holder['valueInteger']);
  if (raw === undefined) return undefined;
  // An integer has no unit, and a score needs none.
  const unit =
    text(quantity?.['code']) ??
    text(quantity?.['unit']) ??
    (family.unit.startsWith('{') ? family.unit : undefined);
  if (unit === undefined) {
    onProblem(name, 'unit-missing', '');
    return undefined;
  }
  const by = conversion(unit, family.unit, code.molarMass);
  if (by === undefined) {
    onProblem(name, 'unit-unknown', unit.slice(0, UNIT_SHOWN_MAX));
    return undefined;
  }
  const value = convert(raw, by) * (code.multiply ?? 1);
  const [low, high] = family.plausible;
  if (value < low || value > high) {
    onProblem(name, 'implausible', unit.slice(0, UNIT_SHOWN_MAX));
    return undefined;
  }
  onUse(name, unit.slice(0, UNIT_SHOWN_MAX), value);
  return value;
}
