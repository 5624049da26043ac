/** The timeline of the own record, and what lies behind each row of it. */
import { Text } from '@mantine/core';
import { useMemo, useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { SeverityCard } from '../care/severity-card.js';
import { Failed, Loading } from '../shell/notices.js';
import { happeningsOf } from '../timeline/lanes.js';
import { Timeline } from '../timeline/timeline.js';
import type { Wallet } from '../wallet/wallet.js';
import { useEverything } from './everything.js';
import { PatientPage } from './patient-page.js';
import { RecordDrawer } from './record-drawer.js';

export function TimelinePage(): ReactNode {
  const { t } = useTranslation();
  return <PatientPage title={t('timeline.title')}>{(wallet) => <OwnTimeline wallet={wallet} />}</PatientPage>;
}

function OwnTimeline({ wallet }: { wallet: Wallet }): ReactNode {
  const { t } = useTranslation();
  const whole = useEverything(wallet);
  const [opened, setOpened] = useState<string>();
  const nowMs = useMemo(() => Date.now(), []);
  const happenings = useMemo(() => happeningsOf(whole.data?.resources ?? []), [whole.data]);
  if (whole.isPending) return <Loading />;
  if (whole.isError) return <Failed error={whole.error} retry={whole.refetch} />;
  return (
    <>
      {whole.data.resources.some(({ resourceType }) => resourceType === 'RiskAssessment') && (
        <SeverityCard resources={whole.data.resources} />
      )}
      <Text>{t('timeline.intro')}</Text>
      <Timeline happenings={happenings} nowMs={nowMs} onOpen={setOpened} />
      <RecordDrawer
        wallet={wallet}
        resource={opened === undefined ? undefined : whole.data.byReference.get(opened)}
        onClose={() => setOpened(undefined)}
      />
    </>
  );
}
