/**
 * Why a view could not be built or run. Codes are stable; messages may change.
 */
export type ViewErrorCode =
  /** The JSON is no ViewDefinition: an element is missing, unknown or of the wrong type. */
  | 'VIEW_BAD_DEFINITION'
  /** More columns, depth or text than the named maxima of {@link VIEW_LIMITS}. */
  | 'VIEW_TOO_LARGE'
  /** Not FHIRPath. */
  | 'VIEW_BAD_PATH'
  /** FHIRPath, or an element of a ViewDefinition, beyond what this runner has. */
  | 'VIEW_UNSUPPORTED'
  /** A path names a constant that the view does not define. */
  | 'VIEW_UNKNOWN_CONSTANT'
  /** Two columns have one name. */
  | 'VIEW_DUPLICATE_COLUMN'
  /** The branches of a unionAll differ in the names, order or types of their columns. */
  | 'VIEW_UNION_MISMATCH'
  /** Several values where one is needed: a column without `collection`, an operand, a criterion. */
  | 'VIEW_SEVERAL_VALUES'
  /** A `where` of the view that gave something else than true or false. */
  | 'VIEW_NOT_BOOLEAN'
  /** An operator got values that it has no meaning for. */
  | 'VIEW_BAD_OPERAND'
  /** A value that its column's declared type cannot hold. */
  | 'VIEW_WRONG_TYPE'
  /** One resource made more rows than the named maximum. */
  | 'VIEW_TOO_MANY_ROWS'
  /** A `repeat` went deeper than any resource does. */
  | 'VIEW_REPEAT_TOO_DEEP';

/** Where in the view an error lies. */
export interface ViewErrorOptions extends ErrorOptions {
  /** Path in the ViewDefinition, such as `select[0].column[1].path`. */
  readonly at?: string;
  /** Index of the character of the FHIRPath expression at `at`, from 0. */
  readonly position?: number;
}

/**
 * The error class of views. Its message names elements of the view and never a value of a resource, so it may go
 * into logs.
 */
export class ViewError extends Error {
  readonly code: ViewErrorCode;
  /** Path in the ViewDefinition; empty where the whole of it is at fault. */
  readonly at: string;
  /** Index into the expression at `at`. */
  readonly position: number | undefined;

  constructor(code: ViewErrorCode, message: string, options: ViewErrorOptions = {}) {
    const { at = '', position, cause } = options;
    const place = position === undefined ? at : `${at}, character ${position + 1}`;
    super(place === '' ? message : `${place}: ${message}`, cause === undefined ? undefined : { cause });
    this.name = 'ViewError';
    this.code = code;
    this.at = at;
    this.position = position;
  }
}
