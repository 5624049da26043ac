import type { CardTerm, ModelCard } from './model-card.js';
import { performanceText } from './tripod.js';

/** A model card as Markdown (CommonMark with tables). */
export function cardMarkdown(card: ModelCard): string {
  const { counts, use, outcome, regression } = card;
  const lines = [
    `# ${plain(card.study.title)}`,
    '',
    `Model card. Study ${plain(card.study.name)} ${plain(card.study.version)}; entry \`model.published\` ${card.handle} of the log.`,
    '',
    ...table(
      ['', ''],
      [
        ['model file, SHA-256', card.modelHash],
        ['software', card.code ?? 'not kept'],
        ['records read on', card.readOn ?? 'not kept'],
        ['outcome', `${outcome.label}, within ${outcome.horizonDays} days`],
        ['scored', `${outcome.scoringHours} hours after admission`],
        ['patients', `${counts.included} (${counts.fitted} to fit, ${counts.heldOut} held out)`],
        ['with the outcome', counts.events === null ? 'not shown: few' : String(counts.events)],
        ['on patients held out', performanceText(card)],
      ],
    ),
    '',
    '## Use',
    '',
    use.intended,
    '',
    use.notIntended,
    '',
    '## Limits',
    '',
    ...use.knownLimits.map((limit) => `- ${limit}`),
    '',
    '## Levels',
    '',
    ...table(
      ['level', 'from', 'meaning'],
      card.levels.map(({ level, from, meaning }) => [
        level,
        from === null ? 'median' : String(from),
        meaning,
      ]),
    ),
    '',
    '## Model',
    '',
    `Intercepts: ${regression.intercepts.map(({ of, value }) => `${of} ${value.toFixed(4)}`).join('; ')}. Log-odds a standard deviation, strongest first:`,
    '',
    ...table(
      ['column', ...regression.rows],
      regression.terms
        .toSorted((a, b) => strength(b) - strength(a))
        .map(({ column, coefficients }) => [column, ...coefficients.map((value) => value.toFixed(4))]),
    ),
    ...(card.left.length === 0 ? [] : ['', 'Left out:', '', ...card.left.map((one) => `- ${plain(one)}`)]),
    '',
    '## TRIPOD+AI',
    '',
    ...table(
      ['item', 'topic', 'told'],
      card.tripod.map(({ item, topic, text }) => [item, topic, text]),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

/** The largest of a column's coefficients. */
function strength({ coefficients }: CardTerm): number {
  return Math.max(...coefficients.map(Math.abs));
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

function line(cells: readonly string[]): string {
  return `| ${cells.map(plain).join(' | ')} |`;
}

/** A study's own words must not become markup. */
function plain(text: string): string {
  return text.replaceAll(/[\r\n]+/g, ' ').replaceAll(/[\\|`*<>[\]]/g, (mark) => `\\${mark}`);
}
