import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import {
  checkEntryForm,
  encodeVkey,
  entrySchemas,
  entryBytes,
  generateSeed,
  parseCanonical,
  publicKey,
  schemaFiles,
} from '../../../ledger/log/index.js';
import type { Draft, EntryType, JsonObject, Submission } from '../../../ledger/log/index.js';
import { verifyLog } from '../../../ledger/verify/index.js';
import type { VerifyReport } from '../../../ledger/verify/index.js';
import {
  draft,
  everyType,
  firstAnchor,
  genesis,
  makeHolder,
  ORIGIN,
  random32,
  recordStored,
  submit,
  theCast,
} from '../log/fixture.js';
import type { Cast, Holder } from '../log/fixture.js';
import { failedChecks, failureOf, leavesOf, publish, readerOf, VKEY } from './published-log.js';

let cast: Cast;
before(async () => {
  cast = await theCast();
});

const verify = (submissions: readonly Submission[]): Promise<VerifyReport> =>
  verifyLog(readerOf(publish(leavesOf(submissions))), { vkeys: [VKEY] });

/** An entry of the instance. */
const by = (type: EntryType, body: JsonObject): Draft => draft(cast.instance.actor, type, body);
const bare = (type: EntryType, handle: string): Draft => by(type, { handle, commitment: random32() });
const decided = (handle: string, who: 'custodian' | 'patient', outcome: 'approved' | 'refused'): Draft =>
  by('access.decided', { handle, by: who, outcome, commitment: random32() });
const logKey = (): string => encodeVkey(ORIGIN, publicKey(generateSeed()));
const rotated = (from: string, to: string): Draft =>
  by('key.rotated', { key: 'log', from, to, overlapUntil: 1_800_000_000_000 });

/** The first leaf behind genesis and a submission's own. */
const FIRST = 5;

/** A sequence that is legal, or whose entry at `breaks` is not. */
interface Case {
  readonly name: string;
  readonly drafts: (a: string, b: string) => readonly Draft[];
  readonly breaks?: readonly [index: number, rule: string];
}

const CASES: readonly Case[] = [
  {
    name: 'both decide, the custodian first',
    drafts: (a) => [
      bare('access.requested', a),
      decided(a, 'custodian', 'approved'),
      decided(a, 'patient', 'refused'),
    ],
  },
  {
    name: 'a decision without its request',
    drafts: (a) => [decided(a, 'custodian', 'approved')],
    breaks: [0, 'it decides no open request'],
  },
  {
    name: 'the patient before the custodian',
    drafts: (a) => [bare('access.requested', a), decided(a, 'patient', 'approved')],
    breaks: [1, 'it is the custodian’s turn to decide'],
  },
  {
    name: 'the custodian twice',
    drafts: (a) => [
      bare('access.requested', a),
      decided(a, 'custodian', 'approved'),
      decided(a, 'custodian', 'approved'),
    ],
    breaks: [2, 'it is the patient’s turn to decide'],
  },
  {
    name: 'the patient after the custodian’s refusal',
    drafts: (a) => [
      bare('access.requested', a),
      decided(a, 'custodian', 'refused'),
      decided(a, 'patient', 'approved'),
    ],
    breaks: [2, 'it decides no open request'],
  },
  {
    name: 'the patient twice',
    drafts: (a) => [
      bare('access.requested', a),
      decided(a, 'custodian', 'approved'),
      decided(a, 'patient', 'approved'),
      decided(a, 'patient', 'approved'),
    ],
    breaks: [3, 'it decides no open request'],
  },
  {
    name: 'a request made twice',
    drafts: (a) => [bare('access.requested', a), bare('access.requested', a)],
    breaks: [1, 'its handle exists already'],
  },
  {
    name: 'an appointment and its end',
    drafts: (a) => [bare('representative.appointed', a), bare('representative.ended', a)],
  },
  {
    name: 'an appointment that ends twice',
    drafts: (a) => [
      bare('representative.appointed', a),
      bare('representative.ended', a),
      bare('representative.ended', a),
    ],
    breaks: [2, 'it ends no appointment in force'],
  },
  {
    name: 'the end of no appointment',
    drafts: (a) => [bare('representative.ended', a)],
    breaks: [0, 'it ends no appointment in force'],
  },
  {
    name: 'a merge, undone, and made again',
    drafts: (a) => [bare('record.merged', a), bare('record.unmerged', a), bare('record.merged', a)],
  },
  {
    name: 'a merge made twice',
    drafts: (a) => [bare('record.merged', a), bare('record.merged', a)],
    breaks: [1, 'its handle exists already'],
  },
  {
    name: 'a merge undone twice',
    drafts: (a) => [bare('record.merged', a), bare('record.unmerged', a), bare('record.unmerged', a)],
    breaks: [2, 'it undoes no merge in force'],
  },
  {
    name: 'erasure of a live version, a superseded and a deleted one',
    drafts: (a, b) => [
      recordStored(cast.instance.actor, a),
      recordStored(cast.instance.actor, b),
      by('record.superseded', { handle: a, by: b }),
      bare('record.deleted', b),
      bare('record.erased', a),
      bare('record.erased', b),
    ],
  },
  {
    name: 'erasure twice',
    drafts: (a) => [recordStored(cast.instance.actor, a), bare('record.erased', a), bare('record.erased', a)],
    breaks: [2, 'it erases no record that is kept'],
  },
  {
    name: 'erasure of nothing',
    drafts: (a) => [bare('record.erased', a)],
    breaks: [0, 'it erases no record that is kept'],
  },
  {
    name: 'erasure of a consent',
    drafts: (a) => [
      by('consent.signed', { handle: a, start: null, end: null, commitment: random32() }),
      bare('record.erased', a),
    ],
    breaks: [1, 'it erases no record that is kept'],
  },
  {
    name: 'deletion of an erased version',
    drafts: (a) => [
      recordStored(cast.instance.actor, a),
      bare('record.erased', a),
      bare('record.deleted', a),
    ],
    breaks: [2, 'it deletes no live record'],
  },
  {
    name: 'a version that an erased one is put in the place of',
    drafts: (a, b) => [
      recordStored(cast.instance.actor, a),
      recordStored(cast.instance.actor, b),
      bare('record.erased', b),
      by('record.superseded', { handle: a, by: b }),
    ],
    breaks: [3, 'it is superseded by a record that was never stored'],
  },
  ...(['claim.attested', 'cohort.exported', 'aggregate.answered', 'source.reconciled'] as const).flatMap(
    (type): Case[] => [
      { name: type, drafts: (a, b) => [bare(type, a), bare(type, b)] },
      {
        name: `${type} under a handle in use`,
        drafts: (a) => [bare(type, a), bare(type, a)],
        breaks: [1, 'its handle exists already'],
      },
    ],
  ),
  {
    name: 'keys of the log one after the other',
    drafts: () => {
      const [one, two, three] = [logKey(), logKey(), logKey()];
      return [rotated(one, two), rotated(two, three)];
    },
  },
  {
    name: 'a key of the log that was rotated away',
    drafts: () => {
      const [one, two, three] = [logKey(), logKey(), logKey()];
      return [rotated(one, two), rotated(one, three)];
    },
    breaks: [1, 'it rotates a key that is not the log’s'],
  },
  {
    name: 'a key of the log rotated to itself',
    drafts: () => {
      const one = logKey();
      return [rotated(one, one)];
    },
    breaks: [0, 'it rotates the log’s key to itself'],
  },
  {
    name: 'revocation of nobody',
    drafts: (a) => [by('participant.revoked', { handle: a, reason: 'unspecified' })],
    breaks: [0, 'it revokes no participant'],
  },
  {
    name: 'rotation of nobody’s key',
    drafts: (a) => [by('key.rotated', { key: 'participant', handle: a, commitment: random32() })],
    breaks: [0, 'it rotates the key of no participant'],
  },
];

test('each legal sequence verifies, and each other is named with its leaf', async () => {
  for (const { name, drafts, breaks } of CASES) {
    const report = await verify([genesis(cast), submit(cast.instance, drafts(random32(), random32()))]);
    if (breaks === undefined) {
      assert.deepEqual([name, failedChecks(report)], [name, []]);
      continue;
    }
    const [index, rule] = breaks;
    assert.deepEqual([name, failedChecks(report)], [name, ['sequence']]);
    const failure = failureOf(report, 'sequence');
    assert.deepEqual([name, failure?.leaf, failure?.rule], [name, FIRST + index, rule]);
  }
});

/** An organisation enrolled under a known handle, and what the authority says of it then. */
async function organisation(): Promise<{
  readonly handle: string;
  readonly holder: Holder;
  readonly enrolled: Draft;
}> {
  const holder = await makeHolder(cast.ca, 'Test authority', 'clinic');
  const handle = random32();
  const body = {
    handle,
    group: 'provider',
    role: 'organisation',
    name: 'A clinic',
    certificate: holder.der.toString('base64'),
  };
  return { handle, holder, enrolled: draft(cast.ca.actor, 'participant.enrolled', body) };
}

test('who is revoked or has rotated the key signs nothing from that leaf on, and what it signed before stands', async () => {
  const { ca, instance } = cast;
  const { handle, holder, enrolled } = await organisation();
  const next = await makeHolder(ca, 'Test authority', 'clinic');
  const speak = (who: Holder): Submission =>
    submit(who, [draft(who.actor, 'access.requested', { handle: random32(), commitment: random32() })]);
  const revoked = (who: Holder): Submission =>
    submit(who, [draft(who.actor, 'participant.revoked', { handle, reason: 'keyCompromise' })]);
  const rotatedTo = (who: Holder, to: Holder): Submission =>
    submit(who, [
      draft(who.actor, 'key.rotated', { key: 'participant', handle, certificate: to.der.toString('base64') }),
    ]);
  const start = [genesis(cast), submit(ca, [enrolled]), speak(holder)];
  const good = async (...more: Submission[]): Promise<void> => {
    assert.deepEqual(failedChecks(await verify([...start, ...more])), []);
  };
  // Each submission here has two leaves; start ends at leaf 8.
  const bad = async (leaf: number, rule: string, ...more: Submission[]): Promise<void> => {
    const failure = failureOf(await verify([...start, ...more]), 'submissions');
    assert.deepEqual([failure?.leaf, failure?.rule], [leaf, rule]);
  };
  await good(revoked(ca));
  await good(rotatedTo(ca, next), speak(next));
  await bad(10, 'the actor’s certificate was revoked', revoked(ca), speak(holder));
  await bad(10, 'the actor’s certificate was rotated away', rotatedTo(ca, next), speak(holder));
  await bad(12, 'the actor’s certificate was revoked', rotatedTo(ca, next), revoked(ca), speak(next));
  await bad(9, 'a participant is not revoked by an authority', revoked(instance));
  await bad(9, 'a participant is not revoked by an authority', revoked(holder));
  await bad(9, 'a key is not rotated by an authority', rotatedTo(holder, next));
  await bad(9, 'the certificate is enrolled already', rotatedTo(ca, holder));
  await bad(
    9,
    'the log’s key is not rotated by its instance',
    submit(ca, [
      draft(ca.actor, 'key.rotated', { key: 'log', from: logKey(), to: logKey(), overlapUntil: 0 }),
    ]),
  );
  const twice = await verify([...start, revoked(ca), revoked(ca)]);
  assert.deepEqual(failureOf(twice, 'sequence')?.rule, 'it revokes no participant');
  const after = await verify([...start, revoked(ca), rotatedTo(ca, next)]);
  assert.deepEqual(failureOf(after, 'sequence')?.rule, 'it rotates the key of no participant');
});

test('a patient, whose certificate is not published, is revoked and given a new key by authority or instance', async () => {
  const { ca, instance, hospital } = cast;
  const handle = random32();
  const enrolled = submit(instance, [
    by('participant.enrolled', { handle, group: 'patient', commitment: random32() }),
  ]);
  for (const who of [ca, instance]) {
    const report = await verify([
      genesis(cast),
      enrolled,
      submit(who, [draft(who.actor, 'key.rotated', { key: 'participant', handle, commitment: random32() })]),
      submit(who, [draft(who.actor, 'participant.revoked', { handle, reason: 'superseded' })]),
    ]);
    assert.deepEqual(failedChecks(report), []);
  }
  const report = await verify([
    genesis(cast),
    enrolled,
    submit(hospital, [draft(hospital.actor, 'participant.revoked', { handle, reason: 'superseded' })]),
  ]);
  assert.equal(failureOf(report, 'submissions')?.rule, 'a participant is not revoked by an authority');
});

/** A body of each form that a type has. */
function bodies(): readonly (readonly [EntryType, JsonObject])[] {
  const handle = random32();
  const commitment = random32();
  const certificate = cast.hospital.der.toString('base64');
  const both = { handle, commitment };
  const written = [genesis(cast), everyType(cast), firstAnchor(cast)].flatMap(({ leaf, drafts }) => [
    leaf,
    ...drafts,
  ]);
  return [
    ...written.map(({ type, body }) => [type, body] as const),
    ['participant.renewed', { handle, certificate }],
    ['participant.revoked', { handle, reason: 'cessationOfOperation' }],
    ['key.rotated', { key: 'participant', handle, certificate }],
    ['key.rotated', { key: 'participant', handle, commitment }],
    ['key.rotated', { key: 'log', from: logKey(), to: logKey(), overlapUntil: 0 }],
    ['representative.appointed', both],
    ['representative.ended', both],
    ['access.requested', both],
    ['access.decided', { ...both, by: 'patient', outcome: 'refused' }],
    ['record.merged', both],
    ['record.unmerged', both],
    ['record.erased', both],
    ['disclosure', both],
    ['claim.attested', both],
    ['cohort.exported', both],
    ['aggregate.answered', both],
    ['source.reconciled', both],
  ];
}

/** Members that a body may lack. */
const OPTIONAL = new Set(['replaces', 'role']);

test('every type has a schema, which takes its bodies and none with a member more, less or malformed', () => {
  const entry = (type: EntryType, body: JsonObject): unknown => ({
    ...draft(cast.instance.actor, type, body),
    at: 5,
  });
  const rule = (type: EntryType, body: JsonObject): string => {
    const form = checkEntryForm(entry(type, body));
    return form.ok ? '' : form.rule;
  };
  const tried = new Set<EntryType>();
  for (const [type, body] of bodies()) {
    tried.add(type);
    const whole = { ...draft(cast.instance.actor, type, body), at: 5 };
    assert.deepEqual(checkEntryForm(parseCanonical(entryBytes(whole))), { ok: true, entry: whole });
    assert.match(rule(type, { ...body, extra: 1 }), new RegExp(`^schema ${type}: `));
    for (const name of Object.keys(body)) {
      assert.match(rule(type, { ...body, [name]: true }), new RegExp(`^schema ${type}: `), name);
      const { [name]: _, ...less } = body;
      if (!OPTIONAL.has(name)) assert.match(rule(type, less), new RegExp(`^schema ${type}: `), name);
    }
  }
  assert.deepEqual([...tried].toSorted(), [...entrySchemas.keys()].toSorted());
  for (const type of tried) assert.ok(schemaFiles.has(`schemas/${type}.json`));
  const words = [
    ['by', 'hospital'],
    ['outcome', 'maybe'],
  ] as const;
  for (const [name, word] of words) {
    const body = {
      handle: random32(),
      by: 'custodian',
      outcome: 'approved',
      commitment: random32(),
      [name]: word,
    };
    assert.match(rule('access.decided', body), /enum$/);
  }
});
