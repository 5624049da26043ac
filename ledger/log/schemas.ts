/**
 * JSON Schemas (2020-12) of entries: one for what all entries share, one for each type's body. They are
 * published beside the log, so that an outsider can check forms without our code.
 */
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import type { Entry, EntryType } from './entry.js';
import accessDecided from './schemas/access.decided.json' with { type: 'json' };
import accessRequested from './schemas/access.requested.json' with { type: 'json' };
import aggregateAnswered from './schemas/aggregate.answered.json' with { type: 'json' };
import claimAttested from './schemas/claim.attested.json' with { type: 'json' };
import cohortExported from './schemas/cohort.exported.json' with { type: 'json' };
import consentSigned from './schemas/consent.signed.json' with { type: 'json' };
import consentWithdrawn from './schemas/consent.withdrawn.json' with { type: 'json' };
import disclosure from './schemas/disclosure.json' with { type: 'json' };
import entry from './schemas/entry.json' with { type: 'json' };
import keyRotated from './schemas/key.rotated.json' with { type: 'json' };
import modelPublished from './schemas/model.published.json' with { type: 'json' };
import participantEnrolled from './schemas/participant.enrolled.json' with { type: 'json' };
import participantRenewed from './schemas/participant.renewed.json' with { type: 'json' };
import participantRevoked from './schemas/participant.revoked.json' with { type: 'json' };
import recordDeleted from './schemas/record.deleted.json' with { type: 'json' };
import recordErased from './schemas/record.erased.json' with { type: 'json' };
import recordMerged from './schemas/record.merged.json' with { type: 'json' };
import recordStored from './schemas/record.stored.json' with { type: 'json' };
import recordSuperseded from './schemas/record.superseded.json' with { type: 'json' };
import recordUnmerged from './schemas/record.unmerged.json' with { type: 'json' };
import representativeAppointed from './schemas/representative.appointed.json' with { type: 'json' };
import representativeEnded from './schemas/representative.ended.json' with { type: 'json' };
import scoreIssued from './schemas/score.issued.json' with { type: 'json' };
import sourceReconciled from './schemas/source.reconciled.json' with { type: 'json' };
import stateAnchored from './schemas/state.anchored.json' with { type: 'json' };
import submission from './schemas/submission.json' with { type: 'json' };

/** A JSON Schema document. */
export type JsonSchema = { readonly $id: string };

/** Schema of what all entries share. */
export const envelopeSchema: JsonSchema = entry;

/** One for every type: a new type does not compile without. */
const SCHEMAS: Readonly<Record<EntryType, JsonSchema>> = {
  'participant.enrolled': participantEnrolled,
  'participant.renewed': participantRenewed,
  'participant.revoked': participantRevoked,
  'key.rotated': keyRotated,
  'representative.appointed': representativeAppointed,
  'representative.ended': representativeEnded,
  'consent.signed': consentSigned,
  'consent.withdrawn': consentWithdrawn,
  'access.requested': accessRequested,
  'access.decided': accessDecided,
  'record.stored': recordStored,
  'record.superseded': recordSuperseded,
  'record.deleted': recordDeleted,
  'record.merged': recordMerged,
  'record.unmerged': recordUnmerged,
  'record.erased': recordErased,
  disclosure,
  'claim.attested': claimAttested,
  'cohort.exported': cohortExported,
  'aggregate.answered': aggregateAnswered,
  'model.published': modelPublished,
  'score.issued': scoreIssued,
  'source.reconciled': sourceReconciled,
  'state.anchored': stateAnchored,
  submission,
};

/** Schema of the body, by type. */
export const entrySchemas: ReadonlyMap<EntryType, JsonSchema> = new Map(
  Object.entries(SCHEMAS) as [EntryType, JsonSchema][],
);

/** The schemas as published: path below the log's root and bytes. */
export const schemaFiles: ReadonlyMap<string, Buffer> = new Map(
  [['entry', envelopeSchema] as const, ...entrySchemas].map(([name, schema]) => [
    `schemas/${name}.json`,
    Buffer.from(`${JSON.stringify(schema, null, 2)}\n`, 'utf8'),
  ]),
);

type Validators = {
  readonly envelope: ValidateFunction;
  readonly bodies: ReadonlyMap<string, ValidateFunction>;
};

/** Compiled on first use: it takes some tens of milliseconds, and a writer never needs it. */
let compiled: Validators | undefined;

function validators(): Validators {
  if (compiled === undefined) {
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
    const bodies = [...entrySchemas].map(([type, schema]) => [type, ajv.compile(schema)] as const);
    compiled = { envelope: ajv.compile(envelopeSchema), bodies: new Map(bodies) };
  }
  return compiled;
}

/** Whether a parsed leaf has the form of its type, and if not, where it departs from it. */
export type EntryForm =
  { readonly ok: true; readonly entry: Entry } | { readonly ok: false; readonly rule: string };

/**
 * Checks a parsed leaf against the schemas.
 *
 * @returns `rule` names schema, path and keyword, never a value.
 * @see JSON Schema 2020-12
 */
export function checkEntryForm(value: unknown): EntryForm {
  const { envelope, bodies } = validators();
  if (!envelope(value)) return { ok: false, rule: ruleOf('entry', envelope.errors?.[0]) };
  const leaf = value as Entry;
  const body = bodies.get(leaf.type);
  if (body === undefined) return { ok: false, rule: `schema ${leaf.type}: none` };
  if (!body(leaf.body)) return { ok: false, rule: ruleOf(leaf.type, firstError(leaf, body)) };
  return { ok: true, entry: leaf };
}

/** Compiled where something was refused: tells all that is wrong, not only the first. */
let explaining: Ajv2020 | undefined;

/** Of several ways that a body may look, the error is of the one that it comes closest to. */
function firstError({ type, body }: Entry, validate: ValidateFunction): ErrorObject | undefined {
  const schema = entrySchemas.get(type);
  if (schema === undefined || !('oneOf' in schema)) return validate.errors?.[0];
  explaining ??= new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });
  const explain = explaining.getSchema(schema.$id) ?? explaining.compile(schema);
  const errors = explain(body) === true ? [] : (explain.errors ?? []);
  const ways = new Map<string, ErrorObject[]>();
  for (const error of errors) {
    const way = ONE_WAY.exec(error.schemaPath)?.[0];
    if (way !== undefined) ways.set(way, [...(ways.get(way) ?? []), error]);
  }
  return [...ways.values()].toSorted((a, b) => a.length - b.length)[0]?.[0];
}

const ONE_WAY = /^#\/oneOf\/\d+\//;

/** A member that is missing is named; one that is too many is not, since its name may say anything. */
function ruleOf(name: string, error: ErrorObject | undefined): string {
  const { instancePath = '', keyword = 'oneOf', params = {} } = error ?? {};
  const missing: unknown = keyword === 'required' ? params['missingProperty'] : undefined;
  const path = typeof missing === 'string' ? `${instancePath}/${missing}` : instancePath;
  return path === '' ? `schema ${name}: ${keyword}` : `schema ${name}: ${path} ${keyword}`;
}
