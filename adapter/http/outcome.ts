/** Errors as `OperationOutcome`: one table, total over every code, so a new code does not compile until it is mapped. */
import type { OperationOutcome, OperationOutcomeIssue } from 'fhir/r4.js';
import type { LedgerErrorCode } from '../../ledger/errors.js';
import { LedgerError } from '../../ledger/errors.js';
import { MappingError } from '../../mappings/index.js';
import type { MappingErrorCode } from '../../mappings/index.js';
import { ParticipantError } from '../../ledger/participants/index.js';
import type { ParticipantErrorCode } from '../../ledger/participants/index.js';
import { AdapterError } from '../errors.js';
import type { AdapterErrorCode } from '../errors.js';

interface Row {
  readonly status: number;
  readonly issue: OperationOutcomeIssue['code'];
}

const BAD: Row = { status: 400, issue: 'invalid' };
const BROKEN: Row = { status: 500, issue: 'exception' };
const LATER: Row = { status: 503, issue: 'transient' };
const UNPROCESSABLE: Row = { status: 422, issue: 'processing' };

const ADAPTER: Record<AdapterErrorCode, Row> = {
  ADAPTER_BAD_CONFIG: BROKEN,
  ADAPTER_BAD_REQUEST: BAD,
  ADAPTER_BODY_TOO_LARGE: { status: 413, issue: 'too-long' },
  ADAPTER_CONFLICT: { status: 409, issue: 'conflict' },
  ADAPTER_DATA_FOLDER_FOREIGN: BROKEN,
  ADAPTER_DATA_FOLDER_IN_USE: BROKEN,
  ADAPTER_DISK_FULL: { status: 503, issue: 'no-store' },
  ADAPTER_FORBIDDEN: { status: 403, issue: 'forbidden' },
  ADAPTER_NOT_FOUND: { status: 404, issue: 'not-found' },
  ADAPTER_NOT_RUNNING: LATER,
  ADAPTER_PORT_IN_USE: BROKEN,
  ADAPTER_SOURCE_REFUSED: { status: 502, issue: 'processing' },
  ADAPTER_SOURCE_UNREACHABLE: { status: 502, issue: 'transient' },
  ADAPTER_STOPPING: LATER,
  ADAPTER_UNAUTHORIZED: { status: 401, issue: 'login' },
  ADAPTER_UNPROCESSABLE: UNPROCESSABLE,
  ADAPTER_UNSUPPORTED_MEDIA: { status: 415, issue: 'not-supported' },
  ADAPTER_USAGE: BAD,
};

const LEDGER: Partial<Record<LedgerErrorCode, Row>> = {
  LEDGER_BUSY: { status: 503, issue: 'throttled' },
  LEDGER_CLOSED: LATER,
  LEDGER_WRITE_FAILED: { status: 503, issue: 'no-store' },
};

const MAPPING: Partial<Record<MappingErrorCode, Row>> = {
  MAPPING_BUNDLE_TOO_LARGE: { status: 413, issue: 'too-long' },
  MAPPING_NO_PATIENT: UNPROCESSABLE,
  MAPPING_SEVERAL_PATIENTS: UNPROCESSABLE,
  MAPPING_UNSUPPORTED: { status: 422, issue: 'not-supported' },
};

const PARTICIPANT: Partial<Record<ParticipantErrorCode, Row>> = {};

/** Status and body for anything thrown. What is unknown is 500 with a fixed text; its detail goes to the log only. */
export function outcomeOf(error: unknown): { status: number; outcome: OperationOutcome } {
  const { row, text, expression } = describe(error);
  return { status: row.status, outcome: outcome('error', row.issue, text, expression) };
}

function describe(error: unknown): { row: Row; text: string; expression?: string | undefined } {
  if (error instanceof AdapterError) {
    return {
      row: ADAPTER[error.code],
      text: `${error.code}: ${error.message}`,
      expression: error.expression,
    };
  }
  if (error instanceof MappingError) {
    return {
      row: MAPPING[error.code] ?? BAD,
      text: `${error.code}: ${error.message}`,
      expression: error.expression,
    };
  }
  if (error instanceof LedgerError) return { row: LEDGER[error.code] ?? BROKEN, text: error.code };
  if (error instanceof ParticipantError) {
    return { row: PARTICIPANT[error.code] ?? BAD, text: `${error.code}: ${error.message}` };
  }
  return { row: BROKEN, text: 'the request failed; the reason is in the log of the instance' };
}

/** An `OperationOutcome` with one issue. */
export function outcome(
  severity: OperationOutcomeIssue['severity'],
  code: OperationOutcomeIssue['code'],
  diagnostics: string,
  expression?: string,
): OperationOutcome {
  return {
    resourceType: 'OperationOutcome',
    issue: [
      { severity, code, diagnostics, ...(expression === undefined ? {} : { expression: [expression] }) },
    ],
  };
}
