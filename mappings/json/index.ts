export { BUNDLE_ENTRIES_MAX, sliceBundle } from './bundle.js';
export type { BundleOptions, BundleSlice, ByteRange, SlicedBundle } from './bundle.js';
export { NDJSON_LINE_BYTES_MAX, ndjsonLines, sliceNdjson } from './ndjson.js';
export type { NdjsonOptions } from './ndjson.js';
export { JsonOutline } from './outline.js';
export { checkJson, JSON_DEPTH_MAX, parseJson, stripBom } from './scan.js';
export type { JsonOptions } from './scan.js';
export { isJsonObject } from './value.js';
export type { JsonObject, JsonValue } from './value.js';
