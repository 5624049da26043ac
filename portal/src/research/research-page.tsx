/** A researcher's page. */
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { WorkPage } from '../work/work-page.js';
import { Cohorts } from './cohorts.js';

export function ResearchPage(): ReactNode {
  const { t } = useTranslation();
  return (
    <WorkPage title={t('research.title')} role="authority">
      {(wallet) => <Cohorts wallet={wallet} isResearcher />}
    </WorkPage>
  );
}
