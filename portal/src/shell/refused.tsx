import { Alert, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Refusal } from '../session/ask.js';

/** Why something was not done, and what to do. */
export function Refused({ failure }: { failure: unknown }): ReactNode {
  const { t } = useTranslation();
  if (failure === undefined) return null;
  const isAway = failure instanceof Refusal && failure.status === 0;
  const wait = failure instanceof Refusal ? failure.retryAfterS : undefined;
  return (
    <Alert color="red" title={t('refused.title')} role="alert">
      <Text>
        {isAway ? t('refused.away') : failure instanceof Error ? failure.message : t('refused.unknown')}
      </Text>
      {wait !== undefined && <Text mt="xs">{t('refused.wait', { count: wait })}</Text>}
    </Alert>
  );
}
