/**
 * Why something could not be mapped. Codes are stable and each has a row in the adapter's table of
 * OperationOutcomes; messages may change.
 */
export type MappingErrorCode =
  /** Not strict UTF-8. */
  | 'MAPPING_NOT_UTF8'
  /** Begins with a byte order mark, which JSON on the wire must not have. */
  | 'MAPPING_JSON_BOM'
  /** Not JSON. */
  | 'MAPPING_NOT_JSON'
  /** Nested deeper than the named maximum. */
  | 'MAPPING_JSON_DEPTH'
  /** An object has a member `__proto__`. */
  | 'MAPPING_JSON_PROTO'
  /** An object names one member twice, so that two readers may see two documents. */
  | 'MAPPING_JSON_DUPLICATE_KEY'
  /** JSON, but no Bundle where one is needed. */
  | 'MAPPING_NOT_A_BUNDLE'
  /** A Bundle with more entries than the named maximum. */
  | 'MAPPING_BUNDLE_TOO_LARGE'
  /** A line of NDJSON longer than the named maximum. */
  | 'MAPPING_LINE_TOO_LONG'
  /** JSON, but not an object with a `resourceType`. */
  | 'MAPPING_NOT_A_RESOURCE'
  /** A resource type that R4 does not have, or that is never stored as a record. */
  | 'MAPPING_UNSUPPORTED'
  /** The resource has no id. */
  | 'MAPPING_NO_ID'
  /** An id outside FHIR's syntax, or one that a path would swallow (`..`). */
  | 'MAPPING_BAD_ID'
  /** A resource of the patient compartment that cannot be tied to a patient of its source. */
  | 'MAPPING_NO_PATIENT'
  /** A resource that belongs to several patients at once. */
  | 'MAPPING_SEVERAL_PATIENTS'
  /** A reference by condition or identifier that matches none or several resources of the source. */
  | 'MAPPING_CONDITIONAL_UNRESOLVED'
  /** A date, dateTime, instant or Period that names no time. */
  | 'MAPPING_BAD_DATE'
  /** Data of an attachment that are not what its hash says. */
  | 'MAPPING_HASH_MISMATCH'
  /** An element of the wrong JSON type. */
  | 'MAPPING_BAD_ELEMENT';

/** What an error carries beside its code. */
export interface MappingErrorOptions extends ErrorOptions {
  /** FHIRPath of the element at fault; for several, the first is the one to show first. */
  readonly expression?: string | readonly string[];
}

/**
 * The one error class of the mappings. Its message names elements and rules, never a value of the resource, so
 * it may go into logs and dead letters.
 */
export class MappingError extends Error {
  readonly code: MappingErrorCode;
  /** FHIRPath of the element at fault, for `OperationOutcome.issue.expression`. */
  readonly expression?: string;
  /** All FHIRPaths at fault; empty where the fault is not one of an element. */
  readonly expressions: readonly string[];

  constructor(code: MappingErrorCode, message: string, options: MappingErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MappingError';
    this.code = code;
    const { expression } = options;
    this.expressions =
      expression === undefined ? [] : typeof expression === 'string' ? [expression] : expression;
    const first = this.expressions[0];
    if (first !== undefined) this.expression = first;
  }
}
