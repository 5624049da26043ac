import { badDate, badElement } from '../elements.js';
import { instant } from '../dates.js';
import { MappingError } from '../errors.js';
import { isJsonObject } from '../json/value.js';
import type { JsonObject } from '../json/value.js';
import { isFhirId, resolveReference } from '../references.js';
import { isRecordType } from '../resource-types.js';
import { contentOf } from './content.js';
import { noteEncounter } from './encounter.js';
import { noteObservation } from './observation.js';
import { ownedBy, ownerOf } from './owner.js';
import type { Owner } from './owner.js';
import { patientLinksOf } from './patient.js';
import type { CompartmentRecord, MapContext, MappedRecord, RecordName } from './record.js';

/**
 * What one FHIR R4 resource means to us: whose it is, what the gate asks about it, and the facts that can be
 * opened of it. Pure, and the same for the same bytes and context.
 *
 * @param resource - As parseJson gives it.
 * @throws MappingError MAPPING_NOT_A_RESOURCE, MAPPING_UNSUPPORTED, MAPPING_NO_ID, MAPPING_BAD_ID,
 * MAPPING_NO_PATIENT, MAPPING_SEVERAL_PATIENTS, MAPPING_BAD_DATE, MAPPING_BAD_ELEMENT; those of an element with
 * its FHIRPath.
 * @see HL7 FHIR R4, Resource, CompartmentDefinition/patient
 */
export function mapRecord(resource: unknown, context: MapContext): MappedRecord {
  if (!isJsonObject(resource))
    throw new MappingError('MAPPING_NOT_A_RESOURCE', 'the JSON is no FHIR resource');
  const name = nameOf(resource, context);
  const { type } = name;
  if (type === 'Patient') return patientRecord(resource, name, context);
  const owner = type === 'Binary' ? binaryOwner(resource, context) : ownerOf(resource, type, context);
  if (owner.by === 'nobody' && type !== 'Binary') return { kind: 'directory', ...name };
  if (owner.by === 'lookup') return { kind: 'lookup', ...name, needs: owner.needs };
  const notes: string[] = [];
  if (type === 'Observation') noteObservation(resource, notes);
  else if (type === 'Encounter') noteEncounter(resource, notes);
  const settled = settle(owner, type, context);
  const content = contentOf(resource, type, context, notes);
  if (settled.by === 'patient') {
    const { subject, path: subjectPath } = settled;
    return { kind: 'compartment', ...name, subject, subjectPath, ...content };
  }
  if (settled.by === 'others') {
    return { kind: 'attached', ...name, via: settled.via, subjectPath: settled.path, ...content };
  }
  return { kind: 'binary', ...name, ...content };
}

function patientRecord(patient: JsonObject, name: RecordName, context: MapContext): CompartmentRecord {
  const notes: string[] = [];
  ownedBy(name.id, 'Patient', patient, 'Patient', context);
  const patientLinks = patientLinksOf(patient, context, notes);
  const content = contentOf(patient, 'Patient', context, notes);
  return { kind: 'compartment', ...name, subject: name.id, subjectPath: 'Patient', ...content, patientLinks };
}

/** Puts in the patient that the caller found for what belongs to one only through something else. */
function settle(owner: Exclude<Owner, { by: 'lookup' }>, type: string, context: MapContext): typeof owner {
  const { patient } = context;
  if (patient === undefined) return owner;
  if (owner.by !== 'patient') {
    return { by: 'patient', subject: patient, path: owner.by === 'others' ? owner.path : type };
  }
  if (owner.subject === patient) return owner;
  throw new MappingError(
    'MAPPING_SEVERAL_PATIENTS',
    'the resource names another patient than it belongs to',
    {
      expression: owner.path,
    },
  );
}

/** A Binary's `securityContext` says whose it is, directly or through another resource; else its referrers do. */
function binaryOwner(binary: JsonObject, context: MapContext): Owner {
  const { securityContext } = binary;
  if (securityContext === undefined) return { by: 'nobody' };
  const path = 'Binary.securityContext';
  const target = resolveReference(securityContext, context);
  if (target.kind === 'nothing') return { by: 'nobody' };
  if (target.kind === 'bad') throw badElement(`${path}${target.element}`);
  if (target.kind === 'conditional') {
    return { by: 'lookup', needs: [{ expression: path, type: target.type, query: target.query }] };
  }
  if (target.kind !== 'local') {
    throw new MappingError('MAPPING_NO_PATIENT', `${path} names nothing of this source`, {
      expression: path,
    });
  }
  const { type, id } = target;
  return type === 'Patient'
    ? { by: 'patient', subject: id, path }
    : { by: 'others', via: [{ type, id }], path };
}

/** Type, id and version, all of a syntax that may stand in a path. */
function nameOf(resource: JsonObject, context: MapContext): RecordName {
  const type = resource['resourceType'];
  if (typeof type !== 'string')
    throw new MappingError('MAPPING_NOT_A_RESOURCE', 'the JSON has no resourceType');
  if (!isRecordType(type)) {
    throw new MappingError('MAPPING_UNSUPPORTED', 'the resourceType is no record of FHIR R4', {
      expression: 'resourceType',
    });
  }
  const id = resource['id'] ?? context.id;
  if (id === undefined || id === '') {
    throw new MappingError('MAPPING_NO_ID', `${type}.id is absent`, { expression: `${type}.id` });
  }
  if (typeof id !== 'string') throw badElement(`${type}.id`);
  if (!isFhirId(id)) {
    throw new MappingError('MAPPING_BAD_ID', `${type}.id is no FHIR id`, { expression: `${type}.id` });
  }
  const { meta } = resource;
  if (meta === undefined) return { type, id };
  if (!isJsonObject(meta)) throw badElement(`${type}.meta`);
  const { versionId, lastUpdated } = meta;
  if (versionId !== undefined && (typeof versionId !== 'string' || !isFhirId(versionId))) {
    throw badElement(`${type}.meta.versionId`);
  }
  if (lastUpdated === undefined) return versionId === undefined ? { type, id } : { type, id, versionId };
  if (typeof lastUpdated !== 'string') throw badElement(`${type}.meta.lastUpdated`);
  const lastUpdatedMs = instant(lastUpdated);
  if (lastUpdatedMs === undefined) throw badDate(`${type}.meta.lastUpdated`);
  return { type, id, ...(versionId === undefined ? {} : { versionId }), lastUpdatedMs };
}
