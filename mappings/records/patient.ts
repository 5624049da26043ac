import { badDate, badElement, elementPath, forEachElement } from '../elements.js';
import { interval } from '../dates.js';
import { isJsonObject } from '../json/value.js';
import type { JsonObject } from '../json/value.js';
import { resolveReference } from '../references.js';
import type { MapContext, PatientLinks } from './record.js';

const LINKS = elementPath('link[]');

/**
 * What a Patient says of its other records and of death. Other Patients named in links do not make the resource
 * belong to several: it is how a server says that two records are one person's.
 *
 * @param notes - Gets `link-not-resolved` for a link that leads to no Patient of this source.
 * @throws MappingError MAPPING_BAD_ELEMENT, MAPPING_BAD_DATE with the FHIRPath.
 * @see HL7 FHIR R4, Patient, "Linking Patients"
 */
export function patientLinksOf(patient: JsonObject, context: MapContext, notes: string[]): PatientLinks {
  const replacedBy: string[] = [];
  const replaces: string[] = [];
  const others: string[] = [];
  forEachElement(patient, LINKS, 'Patient', (link, expression) => {
    if (!isJsonObject(link)) throw badElement(expression());
    const { type } = link;
    if (type !== undefined && typeof type !== 'string') throw badElement(`${expression()}.type`);
    const target = resolveReference(link['other'] ?? {}, context);
    if (target.kind === 'bad' && target.element === '') throw badElement(`${expression()}.other`);
    if (target.kind !== 'local') notes.push('link-not-resolved');
    else if (target.type === 'Patient') {
      const list = type === 'replaced-by' ? replacedBy : type === 'replaces' ? replaces : others;
      list.push(target.id);
    }
  });
  const { active } = patient;
  if (active !== undefined && typeof active !== 'boolean') throw badElement('Patient.active');
  return {
    ...(active === undefined ? {} : { active }),
    replacedBy,
    replaces,
    others,
    deceased: isDeceased(patient),
  };
}

function isDeceased(patient: JsonObject): boolean {
  const { deceasedBoolean, deceasedDateTime } = patient;
  if (deceasedBoolean !== undefined && deceasedDateTime !== undefined) throw badElement('Patient.deceased');
  if (deceasedBoolean !== undefined) {
    if (typeof deceasedBoolean !== 'boolean') throw badElement('Patient.deceased');
    return deceasedBoolean;
  }
  if (deceasedDateTime === undefined) return false;
  if (typeof deceasedDateTime !== 'string') throw badElement('Patient.deceased');
  if (interval(deceasedDateTime) === undefined) throw badDate('Patient.deceased');
  return true;
}
