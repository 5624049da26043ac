/** What `verify` prints for people. */
import type { CheckResult, VerifyReport } from '../../ledger/verify/index.js';

/** One line a check, then the log's name, size and root, and the verdict. */
export function renderVerification(report: VerifyReport): string {
  const trust = report.vkeyTrust === 'given' ? '' : ' (believed at first sight; give it with --vkey)';
  const unjudged = report.checks.some(({ notJudged }) => notJudged !== undefined);
  return [
    ...report.checks.map(lineOf),
    `origin ${report.origin}`,
    `size   ${report.size}`,
    ...(report.since === undefined ? [] : [`since  ${report.since}`]),
    `root   ${report.root}`,
    ...(report.vkey === undefined ? [] : [`vkey   ${report.vkey}${trust}`]),
    report.ok ? `verified${unjudged ? ', save what was not judged' : ''}` : 'NOT verified',
  ].join('\n');
}

function lineOf({ name, ok, checked, failure, notJudged }: CheckResult): string {
  const label = name.padEnd(12);
  const left = notJudged === undefined ? '' : ` (not judged: ${notJudged})`;
  if (failure === undefined) {
    const mark = notJudged !== undefined && checked === 0 ? '--  ' : ok ? 'ok  ' : 'FAIL';
    return `${mark} ${label} ${checked}${left}`;
  }
  const { code, expected, found, leaf, path, rule } = failure;
  const where = [leaf === undefined ? '' : `leaf ${leaf}`, path === undefined ? '' : `in ${path}`].filter(
    (part) => part !== '',
  );
  const values =
    expected === undefined && found === undefined
      ? ''
      : ` (expected ${expected ?? '?'}, found ${found ?? '?'})`;
  return `FAIL ${label} ${[...where, rule].join(', ')}${values}${code === undefined ? '' : ` [${code}]`}`;
}

/** How far a verification is, how fast, and how long it will take. */
export class Pace {
  readonly #startedMs: number;
  #first: number | undefined;

  /** @param startedMs - Of a clock that does not go back. */
  constructor(startedMs: number) {
    this.#startedMs = startedMs;
  }

  /** `81,234 of 400,000 entries, 92,000/s, 4 s left`. */
  line(done: number, total: number, nowMs: number): string {
    this.#first ??= done;
    const rate = ((done - this.#first) * 1000) / Math.max(1, nowMs - this.#startedMs);
    const so = `${count(done)} of ${count(total)} entries`;
    return rate < 1 ? so : `${so}, ${count(rate)}/s, ${count((total - done) / rate)} s left`;
  }
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
