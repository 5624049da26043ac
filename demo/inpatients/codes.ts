/** Codes, units and systems of the demo's resources. */

export const LOINC = 'http://loinc.org';
export const SNOMED = 'http://snomed.info/sct';
export const UCUM = 'http://unitsofmeasure.org';
const TERMINOLOGY = 'http://terminology.hl7.org/CodeSystem';

/** Code system of ours for the WHO Clinical Progression Scale, 0 to 10 (LOINC 97852-8 is the older scale). */
export const WHO_CPS_SYSTEM = 'urn:firebreak:demo:who-cps';
/** Its only code: the score, as `valueInteger`. */
export const WHO_CPS_CODE = 'score';

/** Says in every resource that it is synthetic. */
export const SYNTHETIC_TAG = {
  system: `${TERMINOLOGY}/v3-ActReason`,
  code: 'HTEST',
  display: 'test health data',
} as const;

export const SYSTEMS = {
  actCode: `${TERMINOLOGY}/v3-ActCode`,
  admitSource: `${TERMINOLOGY}/admit-source`,
  conditionCategory: `${TERMINOLOGY}/condition-category`,
  conditionClinical: `${TERMINOLOGY}/condition-clinical`,
  conditionVerification: `${TERMINOLOGY}/condition-ver-status`,
  dischargeDisposition: `${TERMINOLOGY}/discharge-disposition`,
  identifierType: `${TERMINOLOGY}/v2-0203`,
  interpretation: `${TERMINOLOGY}/v3-ObservationInterpretation`,
  observationCategory: `${TERMINOLOGY}/observation-category`,
  medicalRecordNumber: 'urn:firebreak:demo:medical-record-number',
} as const;

/** A diagnosis: SNOMED CT code and display. */
export interface Diagnosis {
  readonly code: string;
  readonly display: string;
}

export const COVID_19: Diagnosis = {
  code: '840539006',
  display: 'Disease caused by severe acute respiratory syndrome coronavirus 2',
};
export const INFILTRATES: Diagnosis = { code: '409609008', display: 'Radiologic infiltrate of lung' };
export const NOSOCOMIAL: Diagnosis = { code: '19168005', display: 'Nosocomial infectious disease' };

/** Comorbidities, with the share of inpatients of mean age who have them and the log-odds of one spread of age. */
export const COMORBIDITIES = {
  hypertension: { code: '38341003', display: 'Hypertensive disorder', prevalence: 0.42, onAge: 0.6 },
  diabetes: { code: '44054006', display: 'Diabetes mellitus type 2', prevalence: 0.23, onAge: 0.15 },
  ischaemicHeartDisease: {
    code: '414545008',
    display: 'Ischemic heart disease',
    prevalence: 0.2,
    onAge: 0.8,
  },
  heartFailure: { code: '42343007', display: 'Congestive heart failure', prevalence: 0.1, onAge: 0.9 },
  atrialFibrillation: { code: '49436004', display: 'Atrial fibrillation', prevalence: 0.12, onAge: 0.9 },
  copd: { code: '13645005', display: 'Chronic obstructive lung disease', prevalence: 0.14, onAge: 0.35 },
  asthma: { code: '195967001', display: 'Asthma', prevalence: 0.13, onAge: -0.3 },
  kidneyDisease: { code: '709044004', display: 'Chronic kidney disease', prevalence: 0.15, onAge: 0.8 },
  obesity: { code: '414916001', display: 'Obesity', prevalence: 0.13, onAge: -0.5 },
  dementia: { code: '52448006', display: 'Dementia', prevalence: 0.09, onAge: 1.4 },
} as const;

/** Name of a comorbidity in the table above. */
export type ComorbidityName = keyof typeof COMORBIDITIES;
