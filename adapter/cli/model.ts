import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { AnalyticsError, penaltiesOf, readStudy } from '../../analytics/index.js';
import { AdapterError } from '../errors.js';
import { listModels, publishStudy, reproduceModel, showModel, watchPublished } from '../services/models.js';
import type { ModelLine, PublishedStudy, Reproduced, ShownModel, WatchedModel } from '../services/models.js';
import { addModelCard } from './model-card.js';
import { EXIT } from './exit.js';
import { configOf, onInstance } from './open.js';
import { createTerminal } from './terminal.js';
import { writeWhole } from './write-whole.js';

export function addModel(program: Command): void {
  const model = program.command('model').description('models published on the log');

  model
    .command('list')
    .description(
      'all models, the one in force first, and whether patients they were fitted on have withdrawn',
    )
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExamples:\n  firebreak model list')
    .action(async (flags: { json?: boolean }, command: Command) => {
      const lines = await onInstance<ModelLine[]>(
        configOf(command).config,
        { command: 'model-list', args: {} },
        () => undefined,
        (instance) => listModels(instance),
      );
      const text = lines.length === 0 ? 'no model was published' : lines.map(lineText).join('\n');
      createTerminal(false).print(flags.json === true ? JSON.stringify(lines) : text);
    });

  model
    .command('show')
    .description('one model: its file, and how it did on patients held out')
    .argument('<handle>', 'its handle on the log, or the beginning of it')
    .option('--out <file>', 'write the model file, without any patient’s data')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExamples:\n  firebreak model show pQ8v3x --out model.json')
    .action(async (handle: string, flags: { out?: string; json?: boolean }, command: Command) => {
      const shown = await onInstance<ShownModel>(
        configOf(command).config,
        { command: 'model-show', args: { handle } },
        () => undefined,
        (instance) => showModel(instance, handle),
      );
      if (flags.out !== undefined) await writeWhole(flags.out, `${JSON.stringify(shown.model, null, 2)}\n`);
      const { performance, model: file, ...line } = shown;
      const text = `${lineText(line)}\n${performance.verdict}\n${file.preparation.columns.length} columns, penalty ${[...new Set(penaltiesOf(file))].join(', ')}`;
      createTerminal(false).print(flags.json === true ? JSON.stringify(shown) : text);
    });

  addModelCard(model);

  model
    .command('publish')
    .description(
      'fits the model of a study on the patients who permit research, publishes it and scores by it',
    )
    .argument('<study>', 'a study file, YAML or JSON')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  firebreak model publish my-study.yaml\nExits 1 where no model can be fitted, and says why.',
    )
    .action(async (file: string, flags: { json?: boolean }, command: Command) => {
      const text = await readFile(file, 'utf8').catch((cause: unknown) => {
        throw new AdapterError('ADAPTER_NOT_FOUND', `there is no study file ${file}`, { cause });
      });
      const name = basename(file);
      try {
        // Read here too, so that a mistyped name is told before an instance is opened.
        readStudy(text, name);
      } catch (cause) {
        if (!(cause instanceof AnalyticsError)) throw cause;
        throw new AdapterError('ADAPTER_USAGE', cause.message, { cause });
      }
      const terminal = createTerminal(flags.json === true);
      const done = await onInstance<PublishedStudy>(
        configOf(command).config,
        { command: 'model-publish', args: { text, name } },
        (line) => terminal.progress(String(line)),
        (instance) => publishStudy(instance, text, name, (line) => terminal.progress(line)),
      );
      terminal.print(
        flags.json === true
          ? JSON.stringify(done)
          : 'why' in done
            ? done.why
            : [`published ${done.handle}`, done.verdict, ...done.remarks].join('\n'),
      );
      if ('why' in done) process.exitCode = EXIT.negative;
    });

  model
    .command('watch')
    .description('whether the patients since are like those a model was fitted on, and fare as it expects')
    .argument('<handle>', 'its handle on the log, or the beginning of it')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  firebreak model watch pQ8v3x\nExits 1 where it has drifted. Reads patients who permit research alone.',
    )
    .action(async (handle: string, flags: { json?: boolean }, command: Command) => {
      const terminal = createTerminal(flags.json === true);
      const watched = await onInstance<WatchedModel>(
        configOf(command).config,
        { command: 'model-watch', args: { handle } },
        (line) => terminal.progress(String(line)),
        (instance) => watchPublished(instance, handle, (line) => terminal.progress(line)),
      );
      terminal.print(flags.json === true ? JSON.stringify(watched) : watchText(watched));
      if (watched.verdict === 'drifted') process.exitCode = EXIT.negative;
    });

  model
    .command('reproduce')
    .description('fits a published model again from the same records, and compares the bits')
    .argument('<handle>', 'its handle on the log, or the beginning of it')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  firebreak model reproduce pQ8v3x\nExits 1 unless the bits are the same; inputs that were erased or withdrawn are not read.',
    )
    .action(async (handle: string, flags: { json?: boolean }, command: Command) => {
      const terminal = createTerminal(flags.json === true);
      const made = await onInstance<Reproduced>(
        configOf(command).config,
        { command: 'model-reproduce', args: { handle } },
        (line) => terminal.progress(String(line)),
        (instance) => reproduceModel(instance, handle, (line) => terminal.progress(line)),
      );
      terminal.print(
        flags.json === true
          ? JSON.stringify(made)
          : [
              made.outcome,
              `published ${made.published}`,
              ...(made.made === undefined ? [] : [`made      ${made.made}`]),
            ].join('\n'),
      );
      if (made.outcome !== 'same') process.exitCode = EXIT.negative;
    });
}

function watchText({ reference, patients, stability, observedOverExpected, verdict }: WatchedModel): string {
  const moved = stability.filter((one) => one.verdict !== 'stable');
  const lines = moved.map(({ label, psi, verdict: word }) => `  ${label}: ${word}, index ${psi.toFixed(2)}`);
  const ratio =
    observedOverExpected === null
      ? 'outcomes: too few to compare'
      : `outcomes observed over expected: ${[observedOverExpected.ratio, ...observedOverExpected.interval].map((v) => v.toFixed(2)).join(', ')} (with 95 % interval)`;
  return [
    `${verdict}: ${patients} patients since, against ${reference}`,
    ...(verdict === 'too-few' ? [] : [ratio, ...lines]),
  ].join('\n');
}

function lineText({ handle, study, version, patients, events, inForce, isTouched }: ModelLine): string {
  return [
    handle,
    `${study} ${version}`,
    `${patients} patients, ${events} with the outcome`,
    ...(inForce ? ['in force'] : []),
    ...(isTouched ? ['patients have withdrawn since'] : []),
  ].join('  ');
}
