/**
 * A process that exports a cohort and asks about it without an end, to be killed at any moment. Its arguments: the data
 * folder, the cohort, and who asks, as JSON. It prints the name of each answer that it was told.
 */
import type { Caller } from '../../adapter/services/tokens/index.js';
import { openTestInstance } from '../support/instance.js';

const [folder = '', cohort = '', who = '{}', budget = ''] = process.argv.slice(2);
const caller: Caller = { ...(JSON.parse(who) as Omit<Caller, 'x25519'>), x25519: Buffer.alloc(0) };
const { instance } = await openTestInstance(folder, { privacyBudget: Number(budget) });
process.stdout.write('ready\n');
for (;;) {
  await instance.cohortExports.idle();
  await instance.cohortExports.begin(caller, cohort, { request: 'http://127.0.0.1/$export' });
  for (let i = 0; i < 3; i++) {
    // Another question each time, so that each is paid.
    const bins = [[`${Math.random()}`]];
    const question = { kind: 'histogram', view: 'patient', columns: ['gender'], bins, epsilon: 0.05 };
    const asked = instance.aggregates.ask(caller, cohort, Buffer.from(JSON.stringify(question)));
    const told = await asked.then(
      ({ id }) => `told ${id}\n`,
      (error: unknown) => `refused ${error instanceof Error ? error.message : ''}\n`,
    );
    process.stdout.write(told);
  }
}
