/** The part of time that the timeline shows. */
import { useState } from 'react';

export interface Window {
  readonly start: number;
  readonly end: number;
}

/** Narrowest, ms. */
const NARROWEST_MS = 86_400_000;
const ZOOM = 2;

export interface Zoom {
  readonly shown: Window;
  readonly isWhole: boolean;
  readonly isNarrowest: boolean;
  readonly closer: () => void;
  readonly wider: () => void;
  readonly earlier: () => void;
  readonly later: () => void;
  readonly whole: () => void;
}

/** A window into a stretch of time, first the whole of it. Going closer keeps the end: what is latest matters most. */
export function useZoom(whole: Window): Zoom {
  const [window, setWindow] = useState<Window>();
  const shown = window ?? whole;
  const width = shown.end - shown.start;
  const show = (start: number, end: number): void => {
    const size = Math.min(Math.max(end - start, NARROWEST_MS), whole.end - whole.start);
    const from = Math.min(Math.max(start, whole.start), whole.end - size);
    setWindow({ start: from, end: from + size });
  };
  return {
    shown,
    isWhole: width >= whole.end - whole.start,
    isNarrowest: width <= NARROWEST_MS,
    closer: () => show(shown.end - width / ZOOM, shown.end),
    wider: () => show(shown.end - width * ZOOM, shown.end),
    earlier: () => show(shown.start - width / 2, shown.end - width / 2),
    later: () => show(shown.start + width / 2, shown.end + width / 2),
    whole: () => setWindow(undefined),
  };
}

/** Where an instant lies in a window, as a share of it from 0 to 1; beyond it, at its border. */
export function shareOf(at: number, { start, end }: Window): number {
  return Math.min(1, Math.max(0, (at - start) / Math.max(1, end - start)));
}
