/** Claims over HTTP: lines judged, receipt and attestation logged, the proof file made and checked; and those that are refused. */
import type { ClaimResponse, Provenance } from 'fhir/r4.js';
import { ask, consenting, openBench, push } from '../adapter/support/bench.js';
import type { Answer, Bench as Instance } from '../adapter/support/bench.js';
import { admitPayer } from '../support/claims.js';
import { enrolOrganisation } from '../support/person.js';
import type { TestPerson } from '../support/person.js';
import { bearer, signIn } from '../support/session.js';
import type { Wallet } from '../support/wallet.js';
import type { Bench, BenchContext, Measured } from './bench.js';

const PATIENTS = 16;
/** Of each patient in a round; each is another claim. */
const CLAIMS = 12;
const ROUNDS = 3;
const LINES = 4;
const PERIOD = { start: '2026-03-02T09:00:00Z', end: '2026-03-02T10:30:00Z' };

export const claimsBench: Bench = {
  names: ['claims-attested', 'claims-proof-size', 'claims-unpermitted', 'claims-malformed'],
  about: `claims of ${LINES} lines over HTTP, ${PATIENTS} at once, each answered with its proof file; and refused ones`,
  run,
};

async function run({ say }: BenchContext): Promise<Measured[]> {
  const bench = await openBench({ readerRequestsPerSecond: 1_000_000 });
  try {
    return await measured(bench, say);
  } finally {
    await bench.close();
  }
}

async function measured(bench: Instance, say: BenchContext['say']): Promise<Measured[]> {
  const insurer = await enrolOrganisation(bench.instance, 'Insurer', 'payer');
  const wallets = await admitted(bench, insurer);
  const token = await signIn(bench.url, insurer, { purpose: 'CLMATTCH' });
  const submit = (body: string): Promise<Answer> =>
    ask(bench.url, '/fhir/Claim/$submit', {
      method: 'POST',
      headers: { ...bearer(token), 'content-type': 'application/fhir+json' },
      body,
    });
  /** Claims a second; one of each patient is under way. */
  async function rate(
    status: number,
    body: (i: number, n: number) => string,
  ): Promise<readonly [number, Answer]> {
    let last: Answer | undefined;
    const startedMs = performance.now();
    await Promise.all(
      wallets.map(async (_, i) => {
        for (let n = 0; n < CLAIMS; n++) {
          last = await submit(body(i, n));
          if (last.status !== status) throw new Error(`answered ${last.status}: ${last.body.toString()}`);
        }
      }),
    );
    if (last === undefined) throw new Error('nothing was asked');
    return [(wallets.length * CLAIMS * 1000) / (performance.now() - startedMs), last];
  }
  const attested: number[] = [];
  const sizes: number[] = [];
  const unpermitted: number[] = [];
  const malformed: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const of = (i: number, n: number): string => `r${round}-${i}-${n}`;
    const [good, answer] = await rate(200, (i, n) =>
      claim(wallets[i]?.enrolled.patient.reference ?? '', of(i, n)),
    );
    attested.push(good);
    sizes.push(fileBytes(answer));
    const [unknown] = await rate(404, (i, n) => claim('Patient/nobody', of(i, n)));
    unpermitted.push(unknown);
    const [bad] = await rate(422, (i, n) => claim('Patient/nobody', of(i, n), 'no code'));
    malformed.push(bad);
    say(`round ${round + 1}: ${Math.round(good)} attested a second`);
  }
  return [
    { bench: 'claims-attested', unit: 'claims/s', ours: attested },
    { bench: 'claims-proof-size', unit: 'bytes', ours: sizes },
    { bench: 'claims-unpermitted', unit: 'claims/s', ours: unpermitted },
    { bench: 'claims-malformed', unit: 'claims/s', ours: malformed },
  ];
}

/** Patients with a visit and three procedures, who permit this insurer to ask. */
async function admitted(bench: Instance, insurer: TestPerson): Promise<Wallet[]> {
  const wallets: Wallet[] = [];
  for (let i = 0; i < PATIENTS; i++) {
    const of = `p${i}`;
    const wallet = await consenting(bench, of);
    await push(bench, ...record(of));
    await admitPayer(bench, insurer, wallet, 'CLMATTCH');
    wallets.push(wallet);
  }
  return wallets;
}

function concept(code: string): object {
  return { coding: [{ system: 'http://snomed.info/sct', code }] };
}

function record(of: string): object[] {
  const subject = { reference: `Patient/${of}` };
  return [
    { resourceType: 'Patient', id: of },
    {
      resourceType: 'Encounter',
      id: `${of}-visit`,
      status: 'finished',
      class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
      type: [concept('185345000')],
      subject,
      serviceProvider: { reference: 'Organization/clinic' },
      period: PERIOD,
    },
    ...Array.from({ length: LINES - 1 }, (_, i) => ({
      resourceType: 'Procedure',
      id: `${of}-${i}`,
      status: 'completed',
      code: concept(String(185_345_001 + i)),
      subject,
      encounter: { reference: `Encounter/${of}-visit` },
      performedPeriod: PERIOD,
    })),
  ];
}

function claim(patient: string, id: string, code?: string): string {
  return JSON.stringify({
    resourceType: 'Claim',
    id,
    status: 'active',
    use: 'claim',
    patient: { reference: patient },
    provider: { reference: 'Organization/clinic' },
    billablePeriod: PERIOD,
    item: Array.from({ length: LINES }, (_, i) => ({
      sequence: i + 1,
      productOrService: concept(code ?? String(185_345_000 + i)),
    })),
  });
}

/** Bytes of the proof file in an answer all of whose lines are supported. */
function fileBytes(answer: Answer): number {
  const { contained, item = [] } = JSON.parse(answer.body.toString()) as ClaimResponse;
  const areSupported = item.every(
    ({ adjudication }) => adjudication[0]?.category.coding?.[0]?.code === 'supported',
  );
  if (item.length !== LINES || !areSupported) throw new Error('a line was not supported');
  const provenance = contained?.[0] as Provenance | undefined;
  return Buffer.from(provenance?.signature?.[0]?.data ?? '', 'base64').length;
}
