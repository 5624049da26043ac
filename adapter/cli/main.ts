#!/usr/bin/env node
/** `firebreak`: the only binary. Exit 0 success, 1 a negative answer, 2 wrong usage, 3 a failure. */
import { Command, CommanderError } from 'commander';
import { AdapterError, codeOf, messageOf } from '../errors.js';
import { addAnalyze } from './analyze.js';
import { addModel } from './model.js';
import { addScore } from './score.js';
import { addBackup } from './backup.js';
import { addCa } from './ca.js';
import { addClientCommands } from './client.js';
import { addCheck } from './check.js';
import { addClaim } from './claim.js';
import { addConsent } from './consent.js';
import { addDeadLetters } from './dead-letters.js';
import { addDeidentify } from './deidentify.js';
import { addDoctor } from './doctor.js';
import { addErase } from './erase.js';
import { addExplain } from './explain.js';
import { EXIT } from './exit.js';
import { addAccess } from './access.js';
import { addDuties } from './duty.js';
import { addEmergency } from './emergency.js';
import { addCohort } from './cohort.js';
import { addRequest } from './request.js';
import { addHold } from './hold.js';
import { addImport } from './import.js';
import { addKeys } from './keys.js';
import { addLog } from './log.js';
import { addPatient } from './patient.js';
import { addProve } from './prove.js';
import { addRestore } from './restore.js';
import { addSource } from './source.js';
import { addUp } from './up.js';
import { addVerify } from './verify.js';
import { addView } from './view.js';
import { addWebhooks } from './webhook.js';
import { addWitness } from './witness.js';

const program = new Command('firebreak')
  .description(
    'A FHIR interoperability adapter: hospital events pass the patient’s consent onto a tamper-evident ledger.',
  )
  .version('0.1.0')
  .option('--data <dir>', 'folder of all state (default ./.firebreak)')
  .option(
    '--log-level <level>',
    'debug, info, warn or error (default: warn on a terminal command, info for up)',
  )
  .showSuggestionAfterError(true)
  .exitOverride()
  .configureHelp({ showGlobalOptions: true })
  .addHelpText(
    'after',
    `
Examples:
  firebreak up --demo                 a demo hospital with patients, consents, ledger and scores
  firebreak up --demo --once --json   the same, ends when the queues are empty, prints one JSON document
  firebreak import ./bundles          takes FHIR Bundles and NDJSON into the ledger
  firebreak verify ./.firebreak       re-derives the log from its bytes

Exit status: 0 success, 1 a negative answer, 2 wrong usage, 3 a failure.`,
  );

for (const add of [
  addUp,
  addImport,
  addSource,
  addCa,
  addClientCommands,
  addKeys,
  addVerify,
  addLog,
  addProve,
  addCheck,
  addClaim,
  addConsent,
  addExplain,
  addAnalyze,
  addModel,
  addScore,
  addErase,
  addHold,
  addEmergency,
  addRequest,
  addWebhooks,
  addAccess,
  addPatient,
  addCohort,
  addDuties,
  addDeadLetters,
  addDeidentify,
  addDoctor,
  addView,
  addWitness,
  addBackup,
  addRestore,
])
  add(program);
for (const command of [
  program,
  ...program.commands,
  ...program.commands.flatMap(({ commands }) => commands),
]) {
  command.exitOverride().showSuggestionAfterError(true);
}

// `| head` and a pager that is left: who reads has enough, the work goes on. All else is a failure to write.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });

try {
  await program.parseAsync(process.argv);
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) {
    // Help and version are told by the library as errors of exit code 0; the rest it has already printed.
    return error.exitCode === 0 ? EXIT.success : EXIT.usage;
  }
  process.stderr.write(`firebreak: ${messageOf(error)}\n`);
  if (error instanceof AdapterError && ['ADAPTER_USAGE', 'ADAPTER_BAD_CONFIG'].includes(error.code))
    return EXIT.usage;
  if (process.env['FIREBREAK_TRACE'] === '1' && error instanceof Error)
    process.stderr.write(`${error.stack ?? ''}\n`);
  process.stderr.write(`  (${codeOf(error)})\n`);
  return EXIT.failure;
}
