import { Table } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { PageLink } from '../shell/links.js';
import { Instant } from '../shell/instant.js';
import type { ReadEntry } from './entries.js';
import { EntryTypeName } from './entry-type.js';

export function EntryTable({ entries }: { entries: readonly ReadEntry[] }): ReactNode {
  const { t } = useTranslation();
  return (
    <Table striped>
      <Table.Thead>
        <Table.Tr>
          <Table.Th>{t('entries.leaf')}</Table.Th>
          <Table.Th>{t('entries.what')}</Table.Th>
          <Table.Th>{t('entries.when')}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {entries.map(({ leaf, type, at }) => (
          <Table.Tr key={leaf}>
            <Table.Td>
              <PageLink to="/entries/$leaf" params={{ leaf: String(leaf) }}>
                {leaf.toLocaleString()}
              </PageLink>
            </Table.Td>
            <Table.Td>
              <EntryTypeName type={type} />
            </Table.Td>
            <Table.Td>
              <Instant at={at} />
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
