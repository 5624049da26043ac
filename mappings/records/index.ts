export { mapRecord } from './map-record.js';
export type { NamedBinary } from './attachments.js';
export { RESOURCE_TYPES_SYSTEM } from './content.js';
export type {
  AttachedRecord,
  BinaryRecord,
  CompartmentRecord,
  DirectoryRecord,
  Lookup,
  LookupRecord,
  MapContext,
  MappedRecord,
  PatientLinks,
  RecordContent,
  RecordName,
  ResourceName,
} from './record.js';
