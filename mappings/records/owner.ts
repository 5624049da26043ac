import { badElement, fhirPathOf, forEachElement } from '../elements.js';
import { MappingError } from '../errors.js';
import type { JsonObject, JsonValue } from '../json/value.js';
import { identifierQuery, resolveReference } from '../references.js';
import type { ResolvedReference } from '../references.js';
import { isResourceType } from '../resource-types.js';
import { containedOf } from './content.js';
import { mayBelong, ruleOf } from './owner-rules.js';
import type { TypeRule } from './owner-rules.js';
import type { Lookup, MapContext, ResourceName } from './record.js';

/** Whose a resource is. */
export type Owner =
  | { readonly by: 'patient'; readonly subject: string; readonly path: string }
  | { readonly by: 'lookup'; readonly needs: readonly Lookup[] }
  | { readonly by: 'others'; readonly via: readonly ResourceName[]; readonly path: string }
  | { readonly by: 'nobody' };

/** What the elements of one resource have told so far. */
interface Findings {
  /** Patient's id → FHIRPath of the first element that names it. */
  readonly patients: Map<string, string>;
  readonly needs: Lookup[];
  /** FHIRPath of the first element that may name a Patient, but none of this source that we can tell. */
  failed?: string;
}

/**
 * Whose a resource is: by the R4 patient compartment, by the elements `patient`, `subject` and `for`, and by the
 * rules of `tables/ownership.json`.
 *
 * @throws MappingError MAPPING_SEVERAL_PATIENTS with the FHIRPaths of all; MAPPING_NO_PATIENT with the FHIRPath
 * that failed; MAPPING_BAD_ELEMENT.
 * @see HL7 FHIR R4, CompartmentDefinition/patient
 */
export function ownerOf(resource: JsonObject, type: string, context: MapContext): Owner {
  const rule = ruleOf(type);
  const findings: Findings = { patients: new Map(), needs: [] };
  for (const path of rule.paths) {
    forEachElement(resource, path, type, (value, expression) => {
      note(findings, value, expression, resource, rule.main.has(path), context);
    });
  }
  const patients = withContained(findings.patients, resource, type, context);
  if (patients.size > 1) throw several(patients);
  if (findings.needs.length > 0) return { by: 'lookup', needs: findings.needs };
  const [found] = patients;
  if (found !== undefined) return { by: 'patient', subject: found[0], path: found[1] };
  const attached = attachedOwner(resource, type, rule, context);
  if (attached !== undefined) return attached;
  if (rule.needsPatient || findings.failed !== undefined) throw noPatient(type, rule, findings.failed);
  return { by: 'nobody' };
}

/**
 * Refuses a resource in which some other patient than its own is named where patients are.
 *
 * @throws MappingError MAPPING_SEVERAL_PATIENTS.
 */
export function ownedBy(
  subject: string,
  path: string,
  resource: JsonObject,
  type: string,
  context: MapContext,
): void {
  const patients = withContained(new Map([[subject, path]]), resource, type, context);
  if (patients.size > 1) throw several(patients);
}

function note(
  findings: Findings,
  value: JsonValue,
  expression: () => string,
  resource: JsonObject,
  main: boolean,
  context: MapContext,
): void {
  const reference = resolveReference(value, context);
  switch (reference.kind) {
    case 'local':
      if (reference.type === 'Patient' && !findings.patients.has(reference.id)) {
        findings.patients.set(reference.id, expression());
      }
      return;
    case 'conditional':
      if (reference.type === 'Patient') ask(findings, reference.query, expression, context);
      return;
    case 'identifier':
      if (reference.type !== 'Patient' && (reference.type !== undefined || !main)) return;
      if (reference.system === undefined || reference.value === undefined) findings.failed ??= expression();
      else ask(findings, identifierQuery(reference.system, reference.value), expression, context);
      return;
    case 'contained':
      if (mayBePatient(resource, reference.id, expression)) findings.failed ??= expression();
      return;
    case 'foreign':
      if (main || /\/Patient\/[^/]+(?:\/_history\/[^/]+)?$/.test(reference.url))
        findings.failed ??= expression();
      return;
    case 'unknown-urn':
      findings.failed ??= expression();
      return;
    case 'nothing':
      if (main) findings.failed ??= expression();
      return;
    case 'bad':
      // The wrong JSON is always refused; a text that is no reference cannot name a Patient of this source.
      if (wrongJson(value, reference)) throw badElement(`${expression()}${reference.element}`);
      if (main) findings.failed ??= expression();
      return;
    case 'container':
      return;
  }
}

/** A Patient that must be looked up, unless the caller has done so: then its answer stands in `context.urn`. */
function ask(findings: Findings, query: string, expression: () => string, context: MapContext): void {
  const answer = context.urn.get(`Patient?${query}`);
  if (answer === undefined) findings.needs.push({ expression: expression(), type: 'Patient', query });
  else note(findings, { reference: answer }, expression, {}, true, context);
}

/** A contained Patient has no name of its own at the source; one that is not there may have been one. */
function mayBePatient(resource: JsonObject, id: string, expression: () => string): boolean {
  const type = expression().split('.')[0] ?? '';
  const inner = containedOf(resource, type).find((one) => one['id'] === id);
  return inner === undefined || inner['resourceType'] === 'Patient';
}

function wrongJson(value: JsonValue, reference: Extract<ResolvedReference, { kind: 'bad' }>): boolean {
  if (reference.element === '' || reference.element === '.identifier') return true;
  const element = (value as JsonObject)[reference.element.slice(1)];
  return typeof element !== 'string';
}

/** Adds the patients that contained resources belong to: what is inside leaves with the resource. */
function withContained(
  patients: Map<string, string>,
  resource: JsonObject,
  type: string,
  context: MapContext,
): Map<string, string> {
  if (patients.size === 0 || resource['contained'] === undefined) return patients;
  containedOf(resource, type).forEach((inner, i) => {
    const innerType = inner['resourceType'];
    if (typeof innerType !== 'string' || !isResourceType(innerType) || innerType === 'Patient') return;
    for (const path of ruleOf(innerType).paths) {
      forEachElement(inner, path, `${type}.contained[${i}]`, (value, expression) => {
        const reference = resolveReference(value, context);
        if (reference.kind !== 'local' || reference.type !== 'Patient' || patients.has(reference.id)) return;
        patients.set(reference.id, expression());
      });
    }
  });
  return patients;
}

/** The resources through which one of an attached type belongs to somebody. */
function attachedOwner(
  resource: JsonObject,
  type: string,
  rule: TypeRule,
  context: MapContext,
): Owner | undefined {
  const via: ResourceName[] = [];
  const needs: Lookup[] = [];
  let first: string | undefined;
  let failed: string | undefined;
  for (const path of rule.attached) {
    forEachElement(resource, path, type, (value, expression) => {
      const reference = resolveReference(value, context);
      if (reference.kind === 'local') {
        if (!mayBelong(reference.type)) return;
        first ??= expression();
        if (!via.some((one) => one.type === reference.type && one.id === reference.id)) {
          via.push({ type: reference.type, id: reference.id });
        }
      } else if (reference.kind === 'conditional' && mayBelong(reference.type)) {
        needs.push({ expression: expression(), type: reference.type, query: reference.query });
      } else if (reference.kind === 'unknown-urn') failed ??= expression();
    });
  }
  if (needs.length > 0) return { by: 'lookup', needs };
  if (first !== undefined) return { by: 'others', via, path: first };
  if (failed !== undefined) throw noPatient(type, rule, failed);
  return undefined;
}

function several(patients: ReadonlyMap<string, string>): MappingError {
  return new MappingError('MAPPING_SEVERAL_PATIENTS', 'the resource belongs to several patients', {
    expression: [...patients.values()],
  });
}

function noPatient(type: string, rule: TypeRule, failed: string | undefined): MappingError {
  const [first] = rule.paths;
  const expression = failed ?? (first === undefined ? type : fhirPathOf(first, type));
  return new MappingError('MAPPING_NO_PATIENT', `${expression} names no patient of this source`, {
    expression,
  });
}
