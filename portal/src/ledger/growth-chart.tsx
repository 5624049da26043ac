import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { GrowthPoint } from './entries.js';

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [720, 220, 72, 28, 12];
const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'short' });

/** Size of the log over time. */
export function GrowthChart({ points }: { points: readonly GrowthPoint[] }): ReactNode {
  const { t } = useTranslation();
  const times = points.map(({ at }) => at);
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const most = Math.max(...points.map(({ size }) => size));
  const x = (at: number): number =>
    LEFT + (to === from ? 0 : ((at - from) / (to - from)) * (WIDTH - LEFT - 12));
  const y = (size: number): number => HEIGHT - BOTTOM - (size / most) * (HEIGHT - BOTTOM - TOP);
  const line = points.map(({ at, size }) => `${x(at).toFixed(1)},${y(size).toFixed(1)}`).join(' ');
  const ticks = [0, Math.round(most / 2), most];
  return (
    <svg
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      width="100%"
      role="img"
      aria-label={t('growth.label', {
        from: DATE.format(from),
        to: DATE.format(to),
        size: most.toLocaleString(),
      })}
    >
      {ticks.map((size) => (
        <g key={size}>
          <line
            x1={LEFT}
            x2={WIDTH - 12}
            y1={y(size)}
            y2={y(size)}
            stroke="var(--fb-sibling)"
            strokeWidth="0.5"
          />
          <text x={LEFT - 8} y={y(size) + 4} textAnchor="end" fontSize="13" fill="currentColor">
            {size.toLocaleString()}
          </text>
        </g>
      ))}
      <polyline points={line} fill="none" stroke="var(--fb-path)" strokeWidth="2.5" />
      <text x={LEFT} y={HEIGHT - 8} fontSize="13" fill="currentColor">
        {DATE.format(from)}
      </text>
      <text x={WIDTH - 12} y={HEIGHT - 8} fontSize="13" textAnchor="end" fill="currentColor">
        {DATE.format(to)}
      </text>
    </svg>
  );
}
