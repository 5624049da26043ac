import { badElement } from '../elements.js';
import { isJsonObject } from '../json/value.js';
import type { JsonObject, JsonValue } from '../json/value.js';

const UCUM = 'http://unitsofmeasure.org';

/** Values whose content is not among the facts: they are in the record, and only in the record. */
const WHOLE_ONLY: ReadonlySet<string> = new Set([
  'valueRange',
  'valueRatio',
  'valueSampledData',
  'valuePeriod',
]);

/**
 * What is particular to an Observation and to each of its components: one value at most, a unit that is coded in
 * UCUM, a reason where there is no value, one time.
 *
 * @param notes - Gets `value-with-absent-reason`, `value-missing`, `unit-not-ucum`, `value-not-in-facts`.
 * @throws MappingError MAPPING_BAD_ELEMENT with the FHIRPath: two values or two times are refused, since nobody
 * can say which one was meant.
 * @see HL7 FHIR R4, Observation, invariants obs-6 and obs-7
 */
export function noteObservation(observation: JsonObject, notes: string[]): void {
  const found = new Set<string>();
  const components = observation['component'];
  noteValue(
    observation,
    'Observation',
    components === undefined && observation['hasMember'] === undefined,
    found,
  );
  let times = 0;
  for (const name in observation) if (name.startsWith('effective')) times++;
  if (times > 1) throw badElement('Observation.effective');
  if (components !== undefined) {
    if (!Array.isArray(components)) throw badElement('Observation.component');
    components.forEach((component: JsonValue, i) => {
      const at = `Observation.component[${i}]`;
      if (!isJsonObject(component)) throw badElement(at);
      noteValue(component, at, true, found);
    });
  }
  if (found.size > 0) notes.push(...found);
}

/** @param needed - Whether a value, or the reason for its absence, should be here. */
function noteValue(element: JsonObject, at: string, needed: boolean, found: Set<string>): void {
  let valueName: string | undefined;
  for (const name in element) {
    if (!name.startsWith('value')) continue;
    if (valueName !== undefined) throw badElement(`${at}.value`);
    valueName = name;
  }
  const absent = element['dataAbsentReason'] !== undefined;
  if (valueName === undefined) {
    if (needed && !absent) found.add('value-missing');
    return;
  }
  if (absent) found.add('value-with-absent-reason');
  if (WHOLE_ONLY.has(valueName)) found.add('value-not-in-facts');
  if (valueName !== 'valueQuantity') return;
  const quantity = element[valueName];
  if (!isJsonObject(quantity)) throw badElement(`${at}.value`);
  if (quantity['system'] !== UCUM || quantity['code'] === undefined) found.add('unit-not-ucum');
}
