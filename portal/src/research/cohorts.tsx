/** Cohorts: a researcher builds them, learns how many, asks the hospitals, exports; a hospital's desk answers. */
import { Alert, Stack, Text, Title } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { ShownCohort } from '../../../adapter/http/contract/index.js';
import { OWN, useOwn } from '../me/own-query.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import type { Wallet } from '../wallet/wallet.js';
import { CohortCard } from './cohort-card.js';
import { NewCohort } from './new-cohort.js';

export function Cohorts({ wallet, isResearcher }: { wallet: Wallet; isResearcher: boolean }): ReactNode {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const own = useOwn<{ cohorts: ShownCohort[] }>(wallet, '/cohorts');
  const [made, setMade] = useState<string>();
  const changed = (): Promise<void> => queries.invalidateQueries({ queryKey: [OWN] });
  return (
    <Stack>
      <Text>{t(isResearcher ? 'research.intro' : 'research.desk')}</Text>
      {isResearcher && (
        <NewCohort
          wallet={wallet}
          onMade={({ id }) => {
            setMade(id);
            void changed();
          }}
        />
      )}
      <div aria-live="polite">{made !== undefined && <Alert color="teal">{t('research.made')}</Alert>}</div>
      <Title order={2} size="h3">
        {t('research.cohorts')}
      </Title>
      {own.isPending && <Loading />}
      {own.isError && <Failed error={own.error} retry={own.refetch} />}
      {own.data?.cohorts.length === 0 && <Empty>{t('research.none')}</Empty>}
      {own.data?.cohorts.map((cohort) => (
        <CohortCard
          key={cohort.id}
          cohort={cohort}
          wallet={wallet}
          isResearcher={isResearcher}
          onChanged={changed}
        />
      ))}
    </Stack>
  );
}
