/** The probability of each severity level, of a model that tells them: a bar, and the same in words. */
import { Progress, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { RiskAssessmentPrediction } from 'fhir/r4.js';

const LEVELS = ['mild', 'moderate', 'severe', 'critical'] as const;
/** Each beside the next is told apart in light and dark, and by the words below. */
const COLOURS: Readonly<Record<string, string>> = {
  mild: 'teal.7',
  moderate: 'yellow.7',
  severe: 'orange.8',
  critical: 'red.9',
};

export function SeverityLevels({
  predictions,
}: {
  predictions: readonly RiskAssessmentPrediction[];
}): ReactNode {
  const { t } = useTranslation();
  const shares = LEVELS.flatMap((level) => {
    const share = shareOf(predictions, level);
    return share === undefined ? [] : [{ level, share }];
  });
  if (shares.length < LEVELS.length) return undefined;
  const death = predictions.find(({ outcome }) => outcome?.text === 'death')?.probabilityDecimal;
  const parts = shares.map(({ level, share }) =>
    t('care.levelShare', { level: t(`care.level.${level}`), percent: Math.round(share * 100) }),
  );
  return (
    <>
      <Progress.Root size="lg" mt="xs" aria-hidden="true">
        {shares.map(({ level, share }) => (
          <Progress.Section key={level} value={share * 100} color={COLOURS[level] ?? 'gray'} />
        ))}
      </Progress.Root>
      <Text size="sm" mb="xs">
        {t('care.worst', { levels: parts.join(', ') })}{' '}
        {death !== undefined && t('care.death', { percent: Math.round(death * 100) })}
      </Text>
    </>
  );
}

function shareOf(predictions: readonly RiskAssessmentPrediction[], level: string): number | undefined {
  return predictions.find(({ outcome }) => outcome?.coding?.[0]?.code === level)?.probabilityDecimal;
}
