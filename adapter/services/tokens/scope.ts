/**
 * SMART system scopes: what a client may do with resources of a type.
 *
 * @see https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html
 */

/** create, read, update, delete, search. */
export type Interaction = 'c' | 'r' | 'u' | 'd' | 's';

export interface Scope {
  /** A resource type, or `*` for all. */
  readonly type: string;
  /** Ordered subset of `cruds`, not empty. */
  readonly interactions: string;
}

const SCOPE = /^system\/(\*|[A-Z][A-Za-z]{1,63})\.(c?r?u?d?s?|read|write|\*)$/;
/** Forms of version 1 and what they mean in version 2. */
const VERSION_1: Readonly<Record<string, string>> = { read: 'rs', write: 'cud', '*': 'cruds' };
const SCOPES_MAX = 200;
/** In their order. */
const ALL: readonly Interaction[] = ['c', 'r', 'u', 'd', 's'];

/** One scope, or `undefined` for what is none of ours: another level, an unordered suffix, a query. */
export function parseScope(text: string): Scope | undefined {
  const [, type, suffix] = SCOPE.exec(text) ?? [];
  if (type === undefined || suffix === undefined || suffix === '') return undefined;
  return { type, interactions: VERSION_1[suffix] ?? suffix };
}

/** Scopes apart by spaces. Those that are none of ours are left out, as RFC 6749 section 3.3 lets a server do. */
export function parseScopes(text: string): Scope[] {
  return text
    .split(' ')
    .slice(0, SCOPES_MAX)
    .flatMap((word) => parseScope(word) ?? []);
}

/** Inverse of {@link parseScope}, in the form of version 2. */
export function scopeText({ type, interactions }: Scope): string {
  return `system/${type}.${interactions}`;
}

/** What of the scopes asked for is allowed: never more than either says. */
export function grantScopes(asked: readonly Scope[], allowed: readonly Scope[]): Scope[] {
  const granted = new Map<string, string>();
  for (const one of asked) {
    for (const other of allowed) {
      if (one.type !== '*' && other.type !== '*' && one.type !== other.type) continue;
      const type = one.type === '*' ? other.type : one.type;
      const before = granted.get(type) ?? '';
      const both = ALL.filter(
        (letter) =>
          before.includes(letter) ||
          (one.interactions.includes(letter) && other.interactions.includes(letter)),
      );
      if (both.length > 0) granted.set(type, both.join(''));
    }
  }
  return [...granted].map(([type, interactions]) => ({ type, interactions }));
}

/** Whether scopes let a client do something with a type. */
export function isInScope(scopes: readonly Scope[], type: string, interaction: Interaction): boolean {
  return scopes.some(
    (scope) => (scope.type === '*' || scope.type === type) && scope.interactions.includes(interaction),
  );
}
