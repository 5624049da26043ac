/** A clinician's patients: those who permit it, one record at a time, and the way in an emergency. */
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { WorkPage } from '../work/work-page.js';
import { EmergencyForm } from './emergency-form.js';
import { PatientList } from './patient-list.js';
import { PatientRecord } from './patient-record.js';

/** Whose record is open, and on what ground. */
export interface Chosen {
  /** `Patient/…` */
  readonly reference: string;
  /** Of an emergency: its last moment, ms. */
  readonly emergencyUntil?: number;
  /** Of a request that hospital and patient approved: its purpose, a v3-ActReason code. */
  readonly sharedFor?: string;
}

export function CarePage(): ReactNode {
  const { t } = useTranslation();
  // In this page's memory alone: an address would be kept in the browser's history.
  const [chosen, setChosen] = useState<Chosen>();
  return (
    <WorkPage title={t('work.patients')} role="clinician">
      {(wallet) =>
        chosen === undefined ? (
          <>
            <PatientList wallet={wallet} onOpen={(reference) => setChosen({ reference })} />
            <EmergencyForm wallet={wallet} onOpen={setChosen} />
          </>
        ) : (
          <PatientRecord wallet={wallet} chosen={chosen} onBack={() => setChosen(undefined)} />
        )
      }
    </WorkPage>
  );
}
