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

function happeningOf(resource: FhirResource): Happening | undefined {
  const reference = `${resource.resourceType}/${resource.id ?? ''}`;
  const make = (
    lane: Lane,
    title: string | undefined,
    span: Span | undefined,
    status: string | undefined,
    isOngoing = false,
  ): Happening => ({ lane, title: title ?? resource.resourceType, span, isOngoing, status, reference });
  switch (resource.resourceType) {
    case 'Condition': {
      const { onsetDateTime, onsetPeriod, abatementDateTime, abatementPeriod, recordedDate } = resource;
      const start = onsetDateTime ?? onsetPeriod?.start ?? recordedDate;
      const end = abatementDateTime ?? abatementPeriod?.end;
      const status = resource.clinicalStatus?.coding?.[0]?.code;
      const isWrong = resource.verificationStatus?.coding?.[0]?.code === 'entered-in-error';
      const isOngoing = end === undefined && ['active', 'recurrence', 'relapse'].includes(status ?? '');
      return make(
        'illness',
        words(resource.code),
        spanOf(start, end),
        isWrong ? 'entered-in-error' : status,
        isOngoing,
      );
    }
    case 'AllergyIntolerance': {
      const status = resource.clinicalStatus?.coding?.[0]?.code;
      const span = spanOf(resource.onsetDateTime ?? resource.recordedDate, undefined);
      return make('allergy', words(resource.code), span, status, status === 'active');
    }
    case 'MedicationRequest': {
      const { authoredOn, status, dosageInstruction } = resource;
      const bounds = dosageInstruction?.[0]?.timing?.repeat?.boundsPeriod;
      const validity = resource.dispenseRequest?.validityPeriod;
      const period = bounds ?? validity;
      const span = spanOf(period?.start ?? authoredOn, period?.end);
      // An order that ended says when it was written, not for how long it was taken.
      const shown =
        span !== undefined && status !== 'active' && span.end === undefined ? instantOf(authoredOn) : span;
      return make(
        'medication',
        medicationOf(resource),
        shown,
        status,
        status === 'active' && span?.end === undefined,
      );
    }
    case 'MedicationStatement': {
      const { effectivePeriod, effectiveDateTime, status } = resource;
      const span = periodOf(effectivePeriod) ?? instantOf(effectiveDateTime);
      return make(
        'medication',
        medicationOf(resource),
        span,
        status,
        status === 'active' && span?.end === undefined,
      );
    }
    case 'MedicationAdministration': {
      const { effectivePeriod, effectiveDateTime, status } = resource;
      return make(
        'medication',
        medicationOf(resource),
        periodOf(effectivePeriod) ?? instantOf(effectiveDateTime),
        status,
      );
    }
    case 'Procedure': {
      const { performedPeriod, performedDateTime, status } = resource;
      const span = periodOf(performedPeriod) ?? instantOf(performedDateTime);
      return make('operation', words(resource.code), span, status, status === 'in-progress');
    }
    case 'Immunization':
      return make(
        'vaccination',
        words(resource.vaccineCode),
        instantOf(resource.occurrenceDateTime),
        resource.status,
      );
    case 'Encounter': {
      const { period, status, type, reasonCode } = resource;
      const title =
        words(type?.[0]) ?? words(reasonCode?.[0]) ?? resource.class.display ?? resource.class.code;
      return make('visit', title, periodOf(period), status, status === 'in-progress');
    }
    case 'ImagingStudy': {
      const { started, status, description, procedureCode, series } = resource;
      const title = description ?? words(procedureCode?.[0]) ?? series?.[0]?.modality.display;
      return make('image', title, instantOf(started), status);
    }
    case 'Media':
      return make(
        'image',
        words(resource.modality) ?? resource.content.title,
        periodOf(resource.createdPeriod) ?? instantOf(resource.createdDateTime),
        resource.status,
      );
    case 'DocumentReference': {
      const { date, status, description, type, content } = resource;
      const isImage = content.some(({ attachment }) => attachment.contentType?.startsWith('image/') === true);
      return make(isImage ? 'image' : 'document', description ?? words(type), instantOf(date), status);
    }
    case 'DiagnosticReport': {
      const { effectivePeriod, effectiveDateTime, status } = resource;
      return make(
        'document',
        words(resource.code),
        periodOf(effectivePeriod) ?? instantOf(effectiveDateTime),
        status,
      );
    }
    default:
      return undefined;
  }
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
