import assert from 'node:assert/strict';
import test from 'node:test';
import type { AccessRequest, Policy, Provision, Span } from '../../../ledger/consent/index.js';
import { ACTIONS, decide, UNREADABLE, voicePolicy } from '../../../ledger/consent/index.js';
import {
  asks,
  BTG,
  conf,
  consent,
  CRP,
  CUSTODIAN,
  DAY_MS,
  ENCOUNTER,
  HEART_RATE,
  HOSPITAL,
  HRESCH,
  NOW_MS,
  OBSERVATION,
  PATIENT,
  PSY,
  RESEARCHER,
  TREAT,
} from './fixtures.js';

const CASES = 3_000;

/** Mulberry32: a fixed sequence, so that a failure can be looked at again. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below;
  };
}

type Draw = (below: number) => number;

function some<T>(draw: Draw, values: readonly T[]): T[] {
  return values.filter(() => draw(10) < 5);
}

function one<T>(draw: Draw, values: readonly T[]): T {
  const value = values[Math.floor(draw(values.length))];
  assert(value !== undefined);
  return value;
}

function spanOf(draw: Draw): Span {
  const startMs = NOW_MS - DAY_MS * Math.floor(draw(20));
  return {
    startMs,
    endMs: startMs + DAY_MS * Math.floor(draw(20)),
    ...(draw(2) < 1 ? { sureStartMs: startMs + DAY_MS } : {}),
  };
}

function provision(draw: Draw, depth = 0): Provision {
  const given = (): boolean => draw(10) < 2.5;
  return {
    type: draw(10) < 6 ? 'permit' : 'deny',
    ...(given() ? { period: spanOf(draw) } : {}),
    ...(given()
      ? { actors: some(draw, [HOSPITAL, RESEARCHER, UNREADABLE]).map((reference) => ({ reference })) }
      : {}),
    ...(given() ? { actions: some(draw, [...ACTIONS, UNREADABLE]) } : {}),
    ...(given() ? { purposes: some(draw, [TREAT, HRESCH, BTG, UNREADABLE]) } : {}),
    ...(given() ? { securityLabels: some(draw, [conf('L'), conf('N'), conf('R'), PSY, UNREADABLE]) } : {}),
    ...(given() ? { classes: some(draw, [OBSERVATION, ENCOUNTER]) } : {}),
    ...(given() ? { codes: some(draw, [HEART_RATE, CRP]) } : {}),
    ...(given() ? { dataPeriod: spanOf(draw) } : {}),
    ...(given()
      ? { data: [{ meaning: 'instance', reference: one(draw, ['Observation/o1', 'Observation/o2']) }] }
      : {}),
    provisions:
      depth < 3 ? Array.from({ length: Math.floor(draw(2.5)) }, () => provision(draw, depth + 1)) : [],
  };
}

function policy(draw: Draw): Policy {
  return consent(provision(draw), {
    layer: draw(10) < 7 ? 'patient' : 'custodian',
    version: Math.floor(draw(6)),
    dateTimeMs: NOW_MS - DAY_MS * Math.floor(draw(6)),
    kind: one(draw, ['consent', 'consent', 'consent', 'self', 'legal-basis', 'emergency'] as const),
    status: draw(10) < 8 ? 'active' : one(draw, ['inactive', 'rejected', 'draft'] as const),
    ...(draw(10) < 4 ? { identifier: `shared|${Math.floor(draw(3))}` } : {}),
    ...(draw(10) < 1 ? { withdrawnAtLeaf: 9 } : {}),
  });
}

function request(draw: Draw): AccessRequest {
  return asks({
    actor: { references: [one(draw, [HOSPITAL, RESEARCHER, PATIENT])] },
    action: one(draw, ACTIONS),
    purposes: [one(draw, [TREAT, HRESCH, BTG])],
    resource: {
      classes: some(draw, [OBSERVATION, ENCOUNTER]),
      codes: some(draw, [HEART_RATE, CRP]),
      labels: draw(10) < 3 ? undefined : some(draw, [conf('N'), conf('V'), PSY]),
    },
  });
}

function policies(draw: Draw): Policy[] {
  return [CUSTODIAN, ...Array.from({ length: Math.floor(draw(6)) }, () => policy(draw))];
}

/** A policy all of whose provisions deny. */
function denyOnly(rule: Provision): Provision {
  return { ...rule, type: 'deny', provisions: rule.provisions.map(denyOnly) };
}

/** Copies of a rule with one more denial, at each place where one can stand. */
function withDenial(rule: Provision, denial: Provision): Provision[] {
  return [
    { ...rule, provisions: [...rule.provisions, denial] },
    ...rule.provisions.flatMap((nested, i) =>
      withDenial(nested, denial).map((changed) => ({
        ...rule,
        provisions: rule.provisions.with(i, changed),
      })),
    ),
  ];
}

test('the order of the consents never matters', () => {
  const draw = random(1);
  const outcomes = new Set<string>();
  for (let i = 0; i < CASES; i++) {
    const asked = request(draw);
    const all = policies(draw);
    const first = decide(asked, all, NOW_MS);
    outcomes.add(first.outcome === 'permit' ? 'permit' : first.reason);
    const shuffled = all.map((p) => ({ p, at: draw(1) })).toSorted((a, b) => a.at - b.at);
    const second = decide(
      asked,
      shuffled.map(({ p }) => p),
      NOW_MS,
    );
    assert.deepEqual(second, first);
  }
  assert(outcomes.has('permit') && outcomes.size >= 6, `too few kinds of answer: ${[...outcomes].join(' ')}`);
});

test('adding a denial never widens', () => {
  const draw = random(2);
  for (let i = 0; i < CASES; i++) {
    const asked = request(draw);
    const all = policies(draw);
    if (decide(asked, all, NOW_MS).outcome === 'permit') continue;
    const refusal = consent(denyOnly(provision(draw)), {
      layer: one(draw, ['patient', 'custodian'] as const),
    });
    assert.equal(decide(asked, [...all, refusal], NOW_MS).outcome, 'deny', 'as a consent of its own');
    const at = Math.floor(draw(all.length));
    const changed = all[at];
    assert(changed !== undefined);
    for (const root of withDenial(changed.root, denyOnly(provision(draw, 3)))) {
      assert.equal(
        decide(asked, all.with(at, { ...changed, root }), NOW_MS).outcome,
        'deny',
        'within a consent',
      );
    }
  }
});

test('an unknown element never permits', () => {
  const draw = random(3);
  for (let i = 0; i < CASES; i++) {
    const all = policies(draw).map((p) => ({ ...p, unknown: ['Consent.modifierExtension'] }));
    assert.equal(decide(request(draw), all, NOW_MS).outcome, 'deny');
  }
});

test('making an element of a permit unreadable never widens', () => {
  const draw = random(4);
  for (let i = 0; i < CASES; i++) {
    const asked = request(draw);
    const rule: Provision = { ...provision(draw, 3), type: 'permit' };
    const before = decide(asked, [CUSTODIAN, consent(rule)], NOW_MS);
    const blurred = consent({
      ...rule,
      ...(rule.actors === undefined ? {} : { actors: [{ reference: UNREADABLE }] }),
      ...(rule.purposes === undefined ? {} : { purposes: [UNREADABLE] }),
      ...(rule.securityLabels === undefined ? {} : { securityLabels: [UNREADABLE] }),
    });
    const after = decide(asked, [CUSTODIAN, blurred], NOW_MS);
    assert(after.outcome === 'deny' || before.outcome === 'permit');
  }
});

test('of several voices each must permit, one that says nothing too, and a denial of one denies', () => {
  const draw = random(6);
  let permitted = 0;
  for (let i = 0; i < CASES; i++) {
    const asked = request(draw);
    const drawn = policies(draw).filter(({ kind }) => kind === 'consent');
    const custodian = drawn.filter(({ layer }) => layer === 'custodian');
    const signed = drawn.filter(({ layer }) => layer === 'patient');
    const voices = [undefined, 'x', 'y'].map((voice) => ({ voice, own: [] as Policy[] }));
    for (const document of signed) one(draw, voices).own.push(document);
    // Now and then they agree.
    if (draw(2) < 1) for (const { own } of voices) own.push(consent({ type: 'permit', provisions: [] }));
    const alone = voices.map(({ own }) => decide(asked, [...custodian, ...own], NOW_MS).outcome);
    const heard = voices.flatMap(({ voice, own }) =>
      voice === undefined
        ? own
        : [voicePolicy(asked.subject, voice), ...own.map((document) => ({ ...document, voice }))],
    );
    const together = decide(asked, [...custodian, ...heard], NOW_MS);
    assert.equal(together.outcome, alone.every((outcome) => outcome === 'permit') ? 'permit' : 'deny');
    assert.deepEqual(decide(asked, [...custodian, ...heard].toReversed(), NOW_MS), together);
    if (together.outcome !== 'permit') continue;
    permitted += 1;
    assert.equal(together.permit.standsOn.length, 4, 'the custodian and each voice');
  }
  assert(permitted > CASES / 20);
});

test('an exception anywhere denies', () => {
  const draw = random(5);
  for (let i = 0; i < CASES / 10; i++) {
    const all: Policy[] = [...policies(draw), consent(null as unknown as Provision)];
    const decision = decide(request(draw), all, NOW_MS);
    assert.equal(decision.outcome, 'deny');
  }
});
