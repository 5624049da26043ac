/** Corpora made elsewhere, sent in by hooks, and what the facade makes of them. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Provenance } from 'fhir/r4.js';
import { drain } from '../../../adapter/services/drain.js';
import { parseJson, sliceBundle, stripBom } from '../../../mappings/index.js';
import { consenting, hook } from './bench.js';
import type { Bench } from './bench.js';
import { facadeIdOf, linkIn } from './facade.js';
import type { Reader } from './facade.js';

/** A resource as it was received. */
export interface Received {
  readonly type: string;
  readonly id: string;
  readonly text: string;
  /** What `fullUrl`s of its Bundle name. */
  readonly named: ReadonlyMap<string, string>;
}

/** Texts that were received, by `Type/id` at the facade; one may have come in several versions. */
export type Corpus = Map<string, Received[]>;

/** Puts a received text to its name at the facade. */
export function addTo(bench: Bench, corpus: Corpus, received: Received): void {
  const name = `${received.type}/${facadeIdOf(bench, received.type, received.id)}`;
  const known = corpus.get(name);
  if (known === undefined) corpus.set(name, [received]);
  else known.push(received);
}

/** The resources of a Bundle, each with its own text. */
export function resourcesOf(bytes: Buffer): Received[] {
  const { entries } = sliceBundle(bytes);
  const found = entries.flatMap(({ resource, fullUrl }) => {
    if (resource === undefined) return [];
    const slice = bytes.subarray(resource.start, resource.end);
    const { resourceType: type, id } = parseJson(slice) as { resourceType: string; id: string };
    return [{ type, id, text: slice.toString('utf8'), fullUrl }];
  });
  const named = new Map(
    found.flatMap(({ fullUrl, type, id }) =>
      fullUrl === undefined ? [] : [[fullUrl, `${type}/${id}`] as const],
    ),
  );
  return found.map(({ type, id, text }) => ({ type, id, text, named }));
}

/** What the pages of a listing say. */
export interface Listed {
  /** Texts of resources, by name. */
  readonly served: Map<string, string>;
  /** What proofs say was received, by name. */
  readonly stored: Map<string, string>;
  /** Names of those that go with others. */
  readonly included: Set<string>;
  readonly provenances: readonly string[];
  readonly pages: readonly string[];
}

/** Entries of all pages of a listing: name and text, the proofs' own plaintexts by name. */
export async function listed(reader: Reader, path: string): Promise<Listed> {
  const served = new Map<string, string>();
  const stored = new Map<string, string>();
  const included = new Set<string>();
  const provenances: string[] = [];
  const pages: string[] = [];
  let next: string | undefined = path;
  while (next !== undefined) {
    const answer = await reader.get(next);
    assert.equal(answer.status, 200, next);
    pages.push(answer.body.toString('utf8'));
    const { entries } = sliceBundle(answer.body);
    const whole = JSON.parse(answer.body.toString('utf8')) as { entry?: { search?: { mode: string } }[] };
    for (const [i, { resource, fullUrl = '' }] of entries.entries()) {
      const text = answer.body.toString('utf8', resource?.start, resource?.end);
      const name = fullUrl.split('/').slice(-2).join('/');
      if (!fullUrl.startsWith('urn:')) {
        served.set(name, text);
        if (whole.entry?.[i]?.search?.mode === 'include') included.add(name);
        continue;
      }
      provenances.push(text);
      const proof = JSON.parse(text) as Provenance;
      const file = JSON.parse(Buffer.from(proof.signature?.[0]?.data ?? '', 'base64').toString('utf8')) as {
        opening: { plaintext: string };
      };
      const target = proof.target[0]?.reference?.split('/').slice(0, 2).join('/') ?? '';
      stored.set(target, Buffer.from(file.opening.plaintext, 'base64url').toString('utf8'));
    }
    next = linkIn(answer, 'next');
  }
  return { served, stored, included, provenances, pages };
}

/** Smallest first: what the quick run takes is the head of it. */
export function filesOf(folder: string): { name: string; bytes: Buffer }[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => ({ name, bytes: readFileSync(join(folder, name)) }))
    .toSorted((a, b) => a.bytes.length - b.bytes.length);
}

/** Posts single resources, one file each; what cannot be read or is a Bundle is passed over. */
export async function hookFiles(bench: Bench, folder: string): Promise<Corpus> {
  const corpus: Corpus = new Map();
  for (const { bytes: file } of filesOf(folder)) {
    const bytes = stripBom(file);
    let resource: { resourceType?: string; id?: string };
    try {
      resource = parseJson(bytes) as typeof resource;
    } catch {
      continue;
    }
    const { resourceType: type, id } = resource;
    if (typeof type !== 'string' || typeof id !== 'string' || type === 'Bundle') continue;
    const { status } = await hook(bench, '', { body: bytes });
    if (status === 200) addTo(bench, corpus, { type, id, text: bytes.toString('utf8'), named: new Map() });
  }
  await drain(bench.instance);
  return corpus;
}

/** Every patient that is known enrols and consents; their references at the facade. */
export async function consentingAll(bench: Bench): Promise<string[]> {
  const { subjects } = bench.instance;
  const references: string[] = [];
  for await (const key of subjects.keys()) {
    const subject = await subjects.find(key);
    if (subject !== undefined)
      references.push((await consenting(bench, subject.patientId)).enrolled.patient.reference);
  }
  await drain(bench.instance);
  return references;
}
