/** What every list and page has besides its content: that it loads, that it failed and what to do, that it is empty. */
import { Alert, Button, Group, Loader, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

export function Loading(): ReactNode {
  const { t } = useTranslation();
  return (
    <Group role="status" p="md">
      <Loader size="sm" aria-hidden />
      <Text>{t('state.loading')}</Text>
    </Group>
  );
}

export function Failed({ error, retry }: { error: unknown; retry: () => unknown }): ReactNode {
  const { t } = useTranslation();
  return (
    <Alert color="red" title={t('state.failed')} role="alert">
      <Text mb="sm">{error instanceof Error ? error.message : String(error)}</Text>
      <Text mb="sm">{t('state.failedHint')}</Text>
      <Button variant="default" onClick={() => void retry()}>
        {t('state.retry')}
      </Button>
    </Alert>
  );
}

export function Empty({ children }: { children: ReactNode }): ReactNode {
  return (
    <Text c="dimmed" p="md">
      {children}
    </Text>
  );
}
