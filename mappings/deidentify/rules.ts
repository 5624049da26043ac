import { DeidentifyError } from './errors.js';

/** What may be done with an element. Whatever no rule names is dropped. */
export const METHODS = [
  'redact',
  /** A code of FHIR's own lists: the rule's `values`. */
  'code',
  'boolean',
  'date',
  /** A date with a time, which a year alone is not. */
  'instant',
  'birth-date',
  'deceased-date',
  'period',
  'concept',
  'coding',
  'quantity',
  'range',
  'age',
  'number',
  'reference',
  'address',
  'zip',
  'group',
] as const;

/** One of {@link METHODS}. */
export type Method = (typeof METHODS)[number];

/** One rule: the element that a path names, and what happens to it. */
export interface Rule {
  /** Element names from the type on, a choice as `value.ofType(Quantity)`: a subset of FHIRPath. */
  readonly path: string;
  readonly method: Method;
  /** For `code`: the values let out. */
  readonly values?: readonly string[];
  /**
   * The element may not be absent: where it is dropped, it says that it is masked, or `unknown` for a code. `kept`:
   * where the source has it and it has to be dropped, what holds it is left out, since its list allows no masking.
   */
  readonly required?: 'always' | 'kept';
}

/** Rules of one element, compiled. */
export interface Place {
  readonly method: Method;
  readonly values: ReadonlySet<string>;
  readonly required: 'always' | 'kept' | undefined;
  /** Of a choice: its name without the type. */
  readonly choice: string | undefined;
  readonly path: string;
  readonly below: Map<string, Place>;
}

const PATH = /^[A-Z][A-Za-z]+(?:\.[a-z][A-Za-z]*(?:\.ofType\([A-Za-z]+\))?)+$/;

/**
 * Makes a tree by type of rules. Of two rules for one path the first wins, so what a project adds goes before a
 * profile's own.
 *
 * @throws DeidentifyError DEIDENTIFY_BAD_RULE.
 */
export function compileRules(rules: readonly Rule[]): ReadonlyMap<string, Place> {
  const types = new Map<string, Place>();
  for (const rule of rules) {
    if (!PATH.test(rule.path) || !METHODS.includes(rule.method))
      throw new DeidentifyError('DEIDENTIFY_BAD_RULE', `no rule can be made of ${rule.path}`);
    const choices = new Map<string, string>();
    const names = rule.path
      .replace(/([a-z]\w*)\.ofType\(([A-Za-z])([A-Za-z]*)\)/g, (_, choice: string, a: string, b: string) => {
        const name = choice + a.toUpperCase() + b;
        choices.set(name, choice);
        return name;
      })
      .split('.');
    let at: Map<string, Place> = types;
    names.forEach((name, i) => {
      const isLast = i === names.length - 1;
      let place = at.get(name);
      if (place === undefined) {
        place = {
          method: isLast ? rule.method : 'group',
          values: new Set(isLast ? rule.values : undefined),
          required: isLast ? rule.required : undefined,
          choice: choices.get(name),
          path: names.slice(0, i + 1).join('.'),
          below: new Map(),
        };
        at.set(name, place);
      }
      at = place.below;
    });
  }
  return types;
}
