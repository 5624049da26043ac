/** Whether a patient is in a cohort, by the records that the patient permits and by no others. */
import type { JsonObject, JsonValue } from '../../../mappings/index.js';
import type { Cell } from '../../../mappings/views/index.js';
import { endOfDay, viewNamed } from './definition.js';
import type { CohortDefinition, Criterion } from './definition.js';
import type { CohortRecord } from './population.js';

/** Numbers as numbers again: views reckon with them. */
function plainNumbers(value: JsonValue): JsonValue {
  if (typeof value === 'string' && value.startsWith('\u0001')) return Number(value.slice(1));
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(plainNumbers);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, one === undefined ? null : plainNumbers(one)]),
  );
}

/** A resource as `JSON.parse` gives it. */
export function asPlain(resource: JsonObject): JsonObject {
  return plainNumbers(resource) as JsonObject;
}

/** Judges patients by a definition; compiled once, for any number of them. */
export class Criteria {
  readonly #definition: CohortDefinition;

  constructor(definition: Pick<CohortDefinition, 'include' | 'exclude' | 'window' | 'valueSets' | 'types'>) {
    this.#definition = definition as CohortDefinition;
  }

  /** Records within the window; those of no time are within any. */
  within(records: readonly CohortRecord[]): readonly CohortRecord[] {
    const { window } = this.#definition;
    if (window === undefined) return records;
    const [from, to] = [Date.parse(`${window.start}T00:00:00Z`), endOfDay(window.end)];
    return records.filter(({ card }) => {
      const { period } = card.gate;
      return period === undefined || (period.endMs >= from && period.startMs <= to);
    });
  }

  holds(records: readonly CohortRecord[]): boolean {
    const { include = [], exclude = [] } = this.#definition;
    const inWindow = this.within(records);
    const opened = new Map<string, JsonObject>();
    return (
      include.every((one) => this.#meets(one, inWindow, opened)) &&
      !exclude.some((one) => this.#meets(one, inWindow, opened))
    );
  }

  #meets(criterion: Criterion, records: readonly CohortRecord[], opened: Map<string, JsonObject>): boolean {
    const { codes, valueSet, view, column, atLeast = 1 } = criterion;
    if (view !== undefined && column !== undefined) {
      const compiled = viewNamed(view);
      const at = compiled.columns.findIndex(({ name }) => name === column);
      let rows = 0;
      const run = compiled.start((row) => {
        if (isMet(criterion, row[at] ?? null)) rows++;
      });
      for (const record of records) {
        if (record.card.gate.type !== compiled.resource) continue;
        let resource = opened.get(record.handle);
        if (resource === undefined) {
          resource = asPlain(record.open());
          opened.set(record.handle, resource);
        }
        run.add(resource);
      }
      return rows >= atLeast;
    }
    const wanted = new Set(
      (codes ?? this.#definition.valueSets?.[valueSet ?? ''] ?? []).map(
        ({ system, code }) => `${system}|${code}`,
      ),
    );
    return records.filter(({ card }) => card.gate.codes.some((code) => wanted.has(code))).length >= atLeast;
  }
}

function isMet({ in: values, min, max }: Criterion, cell: Cell): boolean {
  if (cell === null || typeof cell === 'object') return false;
  if (values !== undefined && !values.includes(cell)) return false;
  const isAbove = min === undefined || (typeof min === typeof cell && cell >= min);
  return isAbove && (max === undefined || (typeof max === typeof cell && cell <= max));
}
