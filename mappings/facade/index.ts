export { dataPlaces, rewriteResource } from './rewrite.js';
export type { RewriteOptions } from './rewrite.js';
export { compareSorted, matchesFilters, sortValues, valuesAt } from './search-match.js';
export type { Candidate, SortValue } from './search-match.js';
export { directoryTypes, isDirectoryType, patientTypes, searchParameters } from './search-parameters.js';
export type { ParameterKind, SearchParameter } from './search-parameters.js';
export { readQuery } from './search-query.js';
export type {
  QueryRefusal,
  ReadQuery,
  SearchFilter,
  SearchQuery,
  SortField,
  SortKey,
  Token,
} from './search-query.js';
export { passesTime, rangeOfElement, readTimeTest } from './search-time.js';
export type { TimePrefix, TimeTest } from './search-time.js';
