/** What surrounds each page: the name, the ways to the pages, light or dark. */
import {
  ActionIcon,
  AppShell,
  Container,
  Group,
  Text,
  useComputedColorScheme,
  useMantineColorScheme,
} from '@mantine/core';
import { Outlet } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { WORK } from '../work/pages.js';
import { PageLink } from './links.js';
import { NewsWord } from './news.js';
import { usePresentRole } from './present-role.js';

const PAGES = [
  ['/', 'nav.ledger'],
  ['/entries', 'nav.entries'],
  ['/check', 'nav.check'],
  ['/wallet', 'nav.wallet'],
  ['/me', 'nav.me'],
] as const;

type Page = readonly [
  to: (typeof PAGES)[number][0] | (typeof WORK)[number][1],
  text: (typeof PAGES)[number][1] | (typeof WORK)[number][2],
];

/** Who works for an organisation has the pages of that work in the place of a record. */
function pagesFor(role: string | undefined): readonly Page[] {
  const work = WORK.filter(([one]) => one === role);
  if (work.length === 0) return PAGES;
  return [...PAGES.filter(([to]) => to !== '/me'), ...work.map(([, to, text]): Page => [to, text])];
}

export function Frame(): ReactNode {
  const { t } = useTranslation();
  return (
    <AppShell header={{ height: { base: 128, md: 60 } }} padding="md">
      <a className="skip" href="#content">
        {t('nav.skip')}
      </a>
      <AppShell.Header>
        <Container size="lg" h="100%">
          <Group h="100%" justify="space-between" gap="xs">
            <Text fw={700} size="lg">
              {t('name')}
            </Text>
            <Group component="nav" gap="md" aria-label={t('nav.label')}>
              {pagesFor(usePresentRole()).map(([to, text]) => (
                <PageLink
                  key={to}
                  to={to}
                  activeOptions={{ exact: to === '/' }}
                  activeProps={{ 'aria-current': 'page', style: { fontWeight: 700 } }}
                >
                  {t(text)}
                </PageLink>
              ))}
              <SchemeSwitch />
            </Group>
          </Group>
        </Container>
      </AppShell.Header>
      <AppShell.Main id="content" tabIndex={-1}>
        <Container size="lg" p={0}>
          <NewsWord />
          <Outlet />
        </Container>
      </AppShell.Main>
    </AppShell>
  );
}

function SchemeSwitch(): ReactNode {
  const { t } = useTranslation();
  const { setColorScheme } = useMantineColorScheme();
  const scheme = useComputedColorScheme('light');
  const next = scheme === 'dark' ? 'light' : 'dark';
  return (
    <ActionIcon
      variant="default"
      size="lg"
      aria-label={t(next === 'dark' ? 'nav.dark' : 'nav.light')}
      onClick={() => setColorScheme(next)}
    >
      <span aria-hidden>{next === 'dark' ? '☾' : '☀'}</span>
    </ActionIcon>
  );
}
