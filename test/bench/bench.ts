/** What a bench is, and how its rounds become the figures that are printed. */

/** Figures of one kind, one a round. */
export interface Measured {
  /** Name by which it is asked for and reported. */
  readonly bench: string;
  /** Unit of `ours` and `theirs`, such as `resources/s`. */
  readonly unit: string;
  /** One figure a round. */
  readonly ours: readonly number[];
  /** What it is compared with, in words, and its figures of the same rounds. */
  readonly against?: { readonly what: string; readonly theirs: readonly number[] };
  /** The least, or of a time the most, that is wanted: of our figure, or of its ratio to theirs. */
  readonly aim?:
    | { readonly of: 'ours' | 'ratio'; readonly least: number }
    | { readonly of: 'ours' | 'ratio'; readonly most: number };
}

export interface BenchContext {
  /** Tells a person what is being done. */
  readonly say: (text: string) => void;
  /** Names that were asked for; empty asks for all but those on request. */
  readonly asked: readonly string[];
}

/** A bench: one module, one or more figures that are taken together. */
export interface Bench {
  /** Names of its figures. */
  readonly names: readonly string[];
  /** Names of figures that take too long to be taken unasked. */
  readonly namesOnRequest?: readonly string[];
  /** One line for `--list`. */
  readonly about: string;
  readonly run: (context: BenchContext) => Promise<readonly Measured[]>;
}

/** One line of the report; `--json` prints these. */
export interface Result {
  readonly bench: string;
  /** Median of the rounds. */
  readonly ours: number;
  readonly unit: string;
  readonly against: string | null;
  readonly theirs: number | null;
  /** Median of the rounds' ratios of ours to theirs: each pair was measured side by side. */
  readonly ratio: number | null;
  /** Of `ratio` where there is one to compare with, else of `ours`. */
  readonly aim: number | null;
  readonly met: boolean | null;
}

/** A report's line with what a person wants to see beside it. */
export interface Reported {
  readonly result: Result;
  /** Least and greatest of our rounds. */
  readonly spread: readonly [number, number];
  readonly rounds: number;
}

/** The figures of the rounds as one line. */
export function report({ bench, unit, ours, against, aim }: Measured): Reported {
  const ratios = against?.theirs.map((theirs, i) => (ours[i] ?? Number.NaN) / theirs);
  const ratio = ratios === undefined ? null : median(ratios);
  const judged = aim?.of === 'ratio' ? ratio : median(ours);
  return {
    result: {
      bench,
      ours: rounded(median(ours)),
      unit,
      against: against?.what ?? null,
      theirs: against === undefined ? null : rounded(median(against.theirs)),
      ratio: ratio === null ? null : rounded(ratio),
      aim: aim === undefined ? null : bound(aim),
      met: aim === undefined || judged === null ? null : isMet(judged, aim),
    },
    spread: [rounded(Math.min(...ours)), rounded(Math.max(...ours))],
    rounds: ours.length,
  };
}

function bound(aim: NonNullable<Measured['aim']>): number {
  return 'least' in aim ? aim.least : aim.most;
}

function isMet(figure: number, aim: NonNullable<Measured['aim']>): boolean {
  return 'least' in aim ? figure >= aim.least : figure <= aim.most;
}

/** The middle of some figures; between the middle two of an even count. */
export function median(figures: readonly number[]): number {
  return quantile(figures, 0.5);
}

/** Linear between neighbours. */
export function quantile(figures: readonly number[], at: number): number {
  const sorted = figures.toSorted((a, b) => a - b);
  const place = (sorted.length - 1) * at;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

/** Four figures tell all that two runs agree on. */
function rounded(figure: number): number {
  return Number(figure.toPrecision(4));
}

/** How often a second something was done. */
export function rate(count: number, startedMs: number, endedMs = performance.now()): number {
  return (count * 1000) / (endedMs - startedMs);
}
