/** The published 4C Deterioration model, from which the demo draws who gets worse. */
import model from './four-c.json' with { type: 'json' };

/** What the model reads, as known at admission. */
export interface FourCInput {
  readonly ageYears: number;
  readonly male: boolean;
  /** Infection acquired in hospital. */
  readonly nosocomial: boolean;
  readonly infiltrates: boolean;
  /** Receiving supplemental oxygen. */
  readonly oxygen: boolean;
  readonly gcsBelow15: boolean;
  readonly respiratoryRatePerMin: number;
  readonly spo2Percent: number;
  readonly ureaMmolPerL: number;
  readonly crpMgPerL: number;
  /** 10^9/L. */
  readonly lymphocytesGPerL: number;
}

type BinaryName = keyof typeof model.binary;
type NumericName = keyof typeof model.numeric;

const BINARY = Object.entries(model.binary) as [BinaryName, number][];
const NUMERIC = Object.entries(model.numeric) as [NumericName, { linear: number; knots: number[][] }][];

/**
 * Probability that the patient deteriorates in hospital, as a fraction of 1.
 *
 * @see Gupta RK et al., Lancet Respir Med 2021; 9: 349-359 (coefficients in four-c.json)
 */
export function deteriorationProbability(input: FourCInput): number {
  let logOdds = model.intercept;
  for (const [name, coefficient] of BINARY) if (input[name]) logOdds += coefficient;
  for (const [name, { linear, knots }] of NUMERIC) {
    const value = input[name];
    logOdds += linear * value;
    for (const knot of knots) {
      const beyond = value - (knot[1] ?? 0);
      if (beyond > 0) logOdds += (knot[0] ?? 0) * beyond * beyond * beyond;
    }
  }
  return 1 / (1 + Math.exp(-logOdds));
}
