/** What the edge refuses or fails at. Codes are stable; messages may change. */
export type AdapterErrorCode =
  | 'ADAPTER_BAD_CONFIG'
  | 'ADAPTER_BAD_REQUEST'
  | 'ADAPTER_BODY_TOO_LARGE'
  | 'ADAPTER_CONFLICT'
  | 'ADAPTER_DATA_FOLDER_IN_USE'
  | 'ADAPTER_DATA_FOLDER_FOREIGN'
  | 'ADAPTER_DISK_FULL'
  /** All of the patient was erased; over HTTP it is what any unknown patient is. */
  | 'ADAPTER_ERASED'
  | 'ADAPTER_FORBIDDEN'
  /** The caller may know that it was there and is deleted. */
  | 'ADAPTER_GONE'
  /** A Binary is not what the hash of an attachment that refers to it says. */
  | 'ADAPTER_HASH_MISMATCH'
  | 'ADAPTER_NOT_ACCEPTABLE'
  | 'ADAPTER_NOT_FOUND'
  | 'ADAPTER_NOT_RUNNING'
  /** Something that FHIR knows and this address does not do: refused, for whoever asks relies on it. */
  | 'ADAPTER_NOT_SUPPORTED'
  /** A resource belongs to the patient of another one, and that one has not come. */
  | 'ADAPTER_OWNER_UNKNOWN'
  | 'ADAPTER_PORT_IN_USE'
  | 'ADAPTER_PRECONDITION_FAILED'
  /** A body that does not come on. */
  | 'ADAPTER_SLOW_BODY'
  | 'ADAPTER_SOURCE_UNREACHABLE'
  | 'ADAPTER_SOURCE_REFUSED'
  | 'ADAPTER_STOPPING'
  | 'ADAPTER_STORE_FAILED'
  /** One client asks too often; `Retry-After` says how long to wait. */
  | 'ADAPTER_TOO_MANY_REQUESTS'
  | 'ADAPTER_UNAUTHORIZED'
  | 'ADAPTER_UNPROCESSABLE'
  /** A folder restored from a backup that was not yet compared with the published log. */
  | 'ADAPTER_UNSETTLED'
  | 'ADAPTER_UNSUPPORTED_MEDIA'
  | 'ADAPTER_USAGE';

export interface AdapterErrorOptions {
  readonly cause?: unknown;
  /** FHIRPath of the element that is at fault, for `OperationOutcome.issue.expression`. */
  readonly expression?: string;
}

/** The one error class of `adapter/`. Its message never holds a patient's data. */
export class AdapterError extends Error {
  readonly code: AdapterErrorCode;
  readonly expression: string | undefined;

  constructor(code: AdapterErrorCode, message: string, options: AdapterErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AdapterError';
    this.code = code;
    this.expression = options.expression;
  }
}

/** Text of anything thrown, for logs and one-line messages. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The stable code of anything thrown, or its class name where it has none. */
export function codeOf(error: unknown): string {
  if (error instanceof Error) {
    const code: unknown = (error as { code?: unknown }).code;
    return typeof code === 'string' ? code : error.name;
  }
  return 'UNKNOWN';
}
