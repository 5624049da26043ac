import type { PermittedPatient } from '../../../analytics/features/index.js';
import { normal, uniform } from '../support/draws.js';
import { inpatient, observation, score } from '../support/inpatient.js';

/** Made-up inpatients whose outcome depends on age, oxygen saturation and C-reactive protein. */
export function cohort(count: number, seed: number): PermittedPatient[] {
  const next = uniform(seed);
  const z = normal(next);
  return Array.from({ length: count }, (_, i) => {
    const age = Math.round(45 + 30 * next());
    const spo2 = Math.round(Math.min(100, 94 + 3 * z()));
    const crp = Math.round(Math.exp(4 + 0.8 * z()) * 10) / 10;
    const eta = 0.04 * (age - 60) - 0.25 * (spo2 - 94) + 0.6 * (Math.log(crp) - 4);
    const resources = [observation('59408-5', spo2, '%', 1), score(4, 1)];
    if (next() < 0.8) resources.push(observation('1988-5', crp, 'mg/L', 2));
    if (next() < 1 / (1 + Math.exp(-eta))) resources.push(score(6, 40 + 100 * next()));
    return inpatient(`patient-${i}`, resources, {
      birthDate: `${2021 - age}-01-01`,
      gender: next() < 0.5 ? 'male' : 'female',
    });
  });
}

/** Made-up inpatients who go from stage to stage with odds that grow with age and fall with oxygen saturation. */
export function stagedCohort(count: number, seed: number): PermittedPatient[] {
  const next = uniform(seed);
  const z = normal(next);
  return Array.from({ length: count }, (_, i) => {
    const age = Math.round(45 + 30 * next());
    const spo2 = Math.round(Math.min(100, 94 + 3 * z()));
    const crp = Math.round(Math.exp(4 + 0.8 * z()) * 10) / 10;
    const eta = 0.3 + 0.05 * (age - 60) - 0.25 * (spo2 - 94);
    const resources = [observation('59408-5', spo2, '%', 1), score(4, 1)];
    if (next() < 0.8) resources.push(observation('1988-5', crp, 'mg/L', 2));
    let at = 40;
    for (const value of [5, 6, 8, 10]) {
      if (next() >= 1 / (1 + Math.exp(-eta))) break;
      at += 20 * next();
      resources.push(score(value, at));
    }
    return inpatient(`patient-${i}`, resources, {
      birthDate: `${2021 - age}-01-01`,
      gender: next() < 0.5 ? 'male' : 'female',
    });
  });
}
