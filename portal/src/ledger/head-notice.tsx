/** Whether the log is as this browser knew it, in a sentence. */
import { Alert, Button, Group, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Instant } from '../shell/instant.js';
import { forgetLog } from './remembered.js';
import type { HeadFound } from './head.js';

export function HeadNotice({ found }: { found: HeadFound }): ReactNode {
  const { t } = useTranslation();
  if (!found.ok) return <FaultNotice found={found} />;
  const { since, head } = found;
  if (since === undefined) {
    return (
      <Alert color="blue" title={t('head.first')}>
        {t('head.firstText')}
      </Alert>
    );
  }
  return (
    <Alert color="teal" title={t('head.good')}>
      <Text>
        {t('head.since')} <Instant at={since.at} />.{' '}
        {since.size === head.size
          ? t('head.same')
          : t('head.grown', { from: since.size.toLocaleString(), to: head.size.toLocaleString() })}
      </Text>
    </Alert>
  );
}

function FaultNotice({ found }: { found: Extract<HeadFound, { ok: false }> }): ReactNode {
  const { t } = useTranslation();
  const evidence = JSON.stringify({ former: found.former ?? null, shown: found.note }, null, 2);
  return (
    <Alert color="red" title={t(`fault.${found.fault}.title`)} role="alert">
      <Text mb="sm">{t(`fault.${found.fault}.text`)}</Text>
      <Group>
        <Button
          component="a"
          color="red"
          download="firebreak-heads.json"
          href={`data:application/json;charset=utf-8,${encodeURIComponent(evidence)}`}
        >
          {t('fault.save')}
        </Button>
        <Button
          variant="default"
          onClick={() => {
            forgetLog();
            location.reload();
          }}
        >
          {t('fault.forget')}
        </Button>
      </Group>
    </Alert>
  );
}
