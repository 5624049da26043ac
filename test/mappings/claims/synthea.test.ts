import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  CLAIM_RECORD_TYPES,
  factsOf,
  judgeClaim,
  openableFacts,
  parseJson,
  readClaim,
} from '../../../mappings/index.js';
import type { JsonObject, RecordToJudge } from '../../../mappings/index.js';
import { sharedData } from '../../support/shared-data.js';
import { isBorneOut } from './slow-truth.js';

const folder = sharedData('synthea-r4');
const skip = folder === undefined ? 'the shared data are not here' : false;

interface Person {
  readonly resources: readonly JsonObject[];
  readonly records: readonly RecordToJudge[];
}

function people(): Person[] {
  return readdirSync(folder ?? '')
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => {
      const bundle = parseJson(readFileSync(join(folder ?? '', name))) as JsonObject;
      const entries = (bundle['entry'] ?? []) as readonly JsonObject[];
      const resources = entries.map(({ resource }) => resource as JsonObject);
      if (!resources.some(({ resourceType }) => resourceType === 'Patient')) return [];
      return [{ resources, records: resources.flatMap(recordOf) }];
    });
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function recordOf(resource: JsonObject): RecordToJudge[] {
  const type = textOf(resource['resourceType']);
  const id = textOf(resource['id']);
  if (!CLAIM_RECORD_TYPES.has(type)) return [];
  const bytes = Buffer.from(JSON.stringify(resource));
  const facts = new Map(factsOf(resource, type, bytes).map(({ name, value }) => [name, value]));
  const visit = (resource['encounter'] as JsonObject | undefined)?.['reference'];
  return [
    {
      handle: id,
      type,
      names: new Set([`${type}/${id}`, `urn:uuid:${id}`]),
      facts,
      ...(typeof visit === 'string' ? { encounter: visit } : {}),
      namesOf: (reference) => [reference],
    },
  ];
}

const isClaim = ({ resourceType }: JsonObject): boolean =>
  resourceType === 'Claim' || resourceType === 'ExplanationOfBenefit';

/** What the judge says of each line; the patient is found by name before, as a service does. */
function judged(claim: JsonObject, { resources, records }: Person): { line: number; says: string }[] {
  const read = readClaim(claim);
  assert.ok(read.ok, read.ok ? '' : `${read.refusal.code} ${read.refusal.expression}`);
  const own = resources.find(({ resourceType }) => resourceType === 'Patient')?.['id'];
  const isOwn = read.claim.patient === `urn:uuid:${textOf(own)}`;
  return judgeClaim(read.claim, isOwn ? records : []).map(({ sequence, says, record }, i) => {
    const line = read.claim.lines[i];
    if (record !== undefined && line !== undefined && says === 'supported')
      for (const { name, value } of openableFacts(record, line, read.claim))
        assert.ok(name !== 'code' || JSON.stringify(line.codes).includes(String((value as string[])[0])));
    return { line: sequence, says };
  });
}

test(
  'each line of each claim and account of benefits is judged as a second, slow computation does',
  { skip },
  () => {
    const counts: Record<string, number> = {};
    let claims = 0;
    for (const person of people()) {
      for (const claim of person.resources.filter(isClaim)) {
        claims += 1;
        const lines = judged(claim, person);
        for (const [i, item] of (claim['item'] as readonly JsonObject[]).entries()) {
          const truth = isBorneOut(claim, item, person.resources);
          assert.equal(
            lines[i]?.says === 'supported',
            truth,
            `${textOf(claim['id'])} line ${i}: ${lines[i]?.says}`,
          );
          const key = `${textOf(claim['resourceType'])} ${lines[i]?.says}`;
          counts[key] = (counts[key] ?? 0) + 1;
        }
      }
    }
    assert.equal(claims, 6083 + 3697);
    // Hospitals that ask for what they have done are believed, nearly always.
    assert.ok((counts['Claim supported'] ?? 0) > 10_000, JSON.stringify(counts));
  },
);

test(
  'of 2,000 lines that were altered none is supported unless the second computation says so',
  { skip },
  () => {
    const everybody = people();
    let seed = 7;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
    let refuted = 0;
    let tried = 0;
    while (tried < 2000) {
      const person = pick(everybody);
      const claims = person.resources.filter(({ resourceType }) => resourceType === 'Claim');
      if (claims.length === 0) continue;
      const claim = structuredClone(pick(claims)) as Record<string, unknown>;
      const items = claim['item'] as Record<string, unknown>[];
      const at = random(items.length);
      const item = items[at] as Record<string, unknown>;
      const how = ['date', 'provider', 'code', 'patient', 'amount'][tried % 5];
      if (how === 'date') {
        const days = (random(2) === 0 ? 1 : -1) * (2 + random(900)) * 86_400_000;
        const period = claim['billablePeriod'] as Record<string, string>;
        for (const end of ['start', 'end'])
          period[end] = new Date(Date.parse(period[end] ?? '') + days).toISOString();
      } else if (how === 'provider') {
        const others = everybody
          .flatMap(({ resources }) => resources)
          .filter(({ resourceType }) => resourceType === 'Organization');
        claim['provider'] = { reference: `urn:uuid:${textOf(pick(others)['id'])}` };
      } else if (how === 'code') {
        const other = pick(pick(everybody).resources.filter(({ resourceType }) => resourceType === 'Claim'));
        item['productOrService'] = pick(other['item'] as readonly JsonObject[])['productOrService'];
      } else if (how === 'patient') {
        const other = pick(everybody).resources.find(({ resourceType }) => resourceType === 'Patient');
        claim['patient'] = { reference: `urn:uuid:${textOf(other?.['id'])}` };
      } else {
        if (item['net'] === undefined) continue;
        item['net'] = { value: random(100_000) / 100, currency: 'USD' };
      }
      tried += 1;
      const truth = isBorneOut(claim, item, person.resources);
      const says = judged(claim as JsonObject, person)[at]?.says;
      assert.equal(says === 'supported', truth, `${how} of ${textOf(claim['id'])}: ${says}`);
      if (!truth) refuted += 1;
    }
    assert.ok(refuted > 1800, `${refuted} of 2,000`);
  },
);
