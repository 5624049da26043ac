/** A polite word on what happened meanwhile. Its place is on every page, so that screen readers hear of what comes there. */
import { Alert, Button, Group, Text } from '@mantine/core';
import { useSyncExternalStore } from 'react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { OWN } from '../me/own-query.js';
import { WORK } from '../work/pages.js';
import { ButtonLink } from './links.js';
import { usePresentRole } from './present-role.js';
import { queries } from './queries.js';

/** Something to be answered; something that happened; the record; a clinician's patients; the connection. */
export type News = 'waits' | 'happened' | 'record' | 'patients' | 'lost' | 'back';

let present: News | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
const listeners = new Set<() => void>();

/** A connection that is soon there again is not worth a word, ms. */
const LOST_MS = 4000;
/** That it is back needs no answer, ms. */
const BACK_MS = 6000;

/** Told by what listens; `undefined`: nothing is to be said. */
export function tellNews(news: News | undefined): void {
  clearTimeout(timer);
  if (news === 'lost' && present !== 'lost') {
    timer = setTimeout(() => show('lost'), LOST_MS);
    return;
  }
  if (news === 'back') {
    if (present !== 'lost') return;
    timer = setTimeout(() => show(undefined), BACK_MS);
  }
  show(news);
}

function show(news: News | undefined): void {
  present = news;
  for (const listener of listeners) listener();
}

function hide(): void {
  tellNews(undefined);
}

function showRecord(): void {
  hide();
  void queries.refetchQueries({ type: 'active', stale: true });
}

/** The list, where it is shown; elsewhere it is read when its page is opened. */
function showPatients(): void {
  hide();
  void queries.refetchQueries({
    queryKey: [OWN],
    type: 'active',
    predicate: ({ queryKey: [, , path] }) => String(path).startsWith('/fhir/Patient?'),
  });
}

export function NewsWord(): ReactNode {
  const { t } = useTranslation();
  const news = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => present,
  );
  const role = usePresentRole();
  const home = WORK.find(([one]) => one === role)?.[1] ?? '/me';
  return (
    <div role="status">
      {news !== undefined && (
        <Alert role="group" color={news === 'lost' ? 'yellow' : 'teal'} mb="md" p="xs">
          <Group justify="space-between" gap="xs">
            <Text>{t(`news.${news}`)}</Text>
            <Group gap="xs">
              {news === 'waits' && (
                <ButtonLink to={home} size="compact-md" onClick={hide}>
                  {t('news.look')}
                </ButtonLink>
              )}
              {news === 'patients' && (
                <ButtonLink to={home} size="compact-md" onClick={showPatients}>
                  {t('news.look')}
                </ButtonLink>
              )}
              {news === 'record' && (
                <Button size="compact-md" onClick={showRecord}>
                  {t('news.look')}
                </Button>
              )}
              <Button size="compact-md" variant="default" onClick={hide}>
                {t('news.seen')}
              </Button>
            </Group>
          </Group>
        </Alert>
      )}
    </div>
  );
}
