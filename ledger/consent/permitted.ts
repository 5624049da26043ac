import { ConsentError } from './errors.js';
import type { Action, Obligation } from './policy.js';
import { hashOfText } from './request.js';

/** A consent, and the leaf it was in when a decision was built on it. */
export interface StandsOn {
  readonly handle: string;
  readonly version: number;
}

/** What a permit is made of. */
export interface PermitClaims {
  /** Writes the request's RFC 8785 form. */
  readonly requestText: () => string;
  readonly subject: string;
  readonly action: Action;
  readonly standsOn: readonly StandsOn[];
  readonly obligations: readonly Obligation[];
}

type Mint = (claims: PermitClaims) => Permitted;

let mint: Mint | undefined;

/**
 * Leave to do one thing to one patient's data. Only the gate makes it: no other code can construct one, and no
 * object that looks alike has the private field.
 */
export class Permitted implements Omit<PermitClaims, 'requestText'> {
  /** Also what makes the type nominal. */
  readonly #minted = true;
  readonly #requestText: () => string;
  readonly subject: string;
  readonly action: Action;
  /** The consents of both layers it was built on; who appends checks that they still stand. */
  readonly standsOn: readonly StandsOn[];
  /** What must be done with the data before it leaves; one of each kind at most. */
  readonly obligations: readonly Obligation[];

  private constructor(claims: PermitClaims) {
    this.#requestText = claims.requestText;
    this.subject = claims.subject;
    this.action = claims.action;
    this.standsOn = isFrozen(claims.standsOn)
      ? claims.standsOn
      : Object.freeze(claims.standsOn.map(({ handle, version }) => Object.freeze({ handle, version })));
    this.obligations = claims.obligations;
    Object.freeze(this);
  }

  /** base64url SHA-256 of the request; computed when it is asked for, since a page of a record has a thousand permits. */
  get requestHash(): string {
    return hashOfText(this.#requestText());
  }

  static {
    mint = (claims) => new Permitted(claims);
  }

  /** Whether a value was made by the gate. */
  static isPermitted(value: unknown): value is Permitted {
    return typeof value === 'object' && value !== null && #minted in value && value.#minted;
  }
}

/** Permits of one weighing share what they stand on. */
function isFrozen(standsOn: readonly StandsOn[]): boolean {
  return Object.isFrozen(standsOn) && standsOn.every((one) => Object.isFrozen(one));
}

// `new (permit.constructor)(…)` would otherwise make another from any permit.
Object.defineProperty(Permitted.prototype, 'constructor', { value: Object });

/**
 * Hands out the maker of permits, once: `decide.ts` takes it as it loads. The folder's index does not export this.
 *
 * @throws ConsentError CONSENT_MINT_TAKEN from the second call on.
 */
export function takeMint(): Mint {
  const taken = mint;
  if (taken === undefined) throw new ConsentError('CONSENT_MINT_TAKEN', 'permits are made by the gate alone');
  mint = undefined;
  return taken;
}

/**
 * Whether a value is a permit that the gate made, for borders where types do not reach.
 */
export function isPermitted(value: unknown): value is Permitted {
  return Permitted.isPermitted(value);
}
