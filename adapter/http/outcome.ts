/** Errors as `OperationOutcome`: one table, total over every code, so a new code does not compile until it is mapped. */
import type { OperationOutcome, OperationOutcomeIssue } from 'fhir/r4.js';
import { AnalyticsError } from '../../analytics/index.js';
import type { AnalyticsErrorCode } from '../../analytics/index.js';
import { ConsentError } from '../../ledger/consent/index.js';
import type { ConsentErrorCode } from '../../ledger/consent/index.js';
import { LedgerError } from '../../ledger/errors.js';
import type { LedgerErrorCode } from '../../ledger/errors.js';
import { ParticipantError } from '../../ledger/participants/index.js';
import type { ParticipantErrorCode } from '../../ledger/participants/index.js';
import { VaultError } from '../../ledger/vault/index.js';
import type { VaultErrorCode } from '../../ledger/vault/index.js';
import { MappingError } from '../../mappings/index.js';
import type { MappingErrorCode } from '../../mappings/index.js';
import { AdapterError } from '../errors.js';
import type { AdapterErrorCode } from '../errors.js';
import { QueueError } from '../queue/index.js';
import type { QueueErrorCode } from '../queue/index.js';

interface Row {
  readonly status: number;
  readonly issue: OperationOutcomeIssue['code'];
}

type ErrorCode =
  | AdapterErrorCode
  | MappingErrorCode
  | LedgerErrorCode
  | ParticipantErrorCode
  | VaultErrorCode
  | ConsentErrorCode
  | QueueErrorCode
  | AnalyticsErrorCode;

const BAD: Row = { status: 400, issue: 'invalid' };
const MALFORMED: Row = { status: 400, issue: 'structure' };
const BROKEN: Row = { status: 500, issue: 'exception' };
const LATER: Row = { status: 503, issue: 'transient' };
const NO_ROOM: Row = { status: 503, issue: 'no-store' };
const TOO_LARGE: Row = { status: 413, issue: 'too-long' };
const UNPROCESSABLE: Row = { status: 422, issue: 'processing' };
const BAD_VALUE: Row = { status: 422, issue: 'value' };
const MISSING: Row = { status: 422, issue: 'required' };
const UNSUPPORTED: Row = { status: 422, issue: 'not-supported' };

const ADAPTER: Record<AdapterErrorCode, Row> = {
  ADAPTER_BAD_CONFIG: BROKEN,
  ADAPTER_BAD_REQUEST: BAD,
  ADAPTER_BODY_TOO_LARGE: TOO_LARGE,
  ADAPTER_CONFLICT: { status: 409, issue: 'conflict' },
  ADAPTER_DATA_FOLDER_FOREIGN: BROKEN,
  ADAPTER_DATA_FOLDER_IN_USE: BROKEN,
  ADAPTER_DISK_FULL: NO_ROOM,
  ADAPTER_ERASED: { status: 404, issue: 'not-found' },
  ADAPTER_FORBIDDEN: { status: 403, issue: 'forbidden' },
  ADAPTER_GONE: { status: 410, issue: 'deleted' },
  ADAPTER_HASH_MISMATCH: UNPROCESSABLE,
  ADAPTER_NOT_ACCEPTABLE: { status: 406, issue: 'not-supported' },
  ADAPTER_NOT_FOUND: { status: 404, issue: 'not-found' },
  ADAPTER_NOT_RUNNING: LATER,
  ADAPTER_NOT_SUPPORTED: { status: 400, issue: 'not-supported' },
  ADAPTER_OWNER_UNKNOWN: MISSING,
  ADAPTER_PORT_IN_USE: BROKEN,
  ADAPTER_PRECONDITION_FAILED: { status: 412, issue: 'conflict' },
  ADAPTER_SLOW_BODY: { status: 408, issue: 'timeout' },
  ADAPTER_SOURCE_REFUSED: { status: 502, issue: 'processing' },
  ADAPTER_SOURCE_UNREACHABLE: { status: 502, issue: 'transient' },
  ADAPTER_STOPPING: LATER,
  ADAPTER_STORE_FAILED: NO_ROOM,
  ADAPTER_TOO_MANY_REQUESTS: { status: 429, issue: 'throttled' },
  ADAPTER_UNAUTHORIZED: { status: 401, issue: 'login' },
  ADAPTER_UNPROCESSABLE: UNPROCESSABLE,
  ADAPTER_UNSETTLED: LATER,
  ADAPTER_UNSUPPORTED_MEDIA: { status: 415, issue: 'not-supported' },
  ADAPTER_USAGE: BAD,
};

const MAPPING: Record<MappingErrorCode, Row> = {
  MAPPING_NOT_UTF8: MALFORMED,
  MAPPING_JSON_BOM: MALFORMED,
  MAPPING_NOT_JSON: MALFORMED,
  MAPPING_JSON_DEPTH: MALFORMED,
  MAPPING_JSON_PROTO: MALFORMED,
  MAPPING_JSON_DUPLICATE_KEY: MALFORMED,
  MAPPING_NOT_A_BUNDLE: MALFORMED,
  MAPPING_BUNDLE_TOO_LARGE: TOO_LARGE,
  MAPPING_LINE_TOO_LONG: TOO_LARGE,
  MAPPING_NOT_A_RESOURCE: UNPROCESSABLE,
  MAPPING_UNSUPPORTED: UNSUPPORTED,
  MAPPING_NO_ID: MISSING,
  MAPPING_BAD_ID: BAD_VALUE,
  MAPPING_NO_PATIENT: MISSING,
  MAPPING_SEVERAL_PATIENTS: UNPROCESSABLE,
  MAPPING_CONDITIONAL_UNRESOLVED: UNPROCESSABLE,
  MAPPING_BAD_DATE: BAD_VALUE,
  MAPPING_BAD_ELEMENT: MALFORMED,
  MAPPING_HASH_MISMATCH: MALFORMED,
};

/** Of the ledger only its being busy, closed or full is the caller's to know. */
const LEDGER: Record<LedgerErrorCode, Row> = {
  LEDGER_NOT_CANONICAL: BROKEN,
  LEDGER_BAD_ENTRY: BROKEN,
  LEDGER_ENTRY_TOO_LARGE: BROKEN,
  LEDGER_BAD_SUBMISSION: BROKEN,
  LEDGER_DUPLICATE_SUBMISSION: BROKEN,
  LEDGER_GUARD_REFUSED: BROKEN,
  LEDGER_BUSY: { status: 503, issue: 'throttled' },
  LEDGER_CLOSED: LATER,
  LEDGER_WRITE_FAILED: NO_ROOM,
  LEDGER_CORRUPT: BROKEN,
  LEDGER_OTHER_LOG: BROKEN,
  LEDGER_BAD_KEY: BROKEN,
  LEDGER_BAD_KEY_ID: BROKEN,
  LEDGER_UNSAFE_KEY: BROKEN,
  LEDGER_BAD_NOTE: BROKEN,
  LEDGER_RANGE: BROKEN,
  LEDGER_UNREADABLE: BROKEN,
};

/** What a request for a certificate can be at fault for is told; what the authority itself lacks is not. */
const PARTICIPANT: Record<ParticipantErrorCode, Row> = {
  PARTICIPANT_BAD_REQUEST: BAD,
  PARTICIPANT_BAD_PROOF: BAD,
  PARTICIPANT_FORBIDDEN_REQUEST: BAD,
  PARTICIPANT_WEAK_CRYPTO: BAD,
  PARTICIPANT_UNSUPPORTED_KEY: BAD,
  PARTICIPANT_UNSAFE_KEY: BAD,
  PARTICIPANT_BAD_X25519: BAD,
  PARTICIPANT_BAD_SUBJECT: BAD,
  PARTICIPANT_BAD_VALIDITY: BROKEN,
  PARTICIPANT_BAD_DER: BAD,
  PARTICIPANT_BAD_CERTIFICATE: BROKEN,
  PARTICIPANT_BAD_AUTHORITY: BROKEN,
};

const VAULT: Record<VaultErrorCode, Row> = {
  VAULT_KEY_PERMISSIONS: BROKEN,
  VAULT_KEY_MALFORMED: BROKEN,
  VAULT_KEY_MISSING: BROKEN,
  VAULT_KEY_IO: BROKEN,
  VAULT_PASSPHRASE_NEEDED: BROKEN,
  VAULT_PASSPHRASE_WRONG: BROKEN,
  VAULT_BAD_INPUT: BROKEN,
  VAULT_BAD_ROW: BROKEN,
  VAULT_UNSEAL_FAILED: BROKEN,
  VAULT_STREAM_OTHER: BROKEN,
  VAULT_STREAM_ORDER: BROKEN,
  VAULT_STREAM_TRUNCATED: BROKEN,
  VAULT_STREAM_TRAILING: BROKEN,
  VAULT_BODY_APART: BROKEN,
  VAULT_BLOB_MISSING: BROKEN,
  VAULT_BLOB_IO: NO_ROOM,
  VAULT_BLOB_TOO_LARGE: TOO_LARGE,
  VAULT_UNWRAP_FAILED: BROKEN,
  VAULT_BAD_FACTS: BROKEN,
};

const CONSENT: Record<ConsentErrorCode, Row> = { CONSENT_MINT_TAKEN: BROKEN };

const QUEUE: Record<QueueErrorCode, Row> = { QUEUE_REDIS_MISSING: BROKEN, QUEUE_REDIS_FAILED: LATER };

const ANALYTICS: Record<AnalyticsErrorCode, Row> = {
  ANALYTICS_SHAPE: BROKEN,
  ANALYTICS_NOT_FINITE: BROKEN,
  ANALYTICS_ONE_CLASS: UNPROCESSABLE,
  ANALYTICS_TOO_FEW_ROWS: UNPROCESSABLE,
  ANALYTICS_CONSTANT_COLUMN: UNPROCESSABLE,
  ANALYTICS_COLLINEAR: UNPROCESSABLE,
  ANALYTICS_SEPARATION: UNPROCESSABLE,
  ANALYTICS_NOT_CONVERGED: UNPROCESSABLE,
  ANALYTICS_DUPLICATE_KEY: BROKEN,
  ANALYTICS_NO_PATIENTS: UNPROCESSABLE,
  ANALYTICS_STUDY_INVALID: BROKEN,
  ANALYTICS_MODEL_INVALID: BROKEN,
  ANALYTICS_BASIS_EMPTY: BROKEN,
};

/** Every code of the project, and what it is over HTTP. */
const ROWS: Readonly<Record<ErrorCode, Row>> = {
  ...ADAPTER,
  ...MAPPING,
  ...LEDGER,
  ...PARTICIPANT,
  ...VAULT,
  ...CONSENT,
  ...QUEUE,
  ...ANALYTICS,
};

/** What a code is over HTTP; one that nobody knows is a failure of ours. */
export function rowOf(code: string): Row {
  return (ROWS as Readonly<Record<string, Row>>)[code] ?? BROKEN;
}

/** Status and body for anything thrown. What is unknown is 500 with a fixed text; its detail goes to the log only. */
export function outcomeOf(error: unknown): { status: number; outcome: OperationOutcome } {
  if (!isCoded(error)) {
    const text = 'the request failed; the reason is in the log of the instance';
    return { status: BROKEN.status, outcome: outcome('error', BROKEN.issue, text) };
  }
  const row = ROWS[error.code];
  // Where the fault is ours, the code is all that a caller may learn.
  const text =
    row.status >= 500 && !(error instanceof AdapterError) ? error.code : `${error.code}: ${error.message}`;
  return { status: row.status, outcome: outcome('error', row.issue, text, expressionsOf(error)) };
}

type CodedError =
  | AdapterError
  | MappingError
  | LedgerError
  | ParticipantError
  | VaultError
  | ConsentError
  | QueueError
  | AnalyticsError;

const CODED = [
  AdapterError,
  MappingError,
  LedgerError,
  ParticipantError,
  VaultError,
  ConsentError,
  QueueError,
  AnalyticsError,
] as const;

function isCoded(error: unknown): error is CodedError {
  return CODED.some((type) => error instanceof type);
}

function expressionsOf(error: CodedError): readonly string[] {
  if (error instanceof MappingError) return error.expressions;
  return error instanceof AdapterError && error.expression !== undefined ? [error.expression] : [];
}

/** An `OperationOutcome` with one issue; its expressions are FHIRPaths of the elements at fault. */
export function outcome(
  severity: OperationOutcomeIssue['severity'],
  code: OperationOutcomeIssue['code'],
  diagnostics: string,
  expressions: readonly string[] = [],
): OperationOutcome {
  return {
    resourceType: 'OperationOutcome',
    issue: [
      { severity, code, diagnostics, ...(expressions.length === 0 ? {} : { expression: [...expressions] }) },
    ],
  };
}
