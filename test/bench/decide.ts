/** Decisions a second of the gate: a hospital's standing permission, and a patient's consent with two exceptions. */
import { decide } from '../../ledger/consent/index.js';
import type { Bench, Measured } from './bench.js';
import { rate } from './bench.js';
import { carePolicies, careRequest } from './ledger.js';

const DECISIONS = 100_000;
const ROUNDS = 7;

export const decideBench: Bench = {
  names: ['decide'],
  about: 'decisions of the gate for an Observation, permit and request hash included',
  run: async () => [measure()],
};

function measure(): Measured {
  const policies = carePolicies('patient-1', 'custodian', 'consent');
  const request = careRequest('patient-1');
  const nowMs = Date.UTC(2026, 0, 1);
  const rates: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const startedMs = performance.now();
    for (let i = 0; i < DECISIONS; i++) {
      if (decide(request, policies, nowMs).outcome !== 'permit') throw new Error('the gate denies');
    }
    if (round > 0) rates.push(rate(DECISIONS, startedMs));
  }
  return { bench: 'decide', unit: 'decisions/s', ours: rates };
}
