/**
 * A patient's way through the hospital on the WHO Clinical Progression Scale.
 *
 * Whether score 6 or worse is reached follows the 4C model (admission.ts). When it is reached, how far it goes and who
 * goes home when are constants of ours, named here.
 *
 * @see WHO Working Group, Lancet Infect Dis 2020; 20: e192-e197
 */
import { Random } from '../random.js';
import type { Admission } from './admission.js';

/** A score of the scale and the moment it was reached. */
export interface ScaleStep {
  /** 0 to 10. */
  readonly score: number;
  readonly atMs: number;
}

/** A stay, as far as it is known at the anchor. */
export interface Course {
  readonly admittedMs: number;
  readonly steps: readonly ScaleStep[];
  /** Moment of score 6 or worse, known or not; `undefined` when never. */
  readonly worseMs: number | undefined;
  /** How it ended; `undefined` while the patient is still in the ward. */
  readonly end:
    { readonly kind: 'home' | 'care-home' | 'other-hospital' | 'died'; readonly atMs: number } | undefined;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Share of patients admitted in the last days before the anchor, most of whom are still in the ward. */
const RECENT_SHARE = 0.07;
const RECENT_DAYS_MAX = 2.5;
/** The others came in this long before the anchor: their 28 days are over. */
const PAST_DAYS = { min: 75, max: 420 };
/** From admission to score 6 or worse; always within the 28 days that count. */
const WORSE_HOURS = { median: 58, logSpread: 0.9, min: 3, max: 26 * 24 };
/** The worst score of those who reach 6: high-flow oxygen or mask, ventilation, ventilation with more, death. */
const WORST_SCORE = { '6': 0.34, '7': 0.14, '8': 0.1, '9': 0.06, '10': 0.36 } as const;
/** Share of those ventilated or on high-flow oxygen who die later all the same. */
const LATER_DEATH = { '6': 0.3, '7': 0.35, '8': 0.5, '9': 0.65 } as const;
/** From 6 to a worse score, then to death or to getting better, in hours. */
const WORSENING_HOURS = { min: 8, max: 60 };
const SUPPORT_DAYS = { median: 7, logSpread: 0.5, min: 1, max: 26 };
/** Share of those admitted on room air who need oxygen later without getting worse than that, and when, in hours. */
const LATER_OXYGEN = { share: 0.22, minHours: 8, maxHours: 72 };
/** Length of stay of those who do not get worse than oxygen. */
const STAY_DAYS = { median: 6.5, logSpread: 0.6, min: 1.2, max: 30 };
/** After support ends, in days. */
const CONVALESCENCE_DAYS = { min: 2, max: 12 };
/** The score on leaving alive. */
const LEAVING_SCORE = { '1': 0.2, '2': 0.62, '3': 0.18 } as const;
const DESTINATION = { home: 0.82, 'care-home': 0.13, 'other-hospital': 0.05 } as const;

/**
 * Draws a stay.
 *
 * @param anchorMs - The present of the population: nothing is dated after it.
 */
export function drawCourse(seed: number, admission: Admission, anchorMs: number): Course {
  const random = new Random(seed, admission.index, 'course');
  const recent = random.chance(RECENT_SHARE);
  const agoDays = recent
    ? 0.25 + (RECENT_DAYS_MAX - 0.25) * random.uniform()
    : PAST_DAYS.min + (PAST_DAYS.max - PAST_DAYS.min) * random.uniform();
  const admittedMs = Math.floor((anchorMs - agoDays * DAY_MS) / 60_000) * 60_000;
  const steps: ScaleStep[] = [
    { score: admission.oxygen ? 5 : 4, atMs: admittedMs + random.integer(10, 90) * 60_000 },
  ];
  const after = (ms: number): number => Math.max(admittedMs + HOUR_MS, Math.round(ms / 60_000) * 60_000);

  let end: NonNullable<Course['end']>;
  let worseMs: number | undefined;
  if (admission.deteriorates) {
    worseMs = after(admittedMs + logNormal(random, WORSE_HOURS) * HOUR_MS);
    const worst = random.weighted(WORST_SCORE);
    if (worst === '10') {
      end = { kind: 'died', atMs: worseMs };
    } else {
      steps.push({ score: 6, atMs: worseMs });
      let atMs = worseMs;
      if (worst !== '6') {
        atMs = after(atMs + between(random, WORSENING_HOURS.min, WORSENING_HOURS.max) * HOUR_MS);
        steps.push({ score: Number(worst), atMs });
      }
      atMs = after(atMs + logNormal(random, SUPPORT_DAYS) * DAY_MS);
      if (random.chance(LATER_DEATH[worst])) {
        end = { kind: 'died', atMs };
      } else {
        steps.push({ score: 5, atMs });
        const leaveMs = after(
          atMs + between(random, CONVALESCENCE_DAYS.min, CONVALESCENCE_DAYS.max) * DAY_MS,
        );
        end = { kind: random.weighted(DESTINATION), atMs: leaveMs };
      }
    }
  } else {
    const leaveMs = after(admittedMs + logNormal(random, STAY_DAYS) * DAY_MS);
    const oxygenMs = after(
      admittedMs + between(random, LATER_OXYGEN.minHours, LATER_OXYGEN.maxHours) * HOUR_MS,
    );
    if (!admission.oxygen && random.chance(LATER_OXYGEN.share) && oxygenMs < leaveMs) {
      steps.push({ score: 5, atMs: oxygenMs });
    }
    end = { kind: random.weighted(DESTINATION), atMs: leaveMs };
  }
  steps.push({ score: end.kind === 'died' ? 10 : Number(random.weighted(LEAVING_SCORE)), atMs: end.atMs });
  return {
    admittedMs,
    steps: steps.filter(({ atMs }) => atMs < anchorMs),
    worseMs,
    end: end.atMs < anchorMs ? end : undefined,
  };
}

function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random.uniform();
}

function logNormal(
  random: Random,
  law: { median: number; logSpread: number; min: number; max: number },
): number {
  return Math.min(law.max, Math.max(law.min, law.median * Math.exp(law.logSpread * random.normal())));
}
