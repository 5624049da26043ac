/** A series as a line over time, the reference range behind it. */
import { scaleLinear, scaleTime } from 'd3-scale';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { MeasuredSeries } from './measures.js';

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [440, 150, 48, 10, 10, 24];
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'short' });
/** More points than there are pixels are thinned out for drawing: the extremes of each stretch stay. */
const DRAWN_MAX = 400;
const DOTS_MAX = 60;

export function MeasureChart({ series }: { series: MeasuredSeries }): ReactNode {
  const { t } = useTranslation();
  const { points, title, unit, low, high } = series;
  const drawn = thinned(points);
  const values = [...points.map(({ value }) => value), ...[low, high].filter((one) => one !== undefined)];
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined) return null;
  const x = scaleTime()
    .domain([first.at, last.at])
    .range([LEFT, WIDTH - RIGHT]);
  const y = scaleLinear()
    .domain([least(values), most(values)])
    .nice(3)
    .range([HEIGHT - BOTTOM, TOP]);
  const [bottom = 0, top = 0] = y.domain();
  return (
    <svg
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      width="100%"
      role="img"
      aria-label={t('measures.label', {
        title,
        count: points.length,
        from: DAY.format(first.at),
        to: DAY.format(last.at),
        least: least(points.map(({ value }) => value)).toLocaleString(),
        most: most(points.map(({ value }) => value)).toLocaleString(),
        unit,
      })}
    >
      {(low !== undefined || high !== undefined) && (
        <rect
          x={LEFT}
          width={WIDTH - LEFT - RIGHT}
          y={y(high ?? top)}
          height={Math.max(0, y(low ?? bottom) - y(high ?? top))}
          fill="var(--fb-path)"
          fillOpacity="0.12"
        />
      )}
      {y.ticks(3).map((tick) => (
        <g key={tick}>
          <line
            x1={LEFT}
            x2={WIDTH - RIGHT}
            y1={y(tick)}
            y2={y(tick)}
            stroke="var(--fb-sibling)"
            strokeWidth="0.5"
          />
          <text x={LEFT - 6} y={y(tick) + 4} textAnchor="end" fontSize="12" fill="currentColor">
            {tick.toLocaleString()}
          </text>
        </g>
      ))}
      <polyline
        points={drawn.map(({ at, value }) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ')}
        fill="none"
        stroke="var(--fb-path)"
        strokeWidth="2"
      />
      {points.length <= DOTS_MAX &&
        points.map(({ at, value, reference }) => (
          <circle key={`${reference} ${at}`} cx={x(at)} cy={y(value)} r="3" fill="var(--fb-path)" />
        ))}
      <text x={LEFT} y={HEIGHT - 6} fontSize="12" fill="currentColor">
        {DAY.format(first.at)}
      </text>
      <text x={WIDTH - RIGHT} y={HEIGHT - 6} fontSize="12" textAnchor="end" fill="currentColor">
        {DAY.format(last.at)}
      </text>
    </svg>
  );
}

function thinned(points: MeasuredSeries['points']): MeasuredSeries['points'] {
  if (points.length <= DRAWN_MAX) return points;
  const stretch = Math.ceil((points.length * 2) / DRAWN_MAX);
  const kept: MeasuredSeries['points'][number][] = [];
  for (let i = 0; i < points.length; i += stretch) {
    const part = points.slice(i, i + stretch).toSorted((a, b) => a.value - b.value);
    const [lowest, highest] = [part[0], part.at(-1)];
    if (lowest !== undefined) kept.push(lowest);
    if (highest !== undefined && highest !== lowest) kept.push(highest);
  }
  return kept.toSorted((a, b) => a.at - b.at);
}

function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b), Infinity);
}

function most(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), -Infinity);
}
