import type { JsonObject } from '../../mappings/index.js';
import type { View } from '../../mappings/views/index.js';
import { AnalyticsError } from '../errors.js';
import { text, time, type Json } from './fhir-access.js';
import type { Reading, ReadingProblem } from './readings.js';
import type { StudyFeature } from './study.js';

/** Reads one feature of a patient's resources by a view. */
export interface ViewFeature {
  /** Type of the resources that the readings are of. */
  readonly resource: string;
  /** @param onProblem - Told of each value that was not used. */
  read(
    resources: readonly Json[],
    fromMs: number,
    sMs: number,
    onProblem: (problem: ReadingProblem) => void,
  ): readonly Reading[];
}

/**
 * A view made ready for one feature: the rows whose time lies wholly in the window, and that were known before its end.
 *
 * @throws AnalyticsError ANALYTICS_STUDY_INVALID where the view has no such column, or none that tells the time.
 * @see STANDARDS 7
 */
export function viewFeature(view: View, feature: StudyFeature & { readonly kind: 'column' }): ViewFeature {
  const at = (name: string): number => {
    const index = view.columns.findIndex((column) => column.name === name);
    if (index < 0) throw invalid(feature, `the view has no column ${name}`);
    return index;
  };
  const value = at(feature.column);
  const kind = view.columns[value]?.kind;
  if (kind !== 'number' && kind !== 'boolean')
    throw invalid(feature, `column ${feature.column} is no number and no boolean`);
  if (feature.time === undefined && view.resource !== 'Patient')
    throw invalid(feature, 'it names no column of time');
  const when = feature.time === undefined ? -1 : at(feature.time);
  const known = feature.issued === undefined ? -1 : at(feature.issued);
  const read: ViewFeature['read'] = (resources, fromMs, sMs, onProblem) => {
    const readings: Reading[] = [];
    let id = '';
    const run = view.start((row) => {
      const cell = row[value];
      if (typeof cell !== 'number' && typeof cell !== 'boolean') return;
      const effective = when < 0 ? { startMs: fromMs, endMs: fromMs } : time(row[when]);
      if (effective === undefined) {
        onProblem('no-time');
        return;
      }
      if (effective.startMs < fromMs || effective.endMs >= sMs) return;
      const issued = known < 0 ? undefined : time(row[known]);
      if (issued !== undefined && issued.endMs >= sMs) return;
      if (!Number.isFinite(Number(cell))) {
        onProblem('not-a-number');
        return;
      }
      const issuedMs = issued?.startMs ?? effective.startMs;
      readings.push({ value: Number(cell), effectiveMs: effective.startMs, issuedMs, id });
    });
    for (const resource of resources) {
      if (resource['resourceType'] !== view.resource) continue;
      id = text(resource['id']) ?? '';
      run.add(resource as JsonObject);
    }
    return readings.toSorted((a, b) => a.effectiveMs - b.effectiveMs || a.issuedMs - b.issuedMs);
  };
  return { resource: view.resource, read };
}

function invalid({ name }: StudyFeature, message: string): AnalyticsError {
  return new AnalyticsError('ANALYTICS_STUDY_INVALID', `feature ${name}: ${message}`);
}
