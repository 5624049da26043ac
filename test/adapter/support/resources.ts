/** Synthetic resources of made-up patients. */
const SYNTHETIC = [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActReason', code: 'HTEST' }];

export interface Version {
  readonly version?: string;
  /** Minutes after a fixed moment. */
  readonly minute?: number;
}

function meta({ version, minute }: Version): object {
  const at = minute === undefined ? undefined : new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
  return {
    tag: SYNTHETIC,
    ...(version === undefined ? {} : { versionId: version }),
    ...(at === undefined ? {} : { lastUpdated: at }),
  };
}

export function patient(id: string, of: Version = {}): { resourceType: string; id: string } {
  return { resourceType: 'Patient', id, meta: meta(of), birthDate: '1950-01-01' } as never;
}

export function heartRate(
  id: string,
  subject: string,
  value: number,
  of: Version = {},
): { resourceType: string; id: string } {
  const coding = [{ system: 'http://loinc.org', code: '8867-4' }];
  return {
    resourceType: 'Observation',
    id,
    meta: meta(of),
    status: 'final',
    code: { coding },
    subject: { reference: `Patient/${subject}` },
    effectiveDateTime: '2026-01-01T08:00:00Z',
    valueQuantity: { value, unit: '/min', system: 'http://unitsofmeasure.org', code: '/min' },
  } as never;
}

export function provenance(id: string, ...targets: readonly string[]): object {
  return {
    resourceType: 'Provenance',
    id,
    meta: meta({}),
    target: targets.map((reference) => ({ reference })),
    recorded: '2026-01-01T08:00:00Z',
    agent: [{ who: { display: 'a device' } }],
  };
}
