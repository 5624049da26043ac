import { elementPath } from '../elements.js';
import type { ElementPath } from '../elements.js';
import compartment from '../tables/patient-compartment.json' with { type: 'json' };
import own from '../tables/ownership.json' with { type: 'json' };

/** How resources of one type say whose they are. */
export interface TypeRule {
  /** Elements that tie a resource to the Patient they name, the one that says whom it is about first. */
  readonly paths: readonly ElementPath[];
  /** Elements that say whom the resource is about: here an identifier without a type is taken for a Patient's. */
  readonly main: ReadonlySet<ElementPath>;
  /** Elements through whose targets it belongs to somebody. */
  readonly attached: readonly ElementPath[];
  /** Whether a resource of this type must have a patient. */
  readonly needsPatient: boolean;
}

type Params = Readonly<Record<string, readonly string[]>>;

const COMPARTMENT = compartment.types as Readonly<Record<string, Params>>;
const BEYOND = own.beyond.types as Readonly<Record<string, readonly string[]>>;
const NAMED = own.named.types as Readonly<Record<string, readonly string[]>>;
const ATTACHED = own.attached.types as Readonly<Record<string, readonly string[]>>;
const DIRECTORY_WHEN_NONE: ReadonlySet<string> = new Set(Object.keys(own.directoryWhenNone.types));

const MAY_BELONG: ReadonlySet<string> = new Set([
  ...Object.keys(COMPARTMENT),
  ...Object.keys(BEYOND),
  ...Object.keys(NAMED),
  ...Object.keys(ATTACHED),
  ...own.attached.mayBelong.types,
]);

/** Whether a resource of this type can be a patient's; others are the directory's, whatever they refer to. */
export function mayBelong(type: string): boolean {
  return MAY_BELONG.has(type);
}

const rules = new Map<string, TypeRule>();

/** The rule of a type, read from the tables once. */
export function ruleOf(type: string): TypeRule {
  let rule = rules.get(type);
  if (rule === undefined) {
    const params = Object.values(COMPARTMENT[type] ?? {});
    const first = NAMED[type] ?? params[0] ?? [];
    const needsPatient = COMPARTMENT[type] !== undefined && !DIRECTORY_WHEN_NONE.has(type);
    const paths = [...new Set([...first, ...params.flat(), ...(BEYOND[type] ?? [])])].map(elementPath);
    rule = {
      paths,
      main: DIRECTORY_WHEN_NONE.has(type)
        ? new Set()
        : new Set(paths.filter((path) => !path.repeats && first.includes(path.text))),
      attached: (ATTACHED[type] ?? []).map(elementPath),
      needsPatient,
    };
    rules.set(type, rule);
  }
  return rule;
}
