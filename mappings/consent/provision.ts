import type {
  Action,
  ActorMatch,
  DataMatch,
  DataMeaning,
  Obligation,
  Provision,
  ProvisionType,
} from '../../ledger/consent/index.js';
import { ACTIONS, UNREADABLE } from '../../ledger/consent/index.js';
import type { Json } from './elements.js';
import {
  codingToken,
  ConsentRefused,
  conceptTokens,
  isJson,
  noteUnknown,
  object,
  objects,
  span,
  text,
} from './elements.js';
import { readObligations, OBLIGATION_MEMBER } from './obligations.js';
import { subsumedPurposes } from '../purposes.js';
import participations from '../tables/actor-participations.json' with { type: 'json' };
import codes from '../tables/consent-codes.json' with { type: 'json' };

/** Deeper nesting is refused: no human reads it, and judging recurses. */
export const PROVISION_DEPTH_MAX = 64;

/** More provisions in one document are refused: each is looked at on every decision. */
export const PROVISIONS_MAX = 1024;

/** Names the one a Reference means, or `undefined` when that cannot be told. */
export type ReferenceResolver = (reference: Json) => string | undefined;

/** What one document's provisions share while they are compiled. */
export interface ProvisionReading {
  readonly resolve: ReferenceResolver;
  /** Paths of what is not understood; added to. */
  readonly unknown: string[];
  count: number;
}

const PROVISION_MEMBERS: ReadonlySet<string> = new Set(
  `type period actor action securityLabel purpose class code dataPeriod data provision ${OBLIGATION_MEMBER}`.split(
    ' ',
  ),
);
const ACTOR_MEMBERS: ReadonlySet<string> = new Set(['role', 'reference']);
const DATA_MEMBERS: ReadonlySet<string> = new Set(['meaning', 'reference']);
const MEANINGS: readonly string[] = [
  'instance',
  'related',
  'dependents',
  'authoredby',
] satisfies DataMeaning[];
const RECIPIENTS: ReadonlySet<string> = new Set(
  participations.recipients.map((c) => `${participations.system}|${c}`),
);

/** Relative and literal: `Type/id`, perhaps with a version, which names the same one. */
const RELATIVE = /^([A-Z][A-Za-z]{1,63}\/[A-Za-z0-9.-]{1,64})(?:\/_history\/[A-Za-z0-9.-]{1,64})?$/;

/** Takes relative literal references as they are; contained, logical and absolute ones name nobody it knows. */
export function relativeReference(reference: Json): string | undefined {
  const literal = reference['reference'];
  return typeof literal === 'string' ? RELATIVE.exec(literal)?.[1] : undefined;
}

/**
 * Compiles one provision and all within.
 *
 * @param base - Type of the root where it has none of its own; `undefined` for nested ones, which must have one.
 * @param around - Obligations of the rules around: an exception does not free of them.
 * @throws ConsentRefused
 * @see HL7 FHIR R4, Consent.provision; a nested type is taken as written, never flipped (IHE PCF)
 */
export function compileProvision(
  source: Json,
  path: string,
  depth: number,
  base: ProvisionType | undefined,
  reading: ProvisionReading,
  around: readonly Obligation[] = [],
): Provision {
  if (depth > PROVISION_DEPTH_MAX) throw new ConsentRefused('CONSENT_TOO_DEEP', path);
  if (++reading.count > PROVISIONS_MAX) throw new ConsentRefused('CONSENT_TOO_LARGE', path);
  noteUnknown(source, path, PROVISION_MEMBERS, reading.unknown);

  const type = text(source['type'], `${path}.type`) ?? base;
  if (type !== 'permit' && type !== 'deny')
    throw new ConsentRefused('CONSENT_PROVISION_TYPE', `${path}.type`);
  const period = span(source['period'], `${path}.period`);
  const dataPeriod = span(source['dataPeriod'], `${path}.dataPeriod`);
  const actors = each(source, path, 'actor', (actor, at) => compileActor(actor, at, reading));
  const actions = each(source, path, 'action', compileAction)?.flat();
  const purposes = each(source, path, 'purpose', codingToken);
  const isNarrowerMeant = (objects(source['purpose'], `${path}.purpose`) ?? []).map(hasNarrowerPurposes);
  const obligations = [...around, ...readObligations(source, path, reading.unknown)];
  const securityLabels = each(source, path, 'securityLabel', codingToken);
  const classes = each(source, path, 'class', codingToken);
  const conceptCodes = each(source, path, 'code', conceptTokens)?.flat();
  const data = each(source, path, 'data', (datum, at) => compileDatum(datum, at, reading));
  const nested = each(source, path, 'provision', (inner, at) =>
    compileProvision(inner, at, depth + 1, undefined, reading, obligations),
  );
  return {
    type,
    ...(period === undefined ? {} : { period }),
    ...(actors === undefined ? {} : { actors }),
    ...(actions === undefined ? {} : { actions }),
    ...(purposes === undefined ? {} : { purposes }),
    ...(purposes === undefined || (type === 'permit' && !isNarrowerMeant.includes(true))
      ? {}
      : {
          subsumedPurposes: purposes.flatMap((purpose, i) =>
            type === 'permit' && isNarrowerMeant[i] !== true ? [purpose] : subsumedPurposes(purpose),
          ),
        }),
    ...(securityLabels === undefined ? {} : { securityLabels }),
    ...(classes === undefined ? {} : { classes }),
    ...(conceptCodes === undefined ? {} : { codes: conceptCodes }),
    ...(dataPeriod === undefined ? {} : { dataPeriod }),
    ...(data === undefined ? {} : { data }),
    ...(obligations.length === 0 ? {} : { obligations }),
    provisions: nested ?? [],
  };
}

/** Of a permit's purpose: that those under it are meant too. Who does not know the extension permits less. */
export const NARROWER_PURPOSES = 'urn:firebreak:consent:narrower-purposes';

function hasNarrowerPurposes(coding: Json): boolean {
  const extensions: unknown = coding['extension'];
  return (
    Array.isArray(extensions) &&
    extensions.some(
      (one: unknown) => isJson(one) && one['url'] === NARROWER_PURPOSES && one['valueBoolean'] === true,
    )
  );
}

function each<T>(
  source: Json,
  path: string,
  name: string,
  read: (item: Json, path: string) => T,
): T[] | undefined {
  const at = `${path}.${name}`;
  return objects(source[name], at)?.map((item, i) => read(item, `${at}[${i}]`));
}

/** The reference says who. A role that only says "receives the data" adds nothing; any other must be the actor's. */
function compileActor(actor: Json, path: string, reading: ProvisionReading): ActorMatch {
  noteUnknown(actor, path, ACTOR_MEMBERS, reading.unknown);
  if (isAnybody(actor['reference']) && actor['role'] !== undefined) return anybodyAs(actor, path);
  const reference = compileReference(actor['reference'], `${path}.reference`, reading);
  if (actor['role'] === undefined) return { reference };
  const tokens = conceptTokens(object(actor['role'], `${path}.role`), `${path}.role`);
  if (tokens.some((token) => RECIPIENTS.has(token))) return { reference };
  const roles = tokens.map((token) => (token.startsWith(`${participations.system}|`) ? UNREADABLE : token));
  return { reference, roles };
}

/**
 * FHIR wants a reference of every actor; one that is not applicable stands for whoever has the role.
 *
 * @see HL7 FHIR R4, StructureDefinition/data-absent-reason
 */
function isAnybody(reference: unknown): boolean {
  if (!isJson(reference) || Object.keys(reference).some((name) => name !== 'extension' && name !== 'type'))
    return false;
  const extensions: unknown = reference['extension'];
  return (
    Array.isArray(extensions) &&
    extensions.some(
      (one: unknown) =>
        isJson(one) && one['url'] === DATA_ABSENT_REASON && one['valueCode'] === 'not-applicable',
    )
  );
}

const DATA_ABSENT_REASON = 'http://hl7.org/fhir/StructureDefinition/data-absent-reason';

/** A part in the exchange, such as "recipient", is no role that somebody has: it would make the permit everybody's. */
function anybodyAs(actor: Json, path: string): ActorMatch {
  const tokens = conceptTokens(object(actor['role'], `${path}.role`), `${path}.role`);
  return {
    roles: tokens.map((token) => (token.startsWith(`${participations.system}|`) ? UNREADABLE : token)),
  };
}

function compileAction(concept: Json, path: string): (Action | typeof UNREADABLE)[] {
  const tokens = conceptTokens(concept, path);
  const known = ACTIONS.filter((action) => tokens.includes(`${codes.actionSystem}|${action}`));
  return known.length > 0 ? known : [UNREADABLE];
}

function compileDatum(datum: Json, path: string, reading: ProvisionReading): DataMatch {
  noteUnknown(datum, path, DATA_MEMBERS, reading.unknown);
  const meaning = text(datum['meaning'], `${path}.meaning`);
  return {
    meaning: meaning !== undefined && isMeaning(meaning) ? meaning : UNREADABLE,
    reference: compileReference(datum['reference'], `${path}.reference`, reading),
  };
}

function compileReference(value: unknown, path: string, reading: ProvisionReading): string {
  if (value === undefined) return UNREADABLE;
  return reading.resolve(object(value, path)) ?? UNREADABLE;
}

function isMeaning(meaning: string): meaning is DataMeaning {
  return MEANINGS.includes(meaning);
}
