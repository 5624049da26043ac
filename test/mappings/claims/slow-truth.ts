/**
 * Whether a patient's resources bear a claim's line out: a second computation, slow and written apart, straight from the
 * resources as they were received. It shares nothing with what it is compared with.
 */

export interface Json {
  readonly [name: string]: unknown;
}

const DAY = 24 * 3600 * 1000;

/** Reads along a path; lists are entered. */
export function all(value: unknown, ...path: readonly string[]): unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((one: unknown) => all(one, ...path));
  const [name, ...rest] = path;
  if (name === undefined) return [value];
  return typeof value === 'object' ? all((value as Json)[name], ...rest) : [];
}

const tokens = (concept: unknown[]): string[] =>
  concept.map((one) => `${String((one as Json)['system'])}|${String((one as Json)['code'])}`);

const first = (value: unknown, ...paths: readonly string[]): string | undefined =>
  paths
    .map((path) => all(value, ...path.split('.'))[0])
    .find((found): found is string => typeof found === 'string');

const ms = (text: string | undefined): number => (text === undefined ? Number.NaN : Date.parse(text));

/** `supported` and nothing else counts as borne out. Dates of the data are whole instants. */
export function isBorneOut(claim: Json, item: Json, resources: readonly Json[]): boolean {
  const byUrn = (reference: string | undefined): Json | undefined =>
    resources.find(({ id }) => `urn:uuid:${String(id)}` === reference);
  if (
    first(claim, 'patient.reference') !==
    `urn:uuid:${String(resources.find((r) => r['resourceType'] === 'Patient')?.['id'])}`
  )
    return false;
  const wanted = tokens(all(item, 'productOrService', 'coding'));
  const from = ms(first(item, 'servicedPeriod.start') ?? first(claim, 'billablePeriod.start'));
  const to = ms(first(item, 'servicedPeriod.end') ?? first(claim, 'billablePeriod.end'));
  const provider = first(claim, 'provider.reference');
  const rx = first(claim, 'prescription.reference');
  if (rx !== undefined) {
    const order = byUrn(rx);
    const ordered = ms(first(order, 'authoredOn'));
    if (order?.['resourceType'] !== 'MedicationRequest' || order['status'] === 'cancelled') return false;
    if (!(ordered <= to && ordered >= from - 366 * DAY)) return false;
  }
  const net = (item['net'] ?? undefined) as Json | undefined;
  if (net !== undefined) {
    const billed = resources
      .filter((r) => r['resourceType'] === 'Claim' && first(r, 'provider.reference') === provider)
      .filter(
        (r) => ms(first(r, 'billablePeriod.start')) >= from && ms(first(r, 'billablePeriod.start')) <= to,
      )
      .flatMap((r) => all(r, 'item') as Json[])
      .filter((one) => tokens(all(one, 'productOrService', 'coding')).some((code) => wanted.includes(code)))
      .filter((one) => one['net'] !== undefined)
      .map((one) => one['net'] as Json);
    const isSame = (one: Json): boolean =>
      one['value'] === net['value'] && one['currency'] === net['currency'];
    if (billed.length > 0 && !billed.some(isSame)) return false;
  }
  const sequenceOf = (name: string): unknown => all(item, name)[0];
  const part = (list: string, sequence: unknown, member: string): string | undefined =>
    first(
      (all(claim, list) as Json[]).find((one) => one['sequence'] === sequence),
      `${member}.reference`,
    );
  let types = ['Encounter', 'Procedure', 'Condition', 'Immunization', 'MedicationRequest'];
  let target = first(item, 'encounter.reference');
  if (target !== undefined) types = ['Encounter'];
  else if (sequenceOf('procedureSequence') !== undefined) {
    types = ['Procedure'];
    target = part('procedure', sequenceOf('procedureSequence'), 'procedureReference');
  } else if (sequenceOf('informationSequence') !== undefined)
    target = part('supportingInfo', sequenceOf('informationSequence'), 'valueReference');
  else if (sequenceOf('diagnosisSequence') !== undefined) {
    types = ['Condition'];
    target = part('diagnosis', sequenceOf('diagnosisSequence'), 'diagnosisReference');
  }
  if (target === undefined && to - from > 400 * DAY) return false;
  return resources.some((record) => {
    const type = String(record['resourceType']);
    if (!types.includes(type)) return false;
    if (target !== undefined && record !== byUrn(target)) return false;
    const own = tokens([
      ...(type === 'Encounter' ? all(record, 'type', 'coding') : all(record, 'code', 'coding')),
      ...all(record, 'vaccineCode', 'coding'),
      ...all(record, 'medicationCodeableConcept', 'coding'),
    ]);
    if (!own.some((code) => wanted.includes(code))) return false;
    if (['cancelled', 'entered-in-error', 'not-done', 'planned', 'draft'].includes(String(record['status'])))
      return false;
    const marks = tokens(all(record, 'verificationStatus', 'coding')).map((mark) => mark.split('|')[1]);
    if (marks.includes('entered-in-error') || marks.includes('refuted')) return false;
    const began = ms(
      first(record, 'period.start', 'performedPeriod.start', 'performedDateTime', 'onsetDateTime') ??
        first(record, 'occurrenceDateTime', 'authoredOn'),
    );
    const ended = ms(first(record, 'period.end', 'abatementDateTime'));
    if (type === 'Condition') {
      if (!(began <= to && (Number.isNaN(ended) || ended >= from))) return false;
    } else if (!(began >= from && began <= to)) return false;
    if (type === 'Encounter' && !(ended <= to && from >= began - DAY && to <= ended + DAY)) return false;
    const visit = type === 'Encounter' ? record : byUrn(first(record, 'encounter.reference'));
    const by = [
      first(visit, 'serviceProvider.reference'),
      ...all(visit, 'participant', 'individual', 'reference'),
      ...all(record, 'requester', 'reference'),
    ];
    return by.includes(provider);
  });
}
