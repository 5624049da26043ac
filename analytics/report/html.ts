import type { StudyReport } from './study-report.js';
import { barPlot, correlationPlot, escaped, figure, flowPlot, flowText, forestPlot } from './svg.js';

const STYLE = `:root{color-scheme:light dark;--ink:#1b1f24;--soft:#6a737d;--paper:#fff;--rule:#d0d7de;--mark:#0b6bcb;--warm:#c4432b}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa4af;--paper:#11151a;--rule:#343b44;--mark:#58a6ff;--warm:#ff8a70}}
@media print{:root{--ink:#000;--paper:#fff;--rule:#bbb;--mark:#0b6bcb;--warm:#c4432b}h2{break-after:avoid}tr,svg{break-inside:avoid}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;line-height:1.25}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid var(--rule)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid var(--rule)}
th:first-child,td:first-child{text-align:left}.wide{overflow-x:auto}.note{color:var(--soft)}.warn{border-left:4px solid var(--warm);padding:.4rem .8rem}
svg{max-width:100%;height:auto;display:block;margin:.8rem 0}svg text{font:12px system-ui,sans-serif;fill:var(--ink)}
.box{fill:none;stroke:var(--soft)}.line{stroke:var(--soft);fill:none}.grid{stroke:var(--rule)}.mark{stroke:var(--mark);stroke-width:2}.dot,.bar,.plus{fill:var(--mark)}.minus{fill:var(--warm)}`;

/** The report as one page: nothing is fetched, nothing runs; light, dark, and on paper. */
export function reportHtml(report: StudyReport): string {
  const { study, eda, flow, associations, landmark, collinearity, problems, units, dropped } = report;
  const total = eda.patients;
  const rows = eda.features.flatMap((f) => {
    if (f.levels.length > 0) {
      return f.levels.map((l) => [
        `${f.label}: ${l.level}`,
        share(l.all, total),
        share(l.events, eda.events),
        share(l.nonEvents, total - eda.events),
        figure(f.standardisedDifference),
      ]);
    }
    const cell = (s: typeof f.all): string =>
      s.median === null ? '–' : `${figure(s.median)} (${figure(s.q25)} to ${figure(s.q75)})`;
    const mean = (s: typeof f.all): string => (s.mean === null ? '–' : `${figure(s.mean * 100)} %`);
    const of = f.kind === 'binary' ? mean : cell;
    const label = f.kind === 'binary' || f.unit === '1' ? f.label : `${f.label}, ${f.unit}`;
    return [[label, of(f.all), of(f.events), of(f.nonEvents), figure(f.standardisedDifference)]];
  });
  const missing = eda.features.map((f) => ({
    label: f.label,
    share: Number.isNaN(f.all.missing) ? null : f.all.missing / total,
  }));
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(study.title)}</title><style>${STYLE}</style></head><body>
<h1>${escaped(study.title)}</h1><p class="note">Study ${escaped(study.name)}, version ${escaped(study.version)}. Outcome: ${escaped(report.outcome)}. A dash stands for what is missing or counts fewer than 11 patients, and for what would tell such a count.</p>
${eda.leakSuspects.length === 0 ? '' : `<p class="warn">These predictors separate the outcomes too well by themselves, look there for a leak: ${escaped(eda.leakSuspects.join(', '))}.</p>`}
${dropped.length === 0 ? '' : `<p class="warn">Dropped, since they read what defines the outcome: ${escaped(dropped.join(', '))}.</p>`}
<h2>Patients</h2>${flowPlot(flow)}<p>${escaped(flowText(flow))}</p>
<h2>Table 1</h2>${table(['', 'all', 'with the outcome', 'without', 'standardised difference'], rows)}<p class="note">Median (quartiles), or share of patients with a value.</p>
<h2>Missing values</h2>${barPlot('Share of patients without a value', missing)}
<h2>Each predictor alone</h2>${forestPlot(associations)}<p class="note">Odds ratio with 95 % interval: of numbers for a standard deviation, of the rest for yes against no or against the first level.</p>
${landmark === undefined ? '' : `<h2>Landmark at ${figure(landmark.hours)} hours</h2>${forestPlot(landmark.associations)}<p class="note">Patients free of the outcome then, with what was known by then.</p>`}
<h2>Correlation and collinearity</h2>${correlationPlot(collinearity.names, collinearity.correlation)}${
    collinearity.vif === null
      ? '<p class="warn">Some predictors are linear combinations of others.</p>'
      : table(
          ['predictor', 'variance inflation'],
          collinearity.names.map((name, i) => [name, figure(collinearity.vif?.[i])]),
        )
  }
<h2>Units</h2>${table(
    ['measurement', 'unit as written', 'values', 'mean after conversion'],
    units.map((u) => [u.family, u.unit, figure(u.count), figure(u.mean)]),
  )}
<h2>Values that were not used</h2>${
    problems.length === 0
      ? '<p>None.</p>'
      : table(
          ['measurement', 'why', 'unit', 'values'],
          problems.map((p) => [p.family, p.problem, p.unit, figure(p.count)]),
        )
  }
</body></html>
`;
}

function share(count: number, of: number): string {
  return Number.isNaN(count) || !(of > 0) ? '–' : `${figure(count)} (${figure((count / of) * 100)} %)`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return `<div class="wide"><table><thead>${line('th', head)}</thead><tbody>${rows.map((row) => line('td', row)).join('')}</tbody></table></div>`;
}

function line(tag: string, cells: readonly string[]): string {
  return `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`;
}
