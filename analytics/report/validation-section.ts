/** The section of a report that tells how its model does on patients that it has not seen. */
import { escaped, figure, svg, words } from './svg.js';
import type { ShownShare, StudyValidation } from './validation.js';

const [WIDTH, HEIGHT, LEFT, TOP, SIDE] = [360, 320, 46, 14, 270];

/** @param table - Writes one. */
export function validationSection(
  validation: StudyValidation | { readonly why: string },
  table: (head: readonly string[], rows: readonly (readonly string[])[]) => string,
): string {
  if ('why' in validation) return `<p>No model was measured: ${escaped(validation.why)}.</p>`;
  const { performance, optimism, split, regression } = validation;
  const { discrimination, accuracy, calibration } = performance;
  const measures: [string, string, string][] = [
    ['AUROC', figure(discrimination.auroc), intervalText(discrimination.interval)],
    ['area under precision over recall', figure(validation.precisionRecall), ''],
    ['Brier score', figure(accuracy.brier), ''],
    ['scaled Brier score', figure(accuracy.scaled), ''],
    ['calibration intercept', figure(calibration.intercept), ''],
    [
      'calibration slope',
      figure(calibration.slope?.estimate),
      intervalText(calibration.slope?.interval ?? null),
    ],
    [
      'calibration in the large',
      figure(calibration.inTheLarge.estimate),
      intervalText(calibration.inTheLarge.interval),
    ],
    ['expected over observed', figure(calibration.expectedOverObserved), ''],
    ...ordinalMeasures(performance.ordinal),
  ];
  const corrected =
    optimism === null
      ? ''
      : `<p>Corrected for optimism by ${figure(optimism.samples)} bootstrap samples of the training part: AUROC ${figure(optimism.auroc.corrected)} (apparent ${figure(optimism.auroc.apparent)}), Brier score ${figure(optimism.brier.corrected)} (apparent ${figure(optimism.brier.apparent)})${optimism.calibrationSlope === null ? '' : `, calibration slope ${figure(optimism.calibrationSlope.corrected)}`}.</p>`;
  const { crossValidation } = validation;
  const crossed =
    crossValidation === null
      ? ''
      : `<p>Cross-validated over all patients, each by a model of the others: AUROC ${figure(crossValidation.discrimination.auroc)} ${intervalText(crossValidation.discrimination.interval)}, Brier score ${figure(crossValidation.accuracy.brier)}, calibration slope ${figure(crossValidation.calibration.slope?.estimate)}.</p>`;
  const groups = [...validation.subgroups, ...validation.hospitals].map(
    ({ by, level, patients, events, performance: own }) => [
      `${by}: ${level}`,
      figure(patients),
      figure(events),
      own === null ? '–' : `${figure(own.discrimination.auroc)} ${intervalText(own.discrimination.interval)}`,
      own === null ? '–' : figure(own.calibration.slope?.estimate),
    ],
  );
  const baselines = validation.baselines.map((one) => [
    one.baseline,
    figure(one.patients),
    figure(one.baselineAuroc),
    figure(one.modelAuroc),
    `${figure(one.difference)} ${intervalText(one.interval)}`,
  ]);
  return `<p>${escaped(performance.verdict)}</p>
<p class="note">${REGRESSIONS[regression.kind]}, ${penaltyText(regression.penalties)}, fitted on ${figure(split.train)} patients and measured on ${figure(split.test)} others.</p>
${validation.remarks
  .slice(1)
  .map((remark) => `<p class="warn">${escaped(remark)}</p>`)
  .join('')}
${table(['on held-out patients', 'estimate', '95 % interval'], measures)}${corrected}${crossed}
<div class="plots">${calibrationPlot(validation)}${decisionPlot(validation)}</div>
${table(
  ['threshold', 'sensitivity', 'specificity', 'PPV', 'NPV'],
  validation.thresholds.map((at) => [
    `${figure(at.threshold * 100)} %`,
    ...[at.sensitivity, at.specificity, at.ppv, at.npv].map(shareText),
  ]),
)}
${groups.length === 0 ? '' : table(['subgroup', 'patients', 'with the outcome', 'AUROC (95 % interval)', 'calibration slope'], groups)}
${
  baselines.length === 0
    ? '<p class="note">No published score can be computed from the study’s predictors.</p>'
    : table(
        ['score, on the same patients', 'patients', 'its AUROC', 'the model’s', 'difference (95 % interval)'],
        baselines,
      )
}
${table(
  ['prepared predictor', ...regression.rows.map((row) => `log-odds: ${row}`)],
  regression.terms.map(({ column, coefficients }) => [column, ...coefficients.map((value) => figure(value))]),
)}`;
}

const REGRESSIONS: Readonly<Record<StudyValidation['regression']['kind'], string>> = {
  binary: 'Logistic regression',
  multinomial: 'Multinomial logistic regression of the worst score',
  'proportional-odds': 'Logistic regression of the worst score with proportional odds',
  'continuation-ratio': 'Logistic regressions of each stage among those who reached the one before',
};

function penaltyText(penalties: readonly number[]): string {
  const all = [...new Set(penalties)];
  if (all.every((penalty) => penalty === 0)) return 'without a quadratic penalty';
  return all.length === 1
    ? `with a penalty of ${figure(all[0])}`
    : `with penalties of ${penalties.map((penalty) => figure(penalty)).join(', ')}`;
}

function ordinalMeasures(ordinal: StudyValidation['performance']['ordinal']): [string, string, string][] {
  if (ordinal === undefined) return [];
  return [
    ['C-index of the stages', figure(ordinal.cIndex), ''],
    ['ranked probability score', figure(ordinal.rankedProbability), ''],
    ['weighted kappa of the median stage', figure(ordinal.kappa), ''],
  ];
}

function intervalText(interval: readonly [number, number] | null): string {
  return interval === null ? '' : `(${figure(interval[0])} to ${figure(interval[1])})`;
}

function shareText({ share, interval }: ShownShare): string {
  return share === null ? '–' : `${figure(share)} ${intervalText(interval)}`;
}

function frame(xTitle: string, yTitle: string, ticks: readonly [string, string, string, string]): string {
  const [x0, x1, y0, y1] = ticks;
  return `<rect class="box" x="${LEFT}" y="${TOP}" width="${SIDE}" height="${SIDE}"/>${[
    words(LEFT, TOP + SIDE + 16, x0),
    words(LEFT + SIDE, TOP + SIDE + 16, x1, 'end'),
    words(LEFT + SIDE / 2, TOP + SIDE + 32, xTitle, 'middle'),
    words(LEFT - 6, TOP + SIDE, y0, 'end'),
    words(LEFT - 6, TOP + 10, y1, 'end'),
    words(LEFT + 4, TOP + 14, yTitle),
  ].join('')}`;
}

/** Place of a share from left to right. */
function x(share: number): string {
  return (LEFT + share * SIDE).toFixed(1);
}

/** Place of a share from the bottom up. */
function y(share: number): string {
  return (TOP + SIDE - share * SIDE).toFixed(1);
}

function calibrationPlot({ calibration }: StudyValidation): string {
  if (calibration.length === 0) return '';
  const up = calibration.map(({ predicted, band }) => `${x(predicted)},${y(band[1])}`);
  const down = calibration.toReversed().map(({ predicted, band }) => `${x(predicted)},${y(band[0])}`);
  const line = calibration.map(({ predicted, observed }) => `${x(predicted)},${y(observed)}`);
  const body = `${frame('predicted', 'observed', ['0', '1', '0', '1'])}<line class="line" x1="${x(0)}" y1="${y(0)}" x2="${x(1)}" y2="${y(1)}"/><polygon class="area" points="${[...up, ...down].join(' ')}"/><polyline class="mark" fill="none" points="${line.join(' ')}"/>`;
  const says =
    'Flexible calibration curve with its 95 % band; on the diagonal predictions are what is observed.';
  return svg(WIDTH, HEIGHT, 'Calibration', says, body);
}

function decisionPlot({ decision }: StudyValidation): string {
  const top = Math.max(0.02, ...decision.map(({ netBenefit, treatAll }) => Math.max(netBenefit, treatAll)));
  const bottom = -top / 2;
  const height = (value: number): string => y((Math.max(bottom, value) - bottom) / (top - bottom));
  const line = (of: (point: (typeof decision)[number]) => number): string =>
    decision.map((point) => `${x(point.threshold)},${height(of(point))}`).join(' ');
  const body = `${frame('threshold', 'net benefit', ['0', '1', figure(bottom), figure(top)])}<line class="grid" x1="${x(0)}" y1="${height(0)}" x2="${x(1)}" y2="${height(0)}"/><polyline class="line" points="${line(({ treatAll }) => treatAll)}"/><polyline class="mark" fill="none" points="${line(({ netBenefit }) => netBenefit)}"/>`;
  const says =
    'Net benefit of acting on the model, thick, and on everybody, thin; acting on nobody has none.';
  return svg(WIDTH, HEIGHT, 'Decision curve', says, body);
}
