/** One entry, proved in the reader's own browser, and the proof drawn. */
import { Alert, Code, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { PageLink } from '../shell/links.js';
import type { Head } from '../../../ledger/proofs/index.js';
import { Instant } from '../shell/instant.js';
import { Empty, Failed, Loading } from '../shell/notices.js';
import { proveEntry } from './entries.js';
import type { ProvedEntry } from './entries.js';
import { EntryTypeName } from './entry-type.js';
import { HeadNotice } from './head-notice.js';
import { InclusionTree } from './inclusion-tree.js';
import { useHead } from './use-head.js';

export function EntryPage({ leaf }: { leaf: number }): ReactNode {
  const { t } = useTranslation();
  const found = useHead();
  return (
    <Stack>
      <PageLink to="/entries">{t('entries.all')}</PageLink>
      <Title order={1}>{t('entry.title', { leaf: leaf.toLocaleString() })}</Title>
      {found.isPending && <Loading />}
      {found.isError && <Failed error={found.error} retry={found.refetch} />}
      {found.data?.ok === false && <HeadNotice found={found.data} />}
      {found.data?.ok === true && leaf < found.data.head.size && (
        <Proved head={found.data.head} leaf={leaf} />
      )}
      {found.data?.ok === true && leaf >= found.data.head.size && <Empty>{t('entry.none')}</Empty>}
    </Stack>
  );
}

function Proved({ head, leaf }: { head: Head; leaf: number }): ReactNode {
  const proved = useQuery({
    queryKey: ['entry', leaf, head.size],
    queryFn: () => proveEntry(head, leaf),
    staleTime: Infinity,
  });
  if (proved.isPending) return <Loading />;
  if (proved.isError) return <Failed error={proved.error} retry={proved.refetch} />;
  return <Shown head={head} proved={proved.data} />;
}

function Shown({ head, proved }: { head: Head; proved: ProvedEntry }): ReactNode {
  const { t } = useTranslation();
  const { entry, isProved } = proved;
  return (
    <>
      <Text size="lg">
        <EntryTypeName type={entry.type} />, <Instant at={entry.at} />
      </Text>
      {isProved ? (
        <Alert color="teal" title={t('entry.proved')}>
          {t('entry.provedText', { count: proved.path.length, size: head.size.toLocaleString() })}
        </Alert>
      ) : (
        <Alert color="red" title={t('entry.notProved')} role="alert">
          {t('entry.notProvedText')}
        </Alert>
      )}
      <section>
        <Title order={2}>{t('entry.tree')}</Title>
        <InclusionTree proved={proved} head={head} />
      </section>
      <section>
        <Title order={2}>{t('entry.text')}</Title>
        <Text mb="xs">{t('entry.textIntro')}</Text>
        <Code block className="scroll" tabIndex={0} aria-label={t('entry.text')}>
          {JSON.stringify(JSON.parse(entry.text), null, 2)}
        </Code>
      </section>
    </>
  );
}
