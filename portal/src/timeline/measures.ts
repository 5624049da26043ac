/** Numbers measured of a patient, by what was measured: series for charts. */
import type { FhirResource, Observation, Quantity } from 'fhir/r4.js';
import { boundsOf } from './dates.js';
import { words } from './lanes.js';

export interface MeasuredPoint {
  readonly at: number;
  readonly value: number;
  readonly reference: string;
  /** Such as `H` or `LL`: what the laboratory made of it. */
  readonly flag: string | undefined;
}

/** One kind of measurement in one unit; two units are two series, for nothing is converted unseen. */
export interface MeasuredSeries {
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  readonly isVital: boolean;
  /** Reference range of the latest point that states one. */
  readonly low: number | undefined;
  readonly high: number | undefined;
  /** In order of time. */
  readonly points: readonly MeasuredPoint[];
}

type Measured = Pick<Observation, 'code' | 'valueQuantity' | 'interpretation' | 'referenceRange'>;

/** Series of all Observations, components counted by themselves; the longest first, vital signs before the rest. */
export function seriesOf(resources: Iterable<FhirResource>): MeasuredSeries[] {
  const series = new Map<
    string,
    { -readonly [K in keyof MeasuredSeries]: MeasuredSeries[K] } & { points: MeasuredPoint[] }
  >();
  for (const resource of resources) {
    if (resource.resourceType !== 'Observation' || isVoid(resource.status)) continue;
    const at = boundsOf(
      resource.effectiveDateTime ?? resource.effectiveInstant ?? resource.effectivePeriod?.start,
    )?.start;
    if (at === undefined) continue;
    const isVital =
      resource.category?.some(({ coding }) => coding?.some(({ code }) => code === 'vital-signs')) === true;
    for (const measured of [resource, ...(resource.component ?? [])] satisfies Measured[]) {
      const { valueQuantity: quantity } = measured;
      if (quantity?.value === undefined) continue;
      const coding = measured.code.coding?.[0];
      const unit = unitOf(quantity);
      const key = `${coding?.system ?? ''}|${coding?.code ?? words(measured.code) ?? ''}|${unit}`;
      let one = series.get(key);
      if (one === undefined) {
        one = {
          key,
          title: words(measured.code) ?? '',
          unit,
          isVital,
          low: undefined,
          high: undefined,
          points: [],
        };
        series.set(key, one);
      }
      const range = measured.referenceRange?.[0];
      if (range?.low?.value !== undefined) one.low = range.low.value;
      if (range?.high?.value !== undefined) one.high = range.high.value;
      const flag = measured.interpretation?.[0]?.coding?.[0]?.code;
      one.points.push({ at, value: quantity.value, reference: `Observation/${resource.id ?? ''}`, flag });
    }
  }
  for (const { points } of series.values()) points.sort((a, b) => a.at - b.at);
  return [...series.values()].toSorted(
    (a, b) => Number(b.isVital) - Number(a.isVital) || b.points.length - a.points.length,
  );
}

function unitOf({ unit, code }: Quantity): string {
  return unit ?? code ?? '';
}

function isVoid(status: string): boolean {
  return status === 'entered-in-error' || status === 'cancelled';
}
