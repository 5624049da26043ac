import assert from 'node:assert/strict';
import test from 'node:test';
import type { Policy, Provision } from '../../../ledger/consent/index.js';
import { decide, decider, UNREADABLE, voicePolicy } from '../../../ledger/consent/index.js';
import { mattersOf, sameAnswerKey } from '../../../ledger/consent/same-answer.js';
import { consent, CUSTODIAN, NOW_MS } from './fixtures.js';
import { one, policies, provision, random, request } from './generator.js';

const CASES = 3_000;

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
    const signed = drawn.filter(({ layer, voice }) => layer === 'patient' && voice === undefined);
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

test('many resources are judged as each by itself', () => {
  const draw = random(11);
  const outcomes = new Set<string>();
  let weighedTogether = 0;
  for (let i = 0; i < CASES; i++) {
    const all = policies(draw);
    const { resource: _first, ...asking } = request(draw);
    const judge = decider(asking, all, NOW_MS);
    const resources = Array.from({ length: 6 }, () => request(draw).resource);
    const matters = mattersOf(all);
    const keys = resources
      .map((resource) => sameAnswerKey(matters, resource))
      .filter((key) => key !== undefined);
    weighedTogether += keys.length - new Set(keys).size;
    for (const resource of resources) {
      const apart = decide({ ...asking, resource }, all, NOW_MS);
      outcomes.add(apart.outcome === 'permit' ? 'permit' : apart.reason);
      assert.deepEqual(judge(resource), apart);
    }
  }
  assert(outcomes.has('permit') && outcomes.size >= 6, `too few kinds of answer: ${[...outcomes].join(' ')}`);
  assert(weighedTogether > CASES, `${weighedTogether} were weighed together`);
});

test('what cannot be named is denied among many too', () => {
  const asking = {
    subject: 's',
    actor: { references: ['Organization/a'] },
    action: 'access' as const,
    purposes: ['p'],
  };
  const judge = decider(asking, [], NOW_MS);
  for (const resource of [undefined, null, {}, { type: 1 }] as never[])
    assert.deepEqual(judge(resource), decide({ ...asking, resource }, [], NOW_MS));
});
