/** `firebreak witness` in a process of its own. */
import { Command, CommanderError } from 'commander';
import { addWitness } from '../../../adapter/cli/witness.js';
import { codeOf } from '../../../adapter/errors.js';

const program = new Command('firebreak').exitOverride();
addWitness(program);
try {
  await program.parseAsync(process.argv);
} catch (error) {
  const code = codeOf(error);
  process.stderr.write(`${code}\n`);
  process.exitCode = error instanceof CommanderError || code === 'ADAPTER_USAGE' ? 2 : 3;
}
