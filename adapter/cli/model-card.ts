import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { AnalyticsError, cardMarkdown, portableText, readPortable } from '../../analytics/index.js';
import { AdapterError } from '../errors.js';
import { publicationOf } from '../services/models.js';
import type { ModelPublication } from '../services/models.js';
import { EXIT } from './exit.js';
import { configOf, onInstance } from './open.js';
import { createTerminal } from './terminal.js';
import { writeWhole } from './write-whole.js';

/** `firebreak model card` and `firebreak model check`: what is handed on with a model, and whether a file is whole. */
export function addModelCard(model: Command): void {
  model
    .command('card')
    .description('the model card with the TRIPOD+AI checklist, filled from the run')
    .argument('<handle>', 'its handle on the log, or the beginning of it')
    .option('--out <file>', 'write the card there, as Markdown')
    .option('--portable <file>', 'write a model file that scores by itself')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  firebreak model card pQ8v3x\n  firebreak model card pQ8v3x --out card.md --portable model.json\nCounts of 1 to 10 patients are not shown; neither file has any patient’s data.',
    )
    .action(
      async (
        handle: string,
        flags: { out?: string; portable?: string; json?: boolean },
        command: Command,
      ) => {
        const { card, portable } = await onInstance<ModelPublication>(
          configOf(command).config,
          { command: 'model-card', args: { handle } },
          () => undefined,
          (instance) => publicationOf(instance, handle),
        );
        const text = cardMarkdown(card);
        if (flags.out !== undefined) await writeWhole(flags.out, text);
        if (flags.portable !== undefined) await writeWhole(flags.portable, portableText(portable));
        createTerminal(false).print(flags.json === true ? JSON.stringify(card) : text.trimEnd());
      },
    );

  model
    .command('check')
    .description('whether a portable model file is whole; no instance is needed')
    .argument('<file>', 'a file of `model card --portable`')
    .option('--hash <sha256>', 'the hash that it must have, as told by who gave the file')
    .addHelpText(
      'after',
      '\nExamples:\n  firebreak model check model.json --hash 3q2-7w…\nExits 1 where the file was altered or is of another format.',
    )
    .action(async (file: string, flags: { hash?: string }) => {
      const text = await readFile(file, 'utf8').catch((cause: unknown) => {
        throw new AdapterError('ADAPTER_NOT_FOUND', `there is no model file ${file}`, { cause });
      });
      const terminal = createTerminal(false);
      try {
        const { title, sha256 } = readPortable(text, flags.hash);
        terminal.print(`whole: ${title}\n${sha256}`);
      } catch (cause) {
        if (!(cause instanceof AnalyticsError)) throw cause;
        terminal.print(`refused: ${cause.message}`);
        process.exitCode = EXIT.negative;
      }
    });
}
