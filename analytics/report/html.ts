import { DRIFT_NOTABLE } from '../eda/index.js';
import type { StudyReport } from './study-report.js';
import { validationSection } from './validation-section.js';
import { driftPlot, missingPlot, togetherPlot } from './maps.js';
import { coveragePlot, distributionPlot } from './plots.js';
import {
  barPlot,
  correlationPlot,
  escaped,
  figure,
  flowPlot,
  flowText,
  forestPlot,
  withUnit,
} from './svg.js';

const STYLE = `:root{color-scheme:light dark;--ink:#1b1f24;--soft:#6a737d;--paper:#fff;--rule:#d0d7de;--mark:#0b6bcb;--warm:#c4432b}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa4af;--paper:#11151a;--rule:#343b44;--mark:#58a6ff;--warm:#ff8a70}}
@media print{:root{--ink:#000;--paper:#fff;--rule:#bbb;--mark:#0b6bcb;--warm:#c4432b}h2{break-after:avoid}tr,svg{break-inside:avoid}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;line-height:1.25}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid var(--rule)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid var(--rule)}
th:first-child,td:first-child{text-align:left;min-width:8rem}td:not(:first-child){white-space:nowrap}.wide{overflow-x:auto}.note{color:var(--soft)}.warn{border-left:4px solid var(--warm);padding:.4rem .8rem}
svg{max-width:100%;height:auto;display:block;margin:.8rem 0}svg text{font:12px system-ui,sans-serif;fill:var(--ink)}
.box{fill:none;stroke:var(--soft)}.line{stroke:var(--soft);fill:none}.grid{stroke:var(--rule)}.mark{stroke:var(--mark);stroke-width:2}.dot,.bar,.plus{fill:var(--mark)}.minus{fill:var(--warm)}.gone{fill:var(--ink)}.hollow{fill:none;stroke:var(--rule)}.there{fill:var(--rule);fill-opacity:.5}
.area{fill:var(--mark);fill-opacity:.35}.edge{fill:none;stroke:var(--warm);stroke-width:2}svg text.small{font-size:10px}
.wide svg{max-width:none}.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:.5rem}
nav{margin:1rem 0}nav a{margin-right:.9rem;white-space:nowrap}a{color:var(--mark)}@media print{nav{display:none}.wide{overflow:visible}.wide svg{max-width:100%}}
.key{display:inline-block;width:1em;height:.7em;margin-right:.3em;background:var(--mark);opacity:.5}.key.with{background:var(--warm);opacity:1}.key.full{opacity:1}`;

/** Sections in order, by their anchors. */
type Section = readonly [id: string, title: string, body: string];

/** The report as one page: nothing is fetched, nothing runs; light, dark, and on paper. */
export function reportHtml(report: StudyReport): string {
  const { study, eda, flow, associations, landmark, collinearity, problems, dropped } = report;
  const total = eda.patients;
  const rows = eda.features.flatMap((f) => {
    if (f.levels.length > 0) {
      return f.levels.map((l, i) => [
        `${f.label}: ${l.level}`,
        share(l.all, total),
        share(l.events, eda.events),
        share(l.nonEvents, total - eda.events),
        // Of a category the difference is that of the level that differs most.
        i === 0 ? figure(f.standardisedDifference) : '',
      ]);
    }
    const cell = (s: typeof f.all): string =>
      s.median === null ? '–' : `${figure(s.median)} (${figure(s.q25)} to ${figure(s.q75)})`;
    const mean = (s: typeof f.all): string => (s.mean === null ? '–' : `${figure(s.mean * 100)} %`);
    const of = f.kind === 'binary' ? mean : cell;
    const label = f.kind === 'binary' ? f.label : withUnit(f);
    return [[label, of(f.all), of(f.events), of(f.nonEvents), figure(f.standardisedDifference)]];
  });
  const missing = eda.features.map((f) => ({
    label: f.label,
    share: Number.isNaN(f.all.missing) ? null : f.all.missing / total,
  }));
  const shown = report.distributions.filter(({ bins }) => bins.length > 0);
  const hidden = report.distributions.filter(({ bins }) => bins.length === 0);
  const sections: Section[] = [
    [
      'patients',
      'Patients',
      `<div class="wide" tabindex="0">${flowPlot(flow)}</div><p>${escaped(flowText(flow))}</p>`,
    ],
    [
      'table-1',
      'Table 1',
      `${table(['', 'all', 'with the outcome', 'without', 'standardised difference'], rows)}<p class="note">Median (quartiles), or share of patients with a value.</p>`,
    ],
    ...coverageSection(report),
    [
      'distributions',
      'Distributions',
      `<p class="note"><span class="key with"></span>with the outcome, as a line; <span class="key"></span>without, as an area. Each has the same area. The outermost bins hold what lies beyond.</p><div class="plots">${shown.map(distributionPlot).join('')}</div>${hidden.length === 0 ? '' : `<p class="note">Too few values: ${escaped(hidden.map(({ label }) => label).join(', '))}.</p>`}`,
    ],
    [
      'missing',
      'Missing values',
      `${barPlot('Share of patients without a value', missing)}<p>Patients by what they lack together:</p><div class="wide" tabindex="0">${missingPlot(report.missing)}</div>${report.missing.names.length < 2 ? '' : `<p>Of the patients who lack the row’s, the share who lack the column’s too: the darker the more, hollow where few.</p><div class="wide" tabindex="0">${togetherPlot(report.missing)}</div>`}`,
    ],
    [
      'associations',
      'Each predictor alone',
      `<div class="wide" tabindex="0">${forestPlot(associations)}</div><p class="note">Odds ratio with 95 % interval: of numbers for a standard deviation, of the rest for yes against no or against the first level.</p>`,
    ],
    ...(landmark === undefined
      ? []
      : [
          [
            'landmark',
            `Landmark at ${figure(landmark.hours)} hours`,
            `<div class="wide" tabindex="0">${forestPlot(landmark.associations)}</div><p class="note">Patients free of the outcome then, with what was known by then.</p>`,
          ] as const,
        ]),
    [
      'collinearity',
      'Correlation and collinearity',
      `<div class="wide" tabindex="0">${correlationPlot(collinearity.names, collinearity.correlation)}</div>${
        collinearity.vif === null
          ? '<p class="warn">Some predictors are linear combinations of others.</p>'
          : table(
              ['predictor', 'variance inflation'],
              collinearity.names.map((name, i) => [name, figure(collinearity.vif?.[i])]),
            )
      }`,
    ],
    ['model', 'The model', validationSection(report.validation, table)],
    ...hospitalSection(report),
    ['units', 'Units, outliers and impossible values', unitSection(report)],
    [
      'unused',
      'Values that were not used',
      problems.length === 0
        ? '<p>None.</p>'
        : table(
            ['measurement', 'why', 'unit', 'values'],
            problems.map((p) => [p.family, p.problem, p.unit, figure(p.count)]),
          ),
    ],
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(study.title)}</title><style>${STYLE}</style></head><body>
<h1>${escaped(study.title)}</h1><p class="note">Study ${escaped(study.name)}, version ${escaped(study.version)}. Outcome: ${escaped(report.outcome)}. A dash stands for what is missing or counts fewer than 11 patients, and for what would tell such a count.</p>
${eda.leakSuspects.length === 0 ? '' : `<p class="warn">These predictors separate the outcomes too well by themselves, look there for a leak: ${escaped(eda.leakSuspects.join(', '))}.</p>`}
${dropped.length === 0 ? '' : `<p class="warn">Dropped, since they read what defines the outcome: ${escaped(dropped.join(', '))}.</p>`}
<nav aria-label="Contents">${sections.map(([id, title]) => `<a href="#${id}">${escaped(title)}</a>`).join(' ')}</nav>
${sections.map(([id, title, body]) => `<section id="${id}"><h2>${escaped(title)}</h2>${body}</section>`).join('\n')}
</body></html>
`;
}

function coverageSection({ coverage }: StudyReport): Section[] {
  if (coverage === undefined) return [];
  const body = `<p class="note"><span class="key with"></span>with the outcome, <span class="key full"></span>without, a month of admission. Months are joined until none counts few patients.</p><div class="wide" tabindex="0">${coveragePlot(coverage)}</div>`;
  return [['time', 'Time coverage', body]];
}

function hospitalSection({ hospitals }: StudyReport): Section[] {
  if (hospitals === undefined) return [];
  const rows = hospitals.groups.map(({ name, patients, events }) => [
    name,
    figure(patients),
    events === null ? '–' : share(events, patients),
  ]);
  const body = `${table(['hospital', 'patients', 'with the outcome'], rows)}
<p>Standardised difference of each hospital's mean from that of the others; blue above, red below, written out from ${figure(DRIFT_NOTABLE)}.</p>
<div class="wide" tabindex="0">${driftPlot(hospitals, hospitals.differences, 'Drift between hospitals')}</div>
<p>The same of the share of missing values.</p>
<div class="wide" tabindex="0">${driftPlot(hospitals, hospitals.missing, 'Drift of missing values between hospitals')}</div>`;
  return [['hospitals', 'Drift between hospitals', body]];
}

function unitSection({ units }: StudyReport): string {
  const suspects = units.filter(({ suspect }) => suspect).map(({ family, unit }) => `${family} in ${unit}`);
  const told =
    suspects.length === 0
      ? ''
      : `<p class="warn">Their values lie far from the same measurement's in other units, or are all impossible; the unit may be written wrongly: ${escaped(suspects.join(', '))}.</p>`;
  return `${told}${table(
    ['measurement', 'unit as written', 'values used', 'median after conversion', 'far out', 'impossible'],
    units.map((u) => [
      u.family,
      u.unit,
      figure(u.count),
      figure(u.median),
      figure(u.outliers),
      figure(u.impossible),
    ]),
  )}<p class="note">Far out: beyond three quartile ranges from the quartiles. Impossible: outside what is plausible, counted and not used.</p>`;
}

function share(count: number, of: number): string {
  return Number.isNaN(count) || !(of > 0) ? '–' : `${figure(count)} (${figure((count / of) * 100)} %)`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return `<div class="wide" tabindex="0"><table><thead>${line('th', head)}</thead><tbody>${rows.map((row) => line('td', row)).join('')}</tbody></table></div>`;
}

function line(tag: string, cells: readonly string[]): string {
  return `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
}
