/** All entries, page by page, the latest first. */
import { Group, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Head } from '../../../ledger/proofs/index.js';
import { ButtonLink } from '../shell/links.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import { readEntries } from './entries.js';
import { EntryTable } from './entry-table.js';
import { HeadNotice } from './head-notice.js';
import { useHead } from './use-head.js';

const PAGE = 25;

export function EntriesPage({ before }: { before: number | undefined }): ReactNode {
  const { t } = useTranslation();
  const found = useHead();
  return (
    <Stack>
      <Title order={1}>{t('entries.title')}</Title>
      <Text>{t('entries.intro')}</Text>
      {found.isPending && <Loading />}
      {found.isError && <Failed error={found.error} retry={found.refetch} />}
      {found.data?.ok === false && <HeadNotice found={found.data} />}
      {found.data?.ok === true && <Page head={found.data.head} before={before} />}
    </Stack>
  );
}

function Page({ head, before }: { head: Head; before: number | undefined }): ReactNode {
  const { t } = useTranslation();
  const to = Math.min(before ?? head.size, head.size);
  const from = Math.max(0, to - PAGE);
  const entries = useQuery({
    queryKey: ['entries', from, to],
    queryFn: () => readEntries(head, from, to),
    // Entries never change.
    staleTime: Infinity,
  });
  if (to === 0) return <Empty>{t('ledger.empty')}</Empty>;
  if (entries.isPending) return <Loading />;
  if (entries.isError) return <Failed error={entries.error} retry={entries.refetch} />;
  return (
    <>
      <EntryTable entries={entries.data} />
      <Group>
        {to < head.size && (
          <ButtonLink variant="default" to="/entries" search={{ before: Math.min(head.size, to + PAGE) }}>
            {t('entries.newer')}
          </ButtonLink>
        )}
        {from > 0 && (
          <ButtonLink variant="default" to="/entries" search={{ before: from }}>
            {t('entries.older')}
          </ButtonLink>
        )}
      </Group>
    </>
  );
}
