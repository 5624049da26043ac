/**
 * Decisions a second of the gate: a hospital's standing permission, and one, ten or a hundred consents of a patient. Of
 * these a third are to others, a third to this hospital for other purposes, and a third permit what is asked, each with
 * two exceptions.
 */
import { decide } from '../../ledger/consent/index.js';
import type { Policy } from '../../ledger/consent/index.js';
import type { Bench, Measured } from './bench.js';
import { rate } from './bench.js';
import { carePolicies, careRequest } from './ledger.js';

const DECISIONS = 100_000;
const ROUNDS = 7;
const AT_TEN = 200_000;
const RESEARCH = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|HRESCH';

export const decideBench: Bench = {
  names: ['decide', 'decide-10', 'decide-100'],
  about: 'decisions of the gate with 1, 10 and 100 consents, permit and request hash included',
  run: async ({ asked }) =>
    [1, 10, 100]
      .map((consents) => ({ consents, name: consents === 1 ? 'decide' : `decide-${consents}` }))
      .filter(({ name }) => asked.length === 0 || asked.includes(name))
      .map(({ consents, name }) => measure(name, consents)),
};

function measure(bench: string, consents: number): Measured {
  const policies = policiesOf(consents);
  const request = careRequest('patient-1');
  const nowMs = Date.UTC(2026, 0, 1);
  const decisions = consents > 10 ? DECISIONS / 5 : DECISIONS;
  const rates: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const startedMs = performance.now();
    for (let i = 0; i < decisions; i++) {
      if (decide(request, policies, nowMs).outcome !== 'permit') throw new Error('the gate denies');
    }
    if (round > 0) rates.push(rate(decisions, startedMs));
  }
  const figures = { bench, unit: 'decisions/s', ours: rates };
  return consents === 10 ? { ...figures, aim: { of: 'ours', least: AT_TEN } } : figures;
}

function policiesOf(consents: number): Policy[] {
  const policies = carePolicies('patient-1', 'custodian', 'consent');
  const care = policies.find(({ layer }) => layer === 'patient');
  if (care === undefined) throw new Error('no consent to go by');
  for (let i = 1; i < consents; i++) {
    const { root } = care;
    const differing =
      i % 3 === 1
        ? { actors: [{ reference: `Organization/other-${i}` }] }
        : i % 3 === 2
          ? { purposes: [RESEARCH] }
          : {};
    policies.push({
      ...care,
      handle: `consent-${i}`,
      identifier: `${care.identifier}-${i}`,
      version: i + 1,
      root: { ...root, ...differing },
    });
  }
  return policies;
}
