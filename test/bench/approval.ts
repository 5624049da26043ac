/**
 * From a patient's word to what a reader is shown: a request approved or taken back over HTTP, and the next reading, which
 * must be answered by it. What is timed is the decision with the reading behind it; none may come too late.
 */
import { heartRate, patient } from '../adapter/support/resources.js';
import { ask, consenting, openBench, push } from '../adapter/support/bench.js';
import { signedDecision, signedTask, taskOf } from '../support/access.js';
import { enrolOrganisation, enrolPerson } from '../support/person.js';
import { bearer, signerOf, signIn } from '../support/session.js';
import { quantile } from './bench.js';
import type { Bench, Measured } from './bench.js';

const ROUNDS = 5;
/** One requester asks a hundred times at once, and not more. */
const EACH = 15;
const WARM_UP = 10;

export const approvalBench: Bench = {
  names: [
    'approval-to-read-p50',
    'approval-to-read-p99',
    'withdrawal-to-refusal-p50',
    'withdrawal-to-refusal-p99',
  ],
  about:
    'a patient’s decision over HTTP, its entry and receipts included, and the next reading, which must obey it',
  run: measure,
};

async function measure(): Promise<Measured[]> {
  const bench = await openBench();
  const { instance, url, source } = bench;
  try {
    const ministry = await enrolOrganisation(instance, 'Ministry of Health', 'authority');
    const staff = await enrolPerson(instance, 'staff');
    const wallet = await consenting(bench, 'a');
    const own = wallet.enrolled.patient.reference;
    await push(bench, patient('a'), heartRate('h', 'a', 70));
    const headers = bearer(await signIn(url, ministry, { purpose: 'HRESCH' }));
    const log = instance.identity.origin;
    const read = async (shown: boolean): Promise<void> => {
      const { status, body } = await ask(url, `/fhir/Observation?patient=${own}`, { headers });
      if (status !== 200 || body.includes('"entry"') !== shown)
        throw new Error('the reading does not obey the patient');
    };
    const times = { approval: [] as number[][], withdrawal: [] as number[][] };
    for (let round = 0; round <= ROUNDS; round++) {
      const here = { approval: [] as number[], withdrawal: [] as number[] };
      for (let i = 0; i < (round === 0 ? WARM_UP : EACH); i++) {
        const task = taskOf(ministry, { patient: own, custodian: source.custodian.id, purpose: 'HRESCH' });
        const { id } = await instance.accessRequests.ask(signedTask(ministry, task));
        await instance.accessRequests.decide(
          signedDecision(staff, log, { id, task }, { outcome: 'approved' }),
        );
        for (const [what, outcome] of [
          ['approval', 'approved'],
          ['withdrawal', 'ended'],
        ] as const) {
          const body = signedDecision(signerOf(wallet), log, { id, task }, { outcome });
          const startedMs = performance.now();
          const { status } = await ask(url, '/requests/decisions', { method: 'POST', body });
          if (status !== 200) throw new Error(`the decision was answered ${status}`);
          await read(outcome === 'approved');
          here[what].push(performance.now() - startedMs);
        }
      }
      if (round === 0) continue;
      times.approval.push(here.approval);
      times.withdrawal.push(here.withdrawal);
    }
    return (
      [
        ['approval-to-read', times.approval],
        ['withdrawal-to-refusal', times.withdrawal],
      ] as const
    ).flatMap(([name, rounds]) =>
      (
        [
          ['p50', 0.5],
          ['p99', 0.99],
        ] as const
      ).map(([at, part]) => ({
        bench: `${name}-${at}`,
        unit: 'ms',
        ours: rounds.map((round) => quantile(round, part)),
      })),
    );
  } finally {
    await bench.close();
  }
}
