/** The scale of time above the lanes. */
import { scaleTime } from 'd3-scale';
import type { ReactNode } from 'react';
import { shareOf } from './window.js';
import type { Window } from './window.js';

const TICKS = 6;
const YEAR_MS = 365 * 86_400_000;
const YEAR = new Intl.DateTimeFormat(undefined, { year: 'numeric' });
const MONTH = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short' });
const DAY = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

export function Axis({ shown }: { shown: Window }): ReactNode {
  const width = shown.end - shown.start;
  const format = width > 5 * YEAR_MS ? YEAR : width > YEAR_MS / 2 ? MONTH : DAY;
  const ticks = scaleTime().domain([shown.start, shown.end]).ticks(TICKS);
  return (
    <div className="track axis" aria-hidden>
      {ticks.map((tick) => (
        <span
          key={tick.getTime()}
          className="tick"
          ref={(element) => place(element, shareOf(tick.getTime(), shown))}
        >
          {format.format(tick)}
        </span>
      ))}
    </div>
  );
}

/** Through the style object: the page's policy takes no style attributes. */
function place(element: HTMLElement | null, share: number): void {
  element?.style.setProperty('left', `${(share * 100).toFixed(2)}%`);
}
