import { isPresent, type Chart } from './chart.js';
import type { CompiledStudy } from './compile.js';
import { codingKeys, finite, object, text, time, timeOf, type Json } from './fhir-access.js';
import type { ResourceId } from './patient.js';

/** What Conditions, Procedures and yes-or-no Observations say. */
export interface Findings {
  /** What says so, by index of the study's disease. */
  readonly diseases: Map<number, ResourceId[]>;
  /** By index of the feature: whether it is present, what says so, and when that was effective. */
  readonly presence: Map<number, { present: boolean; from: ResourceId[]; atMs: number }>;
}

/**
 * What Conditions, Procedures and yes-or-no Observations say of the time up to the scoring time.
 *
 * @param fromMs - Start of the window.
 * @param t0Ms - Admission.
 * @param sMs - Scoring time.
 */
export function findings(
  chart: Chart,
  compiled: CompiledStudy,
  fromMs: number,
  t0Ms: number,
  sMs: number,
): Findings {
  const out: Findings = { diseases: new Map(), presence: new Map() };
  for (const condition of chart.conditions) {
    const keys = codingKeys(condition['code']);
    if (!isPresent(condition, t0Ms, sMs)) continue;
    const id = named('Condition', text(condition['id']) ?? '');
    for (const disease of keys.map(compiled.disease)) {
      if (disease >= 0) out.diseases.set(disease, [...(out.diseases.get(disease) ?? []), ...id]);
    }
    mark(out, compiled, keys, id);
  }
  for (const procedure of chart.procedures) {
    const when = timeOf(procedure, 'performed');
    // A procedure that goes on belongs to the time at which it began.
    if (when === undefined || when.startMs < fromMs || when.startMs >= sMs) continue;
    mark(out, compiled, codingKeys(procedure['code']), named('Procedure', text(procedure['id']) ?? ''));
  }
  for (const observation of chart.observations) markAbove(out, compiled, observation, fromMs, sMs);
  return out;
}

function mark(out: Findings, compiled: CompiledStudy, keys: readonly string[], from: ResourceId[]): void {
  for (const key of keys) {
    for (const { feature: index, above } of compiled.presence.get(key) ?? []) {
      // What is coded outright outweighs any measured value.
      if (above === undefined) out.presence.set(index, { present: true, from, atMs: -Infinity });
    }
  }
}

/** An Observation and its components, where the first of them in time decides. */
function markAbove(
  out: Findings,
  compiled: CompiledStudy,
  observation: Json,
  fromMs: number,
  sMs: number,
): void {
  const parts: unknown[] = Array.isArray(observation['component']) ? observation['component'] : [];
  for (const holder of [observation, ...parts.map(object)]) {
    if (holder === undefined) continue;
    for (const key of codingKeys(holder['code'])) {
      const entries = compiled.presence.get(key);
      if (entries === undefined) continue;
      const when = timeOf(observation, 'effective');
      const issued = time(observation['issued']);
      if (when === undefined || when.startMs < fromMs || when.endMs >= sMs) continue;
      if (issued !== undefined && issued.endMs >= sMs) continue;
      const value = finite(object(holder['valueQuantity'])?.['value']) ?? finite(holder['valueInteger']);
      for (const { feature: index, above } of entries) {
        const present =
          above === undefined ? holder['valueBoolean'] === true : value !== undefined && value > above;
        if (above !== undefined && value === undefined) continue;
        const before = out.presence.get(index);
        if (
          before !== undefined &&
          (before.atMs < when.startMs || (before.atMs === when.startMs && before.present))
        )
          continue;
        out.presence.set(index, {
          present,
          from: named('Observation', text(observation['id']) ?? ''),
          atMs: when.startMs,
        });
      }
    }
  }
}

/** The name of a resource, as a list that is empty for one without an id. */
export function named(type: string, id: string): ResourceId[] {
  return id === '' ? [] : [{ type, id }];
}
