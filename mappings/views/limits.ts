/**
 * The bounds of a view. A definition may come from outside, so what it can cost is bounded before it runs; each
 * number is far above what a view written by hand needs.
 */
export const VIEW_LIMITS = {
  /** Characters of one FHIRPath expression. */
  pathLengthMax: 4096,
  /** Brackets, arguments and chained steps of one expression; a compiled expression nests as deep as its steps. */
  pathDepthMax: 128,
  /** `select` and `unionAll` within one another. */
  selectDepthMax: 32,
  /** Columns of a view, those of all branches of a unionAll counted. */
  columnsMax: 2048,
  /** Selects, constants and `where` of a view, each. */
  partsMax: 1024,
  /** Rows, and elements visited by `repeat`, of one resource: sibling `forEach` multiply. */
  rowsPerResourceMax: 1_000_000,
  /** Steps of one `repeat`: JSON deeper than this is refused before. */
  repeatDepthMax: 64,
} as const;
