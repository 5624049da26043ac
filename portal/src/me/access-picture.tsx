/** Accesses as dots: a line for each recipient, time from left to right. The list below says the same. */
import { scaleTime } from 'd3-scale';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { OwnAccess } from '../../../adapter/http/contract/index.js';

const [WIDTH, LINE, TOP, BOTTOM, LEFT] = [720, 34, 10, 26, 12];
const RECIPIENTS_MAX = 12;
const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'short' });

export function AccessPicture({
  accesses,
  nameOf,
}: {
  accesses: readonly OwnAccess[];
  nameOf: (access: OwnAccess) => string;
}): ReactNode {
  const { t } = useTranslation();
  const lines = new Map<string, OwnAccess[]>();
  for (const access of accesses) {
    const name = nameOf(access);
    const line = lines.get(name);
    if (line === undefined) lines.set(name, [access]);
    else line.push(access);
  }
  const shown = [...lines].slice(0, RECIPIENTS_MAX);
  const times = accesses.map(({ at }) => at);
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const x = scaleTime()
    .domain(from === to ? [from - 60_000, to + 60_000] : [from, to])
    .range([LEFT + 8, WIDTH - LEFT - 8]);
  const height = TOP + shown.length * LINE + BOTTOM;
  return (
    <svg
      viewBox={`0 0 ${WIDTH} ${height}`}
      width="100%"
      role="img"
      aria-label={t('accesses.picture', { count: accesses.length, recipients: lines.size })}
    >
      {shown.map(([name, line], i) => {
        const y = TOP + i * LINE + 24;
        return (
          <g key={name}>
            <text x={LEFT} y={y - 8} fontSize="13" fill="currentColor">
              {name} ({line.length})
            </text>
            <line x1={LEFT} x2={WIDTH - LEFT} y1={y} y2={y} stroke="var(--fb-sibling)" strokeWidth="0.5" />
            {line.map(({ handle, at }) => (
              <circle key={handle} cx={x(at)} cy={y} r="5" fill="var(--fb-path)" fillOpacity="0.7" />
            ))}
          </g>
        );
      })}
      <text x={LEFT} y={height - 6} fontSize="13" fill="currentColor">
        {DATE.format(from)}
      </text>
      <text x={WIDTH - LEFT} y={height - 6} fontSize="13" textAnchor="end" fill="currentColor">
        {DATE.format(to)}
      </text>
    </svg>
  );
}
