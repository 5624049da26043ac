import type { Command } from 'commander';
import { scoreNow } from '../services/scoring.js';
import type { ScoredPatient } from '../services/scoring.js';
import { toldSeverity } from '../services/severity-words.js';
import { EXIT } from './exit.js';
import { configOf, onInstance } from './open.js';
import { createTerminal } from './terminal.js';

/** Why there is no score, for a reader. */
const WHY: Readonly<Record<string, string>> = {
  'not-permitted': 'the patient permits no score to be made or shown here',
  'no-admission': 'no stay of the kind that the model is for is known',
  'admission-time-unknown': 'when the stay began is not known to the minute',
  'outcome-at-admission': 'the outcome was there at admission already',
  'no-condition': 'the patient has none of the conditions that the model is for',
  'age-unknown': 'the patient’s age is not known',
  'under-age': 'the patient is younger than those the model is for',
  'too-much-missing': 'too many of the predictors are missing',
};

export function addScore(program: Command): void {
  program
    .command('score')
    .description('a patient’s severity level by the model in force, where the patient’s consent permits it')
    .argument('<patient>', 'id at the source or at the facade')
    .option('--source <id>', 'source, where several have such a patient')
    .option('--json', 'print as JSON: the outcome and the RiskAssessment')
    .addHelpText(
      'after',
      `
Examples:
  firebreak score 7 --source ward
  firebreak score Patient/7 --json
Exits 1 where there is no score, and says why. What is shown stands on the log as a disclosure.`,
    )
    .action(async (patient: string, flags: { source?: string; json?: boolean }, command: Command) => {
      const args = { patient, ...(flags.source === undefined ? {} : { source: flags.source }) };
      const scored = await onInstance<ScoredPatient>(
        configOf(command).config,
        { command: 'score', args },
        () => undefined,
        (instance) => scoreNow(instance, args),
      );
      const terminal = createTerminal(flags.json === true);
      terminal.print(flags.json === true ? JSON.stringify(scored) : textOf(scored));
      if (scored.assessment === undefined) process.exitCode = EXIT.negative;
    });
}

function textOf({ outcome, assessment }: ScoredPatient): string {
  if (assessment === undefined) return `no score: ${WHY[outcome] ?? outcome} (${outcome})`;
  const told = toldSeverity(assessment);
  const id = assessment['id'];
  const lines =
    told === undefined
      ? []
      : [
          told.meaning,
          `${(told.probability * 100).toFixed(1)} %: ${told.outcome}`,
          told.levels === '' ? '' : `worst level to come: ${told.levels}`,
          told.rationale,
          ...told.notes,
        ];
  return [...lines, typeof id === 'string' ? `RiskAssessment/${id}` : '']
    .filter((line) => line !== '')
    .join('\n');
}
