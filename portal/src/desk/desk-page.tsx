/** The hospital's desk: requests, sources, what was set aside, invitations, emergencies, duties. */
import { Tabs } from '@mantine/core';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Wallet } from '../wallet/wallet.js';
import { WorkPage } from '../work/work-page.js';
import { Cohorts } from '../research/cohorts.js';
import { DeskRequests } from './desk-requests.js';
import { Duties } from './duties.js';
import { Emergencies } from './emergencies.js';
import { Invitations } from './invitations.js';
import { Letters } from './letters.js';
import { Sources } from './sources.js';

const PARTS = {
  requests: DeskRequests,
  cohorts: DeskCohorts,
  sources: Sources,
  letters: Letters,
  invite: Invitations,
  emergencies: Emergencies,
  duties: Duties,
} as const;
const NAMES = ['requests', 'cohorts', 'sources', 'letters', 'invite', 'emergencies', 'duties'] as const;

function DeskCohorts({ wallet }: { wallet: Wallet }): ReactNode {
  return <Cohorts wallet={wallet} isResearcher={false} />;
}

export function DeskPage(): ReactNode {
  const { t } = useTranslation();
  const [part, setPart] = useState<(typeof NAMES)[number]>('requests');
  return (
    <WorkPage title={t('work.desk')} role="staff">
      {(wallet) => {
        const Part = PARTS[part];
        return (
          <Tabs
            value={part}
            onChange={(value) => setPart(NAMES.find((one) => one === value) ?? 'requests')}
            keepMounted={false}
          >
            <Tabs.List mb="md">
              {NAMES.map((name) => (
                <Tabs.Tab key={name} value={name}>
                  {t(`desk.part.${name}`)}
                </Tabs.Tab>
              ))}
            </Tabs.List>
            {NAMES.map((name) => (
              <Tabs.Panel key={name} value={name}>
                {name === part && <Part wallet={wallet} />}
              </Tabs.Panel>
            ))}
          </Tabs>
        );
      }}
    </WorkPage>
  );
}
