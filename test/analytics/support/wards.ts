import type { FeatureTable, PermittedPatient } from '../../../analytics/features/index.js';
import { T0_MS } from './inpatient.js';

/** The hospitals of {@link inHospitals}; the last has too few patients to be told apart. */
export const HOSPITALS = ['Harbour Hospital', 'Hill Hospital', 'Small House', 'Valley Hospital'];

/** Every patient in one of four hospitals and admitted within two years; of the second hospital's all are ten years older. */
export function inHospitals(table: FeatureTable): FeatureTable {
  const hospital = Uint16Array.from(table.keys, (_, i) => (i < 5 ? 2 : [0, 0, 1, 3][i % 4]) ?? 0);
  return {
    ...table,
    columns: table.columns.map((column) =>
      column.name === 'age'
        ? { ...column, values: column.values.map((v, i) => (hospital[i] === 1 ? v + 10 : v)) }
        : column,
    ),
    stays: {
      t0Ms: Float64Array.from(table.keys, (_, i) => T0_MS + ((i * 37) % 730) * 86_400_000),
      hospital,
      hospitals: HOSPITALS,
    },
  };
}

/** The same patients, whose C-reactive protein some laboratory reports in mg/dL, and in ug/L by mistake for the rest. */
export function mixedUnits(patients: readonly PermittedPatient[]): PermittedPatient[] {
  return patients.map((patient, i) => ({
    ...patient,
    resources: patient.resources.map((resource) => {
      const { valueQuantity: q } = resource as { valueQuantity?: { value: number; unit?: string } };
      if (q?.unit !== 'mg/L' || i % 4 > 1) return resource;
      const valueQuantity =
        i % 4 === 0
          ? { ...q, value: q.value / 10, code: 'mg/dL', unit: 'mg/dL' }
          : { ...q, code: 'ug/L', unit: 'ug/L' };
      return { ...(resource as object), valueQuantity };
    }),
  }));
}
