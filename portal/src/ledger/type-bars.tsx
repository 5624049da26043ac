import { Group, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import type { ReadEntry } from './entries.js';
import { EntryTypeName } from './entry-type.js';

/** How many of each type, as bars. */
export function TypeBars({ entries }: { entries: readonly ReadEntry[] }): ReactNode {
  const counts = new Map<string, number>();
  for (const { type } of entries) counts.set(type, (counts.get(type) ?? 0) + 1);
  const rows = [...counts].toSorted(([, a], [, b]) => b - a);
  const most = rows[0]?.[1] ?? 1;
  return (
    <Stack gap={6} component="ul" p={0} m={0} style={{ listStyle: 'none' }}>
      {rows.map(([type, count]) => (
        <li key={type}>
          <Group gap="xs" wrap="nowrap">
            <Text w={{ base: 150, sm: 230 }} style={{ flexShrink: 0 }}>
              <EntryTypeName type={type} />
            </Text>
            <svg width="100%" height="14" viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden>
              <rect width={(count / most) * 100} height="14" fill="var(--fb-path)" />
            </svg>
            <Text w={60} ta="right">
              {count.toLocaleString()}
            </Text>
          </Group>
        </li>
      ))}
    </Stack>
  );
}
