import table from './tables/purposes.json' with { type: 'json' };

const NARROWER: ReadonlyMap<string, readonly string[]> = new Map(Object.entries(table.narrower));

const CLOSURES: ReadonlyMap<string, readonly string[]> = new Map(
  [...NARROWER.keys()].map((code) => [token(code), closure(code)]),
);

/**
 * A purpose of use and everything that is subsumed under it: what a denial of that purpose covers.
 *
 * @param purpose - `system|code`; of a code that the table does not know, nothing else is known.
 * @returns Tokens, the purpose itself first.
 * @see HL7 v3 ActReason, PurposeOfUse
 */
export function subsumedPurposes(purpose: string): readonly string[] {
  return CLOSURES.get(purpose) ?? [purpose];
}

function closure(code: string): string[] {
  return [token(code), ...(NARROWER.get(code) ?? []).flatMap(closure)];
}

function token(code: string): string {
  return `${table.system}|${code}`;
}
