import table from './tables/resource-types.json' with { type: 'json' };

/** All resource types of R4. */
const ALL: ReadonlySet<string> = new Set(table.types);
const NEVER_RECORDS: ReadonlySet<string> = new Set(table.neverRecords);

/** Whether R4 has a resource type of this name. */
export function isResourceType(name: string): boolean {
  return ALL.has(name);
}

/** Whether resources of this type are kept at all: Parameters and OperationOutcome are messages, not records. */
export function isRecordType(name: string): boolean {
  return ALL.has(name) && !NEVER_RECORDS.has(name);
}
