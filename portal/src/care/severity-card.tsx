/** The newest severity level of a record, with what it stands on. */
import { Badge, Card, Group, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { FhirResource, RiskAssessment } from 'fhir/r4.js';
import { Instant } from '../shell/instant.js';
import { Facts } from '../work/facts.js';
import { SeverityLevels } from './severity-levels.js';

export function SeverityCard({ resources }: { resources: readonly FhirResource[] }): ReactNode {
  const { t } = useTranslation();
  const [latest] = resources
    .filter((one): one is RiskAssessment => one.resourceType === 'RiskAssessment')
    .toSorted((a, b) => timeOf(b) - timeOf(a));
  const [prediction, ...ofLevels] = latest?.prediction ?? [];
  const level = prediction?.qualitativeRisk?.coding?.[0];
  return (
    <Card withBorder>
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h3">
          {t('care.severity')}
        </Title>
        {level !== undefined && <Badge color={colourOf(level.code)}>{level.display ?? level.code}</Badge>}
      </Group>
      {latest === undefined ? (
        <Text c="dimmed">{t('care.noSeverity')}</Text>
      ) : (
        <>
          {prediction?.probabilityDecimal !== undefined && (
            <Text>
              {t('care.risk', {
                percent: Math.round(prediction.probabilityDecimal * 100),
                outcome: prediction.outcome?.text ?? '',
              })}
            </Text>
          )}
          <SeverityLevels predictions={ofLevels} />
          {prediction?.rationale !== undefined && <Text>{prediction.rationale}</Text>}
          {latest.note?.map(({ text }) => (
            <Text key={text}>{text}</Text>
          ))}
          <Facts
            rows={[
              [t('care.issued'), <Instant key="at" at={timeOf(latest)} />],
              [t('care.stands'), t('care.stands', { count: latest.basis?.length ?? 0 })],
            ]}
          />
          <Text c="dimmed" size="sm">
            {t('care.aid')}
          </Text>
        </>
      )}
    </Card>
  );
}

function timeOf({ occurrenceDateTime, meta }: RiskAssessment): number {
  const at = Date.parse(occurrenceDateTime ?? meta?.lastUpdated ?? '');
  return Number.isNaN(at) ? 0 : at;
}

/** By word and colour both. */
function colourOf(code: string | undefined): string {
  if (code === 'mild') return 'teal.9';
  return code === 'moderate' ? 'yellow.9' : 'red.9';
}
