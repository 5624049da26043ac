/** A record as lanes of a timeline: what somebody had, took, went through, and where. */
import type { CodeableConcept, FhirResource } from 'fhir/r4.js';
import { instantOf, periodOf, spanOf } from './dates.js';
import type { Span } from './dates.js';

export const LANES = [
  'illness',
  'allergy',
  'medication',
  'operation',
  'vaccination',
  'visit',
  'image',
  'document',
] as const;
export type Lane = (typeof LANES)[number];

/** One resource on the timeline. */
export interface Happening {
  readonly lane: Lane;
  readonly title: string;
  /** Absent where the record does not say when. */
  readonly span: Span | undefined;
  /** Whether the record says that it goes on. */
  readonly isOngoing: boolean;
  /** Such as `active` or `finished`, in FHIR's words. */
  readonly status: string | undefined;
  /** `Type/id`. */
  readonly reference: string;
}

/** What happened, the latest first within each lane; what states no time comes last. */
export function happeningsOf(resources: Iterable<FhirResource>): Happening[] {
  const found: Happening[] = [];
  for (const resource of resources) {
    const happening = happeningOf(resource);
    // What was entered in error never happened.
    if (happening !== undefined && happening.status !== 'entered-in-error') found.push(happening);
  }
  return found.toSorted((a, b) => (b.span?.start ?? -Infinity) - (a.span?.start ?? -Infinity));
}

type Said = Omit<Happening, 'reference' | 'title' | 'isOngoing'> & {
  readonly title: string | undefined;
  readonly isOngoing?: boolean;
};

/** How each type is read; the others are no happenings. */
const READERS: {
  readonly [T in FhirResource['resourceType']]?: (
    resource: Extract<FhirResource, { resourceType: T }>,
  ) => Said;
} = {
  Condition(resource) {
    const { onsetDateTime, onsetPeriod, abatementDateTime, abatementPeriod, recordedDate } = resource;
    const end = abatementDateTime ?? abatementPeriod?.end;
    const status = resource.clinicalStatus?.coding?.[0]?.code;
    const isWrong = resource.verificationStatus?.coding?.[0]?.code === 'entered-in-error';
    return {
      lane: 'illness',
      title: words(resource.code),
      span: spanOf(onsetDateTime ?? onsetPeriod?.start ?? recordedDate, end),
      status: isWrong ? 'entered-in-error' : status,
      isOngoing: end === undefined && ['active', 'recurrence', 'relapse'].includes(status ?? ''),
    };
  },
  AllergyIntolerance({ clinicalStatus, code, onsetDateTime, recordedDate }) {
    const status = clinicalStatus?.coding?.[0]?.code;
    const span = spanOf(onsetDateTime ?? recordedDate, undefined);
    return { lane: 'allergy', title: words(code), span, status, isOngoing: status === 'active' };
  },
  MedicationRequest(resource) {
    const { authoredOn, status, dosageInstruction, dispenseRequest } = resource;
    const period = dosageInstruction?.[0]?.timing?.repeat?.boundsPeriod ?? dispenseRequest?.validityPeriod;
    const span = spanOf(period?.start ?? authoredOn, period?.end);
    const isActive = status === 'active' && span?.end === undefined;
    // An order that ended says when it was written, not for how long it was taken.
    const shown = span?.end === undefined && !isActive ? instantOf(authoredOn) : span;
    return { lane: 'medication', title: medicationOf(resource), span: shown, status, isOngoing: isActive };
  },
  MedicationStatement(resource) {
    const { effectivePeriod, effectiveDateTime, status } = resource;
    const span = periodOf(effectivePeriod) ?? instantOf(effectiveDateTime);
    const isOngoing = status === 'active' && span?.end === undefined;
    return { lane: 'medication', title: medicationOf(resource), span, status, isOngoing };
  },
  MedicationAdministration(resource) {
    const { effectivePeriod, effectiveDateTime, status } = resource;
    const span = periodOf(effectivePeriod) ?? instantOf(effectiveDateTime);
    return { lane: 'medication', title: medicationOf(resource), span, status };
  },
  Procedure({ performedPeriod, performedDateTime, status, code }) {
    const span = periodOf(performedPeriod) ?? instantOf(performedDateTime);
    return { lane: 'operation', title: words(code), span, status, isOngoing: status === 'in-progress' };
  },
  Immunization({ vaccineCode, occurrenceDateTime, status }) {
    return { lane: 'vaccination', title: words(vaccineCode), span: instantOf(occurrenceDateTime), status };
  },
  Encounter({ period, status, type, reasonCode, class: kind }) {
    const title = words(type?.[0]) ?? words(reasonCode?.[0]) ?? kind.display ?? kind.code;
    return { lane: 'visit', title, span: periodOf(period), status, isOngoing: status === 'in-progress' };
  },
  ImagingStudy({ started, status, description, procedureCode, series }) {
    const title = description ?? words(procedureCode?.[0]) ?? series?.[0]?.modality.display;
    return { lane: 'image', title, span: instantOf(started), status };
  },
  Media({ modality, content, createdPeriod, createdDateTime, status }) {
    const span = periodOf(createdPeriod) ?? instantOf(createdDateTime);
    return { lane: 'image', title: words(modality) ?? content.title, span, status };
  },
  DocumentReference({ date, status, description, type, content }) {
    const isImage = content.some(({ attachment }) => attachment.contentType?.startsWith('image/') === true);
    const title = description ?? words(type);
    return { lane: isImage ? 'image' : 'document', title, span: instantOf(date), status };
  },
  DiagnosticReport({ code, effectivePeriod, effectiveDateTime, status }) {
    const span = periodOf(effectivePeriod) ?? instantOf(effectiveDateTime);
    return { lane: 'document', title: words(code), span, status };
  },
};

function happeningOf(resource: FhirResource): Happening | undefined {
  const { resourceType } = resource;
  const read = READERS[resourceType] as ((one: FhirResource) => Said) | undefined;
  if (read === undefined) return undefined;
  const { title = resourceType, isOngoing = false, ...said } = read(resource);
  return { ...said, title, isOngoing, reference: `${resourceType}/${resource.id ?? ''}` };
}

/** Words of a concept: its text, else a display, else a code. */
export function words(concept: CodeableConcept | undefined): string | undefined {
  if (concept === undefined) return undefined;
  const coding = concept.coding?.find(({ display }) => display !== undefined) ?? concept.coding?.[0];
  return concept.text ?? coding?.display ?? coding?.code;
}

function medicationOf({
  medicationCodeableConcept,
  medicationReference,
}: {
  medicationCodeableConcept?: CodeableConcept | undefined;
  medicationReference?: { display?: string | undefined } | undefined;
}): string | undefined {
  return words(medicationCodeableConcept) ?? medicationReference?.display;
}

/** First and last instant of what states one; `undefined` when nothing does. @param nowMs - Where what goes on ends. */
export function extentOf(
  happenings: readonly Happening[],
  nowMs: number,
): { start: number; end: number } | undefined {
  let [start, end] = [Infinity, -Infinity];
  for (const { span, isOngoing } of happenings) {
    if (span === undefined) continue;
    start = Math.min(start, span.start);
    end = Math.max(end, isOngoing ? nowMs : (span.end ?? span.start));
  }
  return start === Infinity ? undefined : { start, end };
}

/** What bears one name within a lane: an illness that came back, a medication ordered again. */
export interface Row {
  readonly key: string;
  readonly lane: Lane;
  readonly title: string;
  /** The latest first. */
  readonly happenings: readonly Happening[];
}

/** Rows of the lanes, in the order of their latest happening. */
export function rowsOf(happenings: readonly Happening[]): Row[] {
  const rows = new Map<string, { key: string; lane: Lane; title: string; happenings: Happening[] }>();
  for (const happening of happenings) {
    const { lane, title } = happening;
    const key = `${lane} ${title}`;
    const row = rows.get(key);
    if (row === undefined) rows.set(key, { key, lane, title, happenings: [happening] });
    else row.happenings.push(happening);
  }
  return [...rows.values()];
}
