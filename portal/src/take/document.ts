/** A record as a document for people: what stands on the page, and in the file that is saved. */
import type { TFunction } from 'i18next';
import type { FhirResource, Observation, Patient } from 'fhir/r4.js';
import { nameOf } from '../care/patient-name.js';
import { boundsOf } from '../timeline/dates.js';
import { happeningsOf, LANES, rowsOf, words } from '../timeline/lanes.js';
import type { Row } from '../timeline/lanes.js';
import { seriesOf } from '../timeline/measures.js';
import { whenText } from '../timeline/when-words.js';

export interface DocumentTable {
  readonly key: string;
  readonly title: string;
  /** Parts of the width, as many as the head has. */
  readonly widths: readonly number[];
  readonly head: readonly string[];
  /** Each as long as the head. */
  readonly rows: readonly (readonly string[])[];
}

export interface RecordDocument {
  readonly name: string;
  readonly born: string | undefined;
  /** By whom it is kept, and when it was read. */
  readonly from: string;
  readonly tables: readonly DocumentTable[];
}

/** More would leave pages half empty. */
const TIMES_A_LINE = 24;
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const INSTANT = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: 'long',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  timeZoneName: 'long',
});

/** A time with the zone that it is told in: by its name in words, and by that of the time zone database. */
export function instantText(at: Date): string {
  return `${INSTANT.format(at)} (${INSTANT.resolvedOptions().timeZone})`;
}

/** All that a record says, in tables; those that would be empty are left out. */
export function documentOf(
  resources: readonly FhirResource[],
  how: { readonly hospital: string; readonly at: Date; readonly t: TFunction },
): RecordDocument {
  const { hospital, at, t } = how;
  const patient = resources.find((one): one is Patient => one.resourceType === 'Patient');
  const tables = [...laneTables(resources, at.getTime(), t), measures(resources, t), findings(resources, t)];
  return {
    name: (patient === undefined ? undefined : nameOf(patient)) ?? t('care.unnamed'),
    born: patient?.birthDate === undefined ? undefined : t('take.born', { day: patient.birthDate }),
    from: t('take.from', { hospital, at: instantText(at) }),
    tables: tables.filter(({ rows }) => rows.length > 0),
  };
}

function laneTables(resources: readonly FhirResource[], nowMs: number, t: TFunction): DocumentTable[] {
  const happenings = happeningsOf(resources);
  return LANES.map((lane) => ({
    key: lane,
    title: t(`timeline.lane.${lane}`),
    widths: [4, 7, 2],
    head: [t('take.what'), t('take.when'), t('take.status')],
    rows: rowsOf(happenings.filter((one) => one.lane === lane)).flatMap((row) => timesOf(row, nowMs, t)),
  }));
}

/** What happened again and again is told once, with all its times: a line for each status, and for so many times. */
function timesOf({ title, happenings }: Row, nowMs: number, t: TFunction): string[][] {
  const byStatus = new Map<string, string[]>();
  for (const happening of happenings) {
    const status = happening.status ?? '';
    const times = byStatus.get(status) ?? [];
    times.push(whenText(happening, nowMs, t));
    byStatus.set(status, times);
  }
  return [...byStatus].flatMap(([status, times]) => {
    return timeLines(times, t).map((line) => [title, line, status]);
  });
}

/** Times told in lines that are not broken over two pages. */
function timeLines(times: readonly string[], t: TFunction): string[] {
  const many = times.length === 1 ? '' : `${t('take.times', { count: times.length })} `;
  const lines: string[] = [];
  for (let i = 0; i < times.length; i += TIMES_A_LINE)
    lines.push((i === 0 ? many : '') + times.slice(i, i + TIMES_A_LINE).join('; '));
  return lines;
}

function measures(resources: readonly FhirResource[], t: TFunction): DocumentTable {
  return {
    key: 'measures',
    title: t('measures.title'),
    widths: [4, 3, 2.5, 2.5, 4],
    head: [t('take.what'), t('take.latest'), t('take.when'), t('take.range'), t('take.before')],
    rows: seriesOf(resources).flatMap(({ title, unit, low, high, points }) => {
      const latest = points.at(-1);
      if (latest === undefined) return [];
      const range =
        low === undefined && high === undefined
          ? ''
          : `${low?.toLocaleString() ?? ''} – ${high?.toLocaleString() ?? ''}`;
      const value = `${latest.value.toLocaleString()} ${unit}${latest.flag === undefined ? '' : ` (${latest.flag})`}`;
      return [[title, value, DAY.format(latest.at), range, earlier(points.slice(0, -1), t)]];
    }),
  };
}

/** What was measured before the latest: how often, since when, between what. */
function earlier(points: readonly { readonly at: number; readonly value: number }[], t: TFunction): string {
  const [first] = points;
  if (first === undefined) return '';
  let [least, most] = [first.value, first.value];
  for (const { value } of points) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return t('take.earlier', {
    count: points.length,
    since: DAY.format(first.at),
    least: least.toLocaleString(),
    most: most.toLocaleString(),
  });
}

/** Observations that say something else than a number. */
function findings(resources: readonly FhirResource[], t: TFunction): DocumentTable {
  const found = resources.flatMap((one) => {
    if (one.resourceType !== 'Observation' || ['entered-in-error', 'cancelled'].includes(one.status))
      return [];
    const at = boundsOf(one.effectiveDateTime ?? one.effectiveInstant ?? one.effectivePeriod?.start)?.start;
    return [one, ...(one.component ?? [])].flatMap((part) => {
      const value = saidOf(part);
      return value === undefined ? [] : [{ at, what: words(part.code) ?? '', value }];
    });
  });
  const same = new Map<string, { what: string; value: string; times: string[] }>();
  for (const { at, what, value } of found.toSorted((a, b) => (b.at ?? -Infinity) - (a.at ?? -Infinity))) {
    const key = JSON.stringify([what, value]);
    const known = same.get(key) ?? { what, value, times: [] };
    known.times.push(at === undefined ? t('timeline.undated') : DAY.format(at));
    same.set(key, known);
  }
  return {
    key: 'findings',
    title: t('take.findings'),
    widths: [4, 4, 5],
    head: [t('take.what'), t('take.finding'), t('take.when')],
    rows: [...same.values()].flatMap(({ what, value, times }) =>
      timeLines(times, t).map((line) => [what, value, line]),
    ),
  };
}

type Said = Pick<
  Observation,
  'valueCodeableConcept' | 'valueString' | 'valueBoolean' | 'valueInteger' | 'valueDateTime' | 'valueTime'
>;

function saidOf(part: Said): string | undefined {
  const { valueCodeableConcept, valueString, valueBoolean, valueInteger, valueDateTime, valueTime } = part;
  const plain = valueString ?? valueBoolean ?? valueInteger ?? valueDateTime ?? valueTime;
  return words(valueCodeableConcept) ?? plain?.toString();
}
