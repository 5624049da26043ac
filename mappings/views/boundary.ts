/** The first or the last value that a less exact one may mean. */
export type Side = 'low' | 'high';

/**
 * The end of the interval that a decimal means, by the digits it is written with.
 *
 * @param written - The number as JSON writes it: 1.0 means 0.95 to 1.05.
 * @see FHIRPath, lowBoundary, highBoundary
 */
export function decimalBoundary(written: string, side: Side): number | undefined {
  const [mantissa = '', exponent = '0'] = written.toLowerCase().split('e');
  const places = (mantissa.split('.')[1]?.length ?? 0) - Number(exponent);
  const value = Number(written);
  const half = 0.5 * 10 ** -places;
  const end = side === 'low' ? value - half : value + half;
  if (!Number.isFinite(end)) return undefined;
  // One digit more than written, so that binary rounding does not show.
  return places >= 0 && places < 99 ? Number(end.toFixed(places + 1)) : end;
}

/** The first or last day that a date means. */
export function dateBoundary(text: string, side: Side): string {
  if (text.length >= 10) return text.slice(0, 10);
  const month = text.length === 7 ? text : `${text}-${side === 'low' ? '01' : '12'}`;
  if (side === 'low') return `${month}-01`;
  const [year = 0, number = 0] = month.split('-').map(Number);
  // Day 0 of the month that follows.
  const last = new Date(Date.UTC(2000, number, 0));
  last.setUTCFullYear(year, number, 0);
  return `${month}-${String(last.getUTCDate()).padStart(2, '0')}`;
}

/**
 * The first or last millisecond that a dateTime means. Where it has no zone, the day begins first at UTC+14 and ends
 * last at UTC-12.
 */
export function dateTimeBoundary(text: string, side: Side): string {
  if (text.length <= 10) {
    const day = dateBoundary(text, side);
    return side === 'low' ? `${day}T00:00:00.000+14:00` : `${day}T23:59:59.999-12:00`;
  }
  const zoneAt = text.search(/(?:Z|[+-][0-9:]{5})$/);
  const time = text.slice(11, zoneAt === -1 ? undefined : zoneAt);
  return `${text.slice(0, 11)}${timeBoundary(time, side)}${zoneAt === -1 ? '' : text.slice(zoneAt)}`;
}

/** The first or last millisecond that a time of day means. */
export function timeBoundary(text: string, side: Side): string {
  const [hours = '', minutes, seconds] = text.split(':');
  const fill = side === 'low' ? '00' : '59';
  const [whole = '', fraction = ''] = (seconds ?? fill).split('.');
  return `${hours}:${minutes ?? fill}:${whole}.${fraction.slice(0, 3).padEnd(3, side === 'low' ? '0' : '9')}`;
}
