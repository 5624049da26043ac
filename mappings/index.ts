export {
  carryOut,
  CLOCK_SKEW_MAX_MS,
  compileConsent,
  attestedBundleParts,
  bundledConsent,
  consentBundleParts,
  explainDecision,
  obligationWords,
  purposeWords,
  readConsentDocument,
} from './consent/index.js';
export type {
  CompileContext,
  CompiledConsent,
  ConsentBundleParts,
  ConsentBundleRefusalCode,
  AttestedParts,
  ConsentParts,
  ConsentRefusalCode,
  Explanation,
} from './consent/index.js';
export { auditEventId, disclosureAudit, DISCLOSURE_TYPE, receiptHandle } from './audit/index.js';
export type { DisclosedFacts } from './audit/index.js';
export { CONSENT_TEMPLATES, consentFromTemplate } from './forms/index.js';
export type { ConsentTemplate } from './forms/index.js';
export { EARLIEST_MS, instant, interval, LATEST_MS, periodInterval } from './dates.js';
export type { Interval } from './dates.js';
export { MappingError } from './errors.js';
export type { MappingErrorCode, MappingErrorOptions } from './errors.js';
export {
  compareSorted,
  dataPlaces,
  directoryTypes,
  isDirectoryType,
  matchesFilters,
  passesTime,
  patientTypes,
  rangeOfElement,
  readQuery,
  readTimeTest,
  rewriteResource,
  searchParameters,
  sortValues,
  valuesAt,
} from './facade/index.js';
export type {
  Candidate,
  ParameterKind,
  QueryRefusal,
  ReadQuery,
  RewriteOptions,
  SearchFilter,
  SearchParameter,
  SearchQuery,
  SortField,
  SortKey,
  SortValue,
  TimePrefix,
  TimeTest,
  Token,
} from './facade/index.js';
export { factNames, FACTS_MAX, FACTS_TABLE_VERSION, factsOf } from './facts.js';
export type { Fact } from './facts.js';
export {
  BUNDLE_ENTRIES_MAX,
  checkJson,
  isJsonObject,
  JSON_DEPTH_MAX,
  JsonOutline,
  NDJSON_LINE_BYTES_MAX,
  ndjsonLines,
  parseJson,
  sliceBundle,
  sliceNdjson,
  stripBom,
} from './json/index.js';
export type {
  BundleOptions,
  BundleSlice,
  ByteRange,
  JsonObject,
  JsonOptions,
  JsonValue,
  NdjsonOptions,
  SlicedBundle,
} from './json/index.js';
export { mapRecord, RESOURCE_TYPES_SYSTEM } from './records/index.js';
export type {
  AttachedRecord,
  BinaryRecord,
  CompartmentRecord,
  DirectoryRecord,
  Lookup,
  LookupRecord,
  MapContext,
  MappedRecord,
  NamedBinary,
  PatientLinks,
  RecordContent,
  RecordName,
  ResourceName,
} from './records/index.js';
export { identifierQuery, isFhirId, resolveReference } from './references.js';
export type { ReferenceContext, ResolvedReference } from './references.js';
export { isRecordType, isResourceType } from './resource-types.js';
export { labelled, SENSITIVE_CATEGORIES, sensitivityOf } from './labels/index.js';
export {
  CLAIM_RECORD_TYPES,
  claimResponse,
  EXPENSE_RECORD_TYPES,
  expensesFault,
  isCurrency,
  judgeClaim,
  judgeExpenses,
  LINES_MAX,
  openableFacts,
  readClaim,
} from './claims/index.js';
export type {
  Aspect,
  ClaimAnswerInput,
  ClaimedLine,
  ClaimRefusal,
  ExpenseRecord,
  ExpensesAsked,
  ExpensesFault,
  ExpensesFound,
  JudgedLine,
  LineVerdict,
  OpenableFact,
  ReadClaim,
  ReadClaimAnswer,
  RecordToJudge,
  Truth,
} from './claims/index.js';
