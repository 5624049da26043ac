import { badElement } from '../elements.js';
import { isJsonObject } from '../json/value.js';
import type { JsonObject } from '../json/value.js';

/** Encounter states in which the stay is over, so that its period must have an end. */
const OVER: ReadonlySet<string> = new Set(['finished', 'cancelled']);

/**
 * What is particular to an Encounter: its class, period and hospitalization. An Encounter that is under way has
 * a period without end, which reaches on; one that is over and has none is taken as it is, with a note.
 *
 * @param notes - Gets `class-missing`, `period-missing`, `finished-without-end`.
 * @throws MappingError MAPPING_BAD_ELEMENT with the FHIRPath.
 * @see HL7 FHIR R4, Encounter
 */
export function noteEncounter(encounter: JsonObject, notes: string[]): void {
  const { status, period, hospitalization } = encounter;
  if (status !== undefined && typeof status !== 'string') throw badElement('Encounter.status');
  if (hospitalization !== undefined && !isJsonObject(hospitalization))
    throw badElement('Encounter.hospitalization');
  if (encounter['class'] === undefined) notes.push('class-missing');
  if (period === undefined) notes.push('period-missing');
  else if (!isJsonObject(period)) throw badElement('Encounter.period');
  else if (status !== undefined && OVER.has(status) && period['end'] === undefined)
    notes.push('finished-without-end');
}
