/** Conditions as FHIR R4. */
import type { Condition } from 'fhir/r4.js';
import type { Random } from '../random.js';
import type { Admission } from './admission.js';
import { COMORBIDITIES, COVID_19, INFILTRATES, NOSOCOMIAL, SNOMED, SYSTEMS } from './codes.js';
import type { Diagnosis } from './codes.js';
import type { Course } from './course.js';
import { stampedMeta } from './observations.js';
import { localDate, localDateTime } from './times.js';

const DAY_MS = 86_400_000;
/** From the first symptoms to admission, in days; an infection acquired in hospital shows on the ward. */
const SYMPTOM_DAYS_MAX = 12;

/** The stay's own diagnoses first (COVID-19, infiltrates, hospital acquired), then what the patient had before. */
export function conditionResources(
  patientId: string,
  encounterId: string,
  nextId: () => string,
  random: Random,
  admission: Admission,
  course: Course,
): { readonly diagnoses: Condition[]; readonly comorbidities: Condition[] } {
  const recovered = course.end !== undefined && course.end.kind !== 'died';
  const condition = (
    diagnosis: Diagnosis,
    category: 'encounter-diagnosis' | 'problem-list-item',
    onset: string,
    abatedMs: number | undefined,
  ): Condition => {
    const recordedMs = course.admittedMs + random.integer(20, 300) * 60_000;
    return {
      resourceType: 'Condition',
      id: nextId(),
      meta: stampedMeta(random, recordedMs + random.integer(1, 120_000)),
      clinicalStatus: {
        coding: [{ system: SYSTEMS.conditionClinical, code: abatedMs === undefined ? 'active' : 'resolved' }],
      },
      verificationStatus: { coding: [{ system: SYSTEMS.conditionVerification, code: 'confirmed' }] },
      category: [{ coding: [{ system: SYSTEMS.conditionCategory, code: category }] }],
      code: {
        coding: [{ system: SNOMED, code: diagnosis.code, display: diagnosis.display }],
        text: diagnosis.display,
      },
      subject: { reference: `Patient/${patientId}` },
      encounter: { reference: `Encounter/${encounterId}` },
      onsetDateTime: onset,
      ...(abatedMs === undefined ? {} : { abatementDateTime: localDateTime(abatedMs) }),
      recordedDate: localDateTime(recordedMs),
    };
  };

  const symptomDays = admission.nosocomial ? 0 : random.integer(1, SYMPTOM_DAYS_MAX);
  const onset = localDate(course.admittedMs - symptomDays * DAY_MS);
  const abatedMs = recovered ? course.end?.atMs : undefined;
  const diagnoses = [condition(COVID_19, 'encounter-diagnosis', onset, abatedMs)];
  if (admission.infiltrates) {
    diagnoses.push(condition(INFILTRATES, 'encounter-diagnosis', localDate(course.admittedMs), undefined));
  }
  if (admission.nosocomial) diagnoses.push(condition(NOSOCOMIAL, 'encounter-diagnosis', onset, undefined));

  const comorbidities = admission.comorbidities.map((name) => {
    const { code, display } = COMORBIDITIES[name];
    const since = localDate(course.admittedMs - random.integer(200, 7000) * DAY_MS);
    // Old diagnoses are often known to the year or the month only.
    const known = random.pick([since, since.slice(0, 7), since.slice(0, 4), since.slice(0, 4)]);
    return condition({ code, display }, 'problem-list-item', known, undefined);
  });
  return { diagnoses, comorbidities };
}
