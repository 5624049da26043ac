import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import {
  checkEntryForm,
  encodeVkey,
  entrySchemas,
  envelopeSchema,
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
  enrolment,
  everyType,
  firstAnchor,
  genesis,
  makeHolder,
  ORIGIN,
  random32,
  recordStored,
  renewal,
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
const decided = (
  handle: string,
  who: 'custodian' | 'patient' | 'requester',
  outcome: 'approved' | 'refused' | 'ended',
): Draft => by('access.decided', { handle, by: who, outcome, commitment: random32() });
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
    name: 'the custodian ends what it approved',
    drafts: (a) => [
      bare('access.requested', a),
      decided(a, 'custodian', 'approved'),
      decided(a, 'custodian', 'ended'),
    ],
  },
  {
    name: 'what was ended ends again',
    drafts: (a) => [
      bare('access.requested', a),
      decided(a, 'custodian', 'approved'),
      decided(a, 'custodian', 'ended'),
      decided(a, 'custodian', 'ended'),
    ],
    breaks: [3, 'it ends nothing that the custodian may end'],
  },
  {
    name: 'what was only asked for ends',
    drafts: (a) => [bare('access.requested', a), decided(a, 'custodian', 'ended')],
    breaks: [1, 'it ends nothing that the custodian may end'],
  },
  {
    name: 'the requester gives up',
    drafts: (a) => [bare('access.requested', a), decided(a, 'requester', 'ended')],
  },
  {
    name: 'the requester approves',
    drafts: (a) => [bare('access.requested', a), decided(a, 'requester', 'approved')],
    breaks: [1, 'it is the custodian’s turn to decide'],
  },
  {
    name: 'the patient takes back what it approved',
    drafts: (a) => [
      bare('access.requested', a),
      decided(a, 'custodian', 'approved'),
      decided(a, 'patient', 'approved'),
      decided(a, 'patient', 'ended'),
    ],
  },
  {
    name: 'the patient takes back what it has not approved',
    drafts: (a) => [
      bare('access.requested', a),
      decided(a, 'custodian', 'approved'),
      decided(a, 'patient', 'ended'),
    ],
    breaks: [2, 'it ends nothing that the patient may end'],
  },
  {
    name: 'what was withdrawn is withdrawn again',
    drafts: (a) => [
      bare('access.requested', a),
      decided(a, 'custodian', 'approved'),
      decided(a, 'patient', 'approved'),
      decided(a, 'patient', 'ended'),
      decided(a, 'custodian', 'ended'),
    ],
    breaks: [4, 'it ends nothing that the custodian may end'],
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
    breaks: [3, 'it is superseded by no record that is kept'],
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

/** An act by which a signer can be told to be heard. */
const speak = (who: Holder): Submission =>
  submit(who, [draft(who.actor, 'access.requested', { handle: random32(), commitment: random32() })]);

const enrol = (signer: Holder, whose: Holder): Submission =>
  submit(signer, [enrolment(signer, 'payer', whose)]);

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

test('a renewal leaves the former certificate good, until a revocation or rotation ends all of the organisation', async () => {
  const { ca } = cast;
  const { handle, holder, enrolled } = await organisation();
  const renewed = await makeHolder(ca, 'Test authority', 'clinic', undefined, false, holder.seed);
  const next = await makeHolder(ca, 'Test authority', 'clinic');
  const start = [genesis(cast), submit(ca, [enrolled]), renewal(cast, handle, renewed)];
  assert.deepEqual(failedChecks(await verify([...start, speak(holder), speak(renewed)])), []);
  const ends: readonly (readonly [Draft, string])[] = [
    [draft(ca.actor, 'participant.revoked', { handle, reason: 'keyCompromise' }), 'revoked'],
    [
      draft(ca.actor, 'key.rotated', {
        key: 'participant',
        handle,
        certificate: next.der.toString('base64'),
      }),
      'rotated away',
    ],
  ];
  for (const [ending, how] of ends) {
    for (const who of [holder, renewed]) {
      const failure = failureOf(await verify([...start, submit(ca, [ending]), speak(who)]), 'submissions');
      assert.deepEqual([failure?.leaf, failure?.rule], [10, `the actor’s certificate was ${how}`]);
    }
  }
  const other = await makeHolder(ca, 'Test authority', 'clinic');
  const swapped = await verify([...start, renewal(cast, handle, other)]);
  assert.equal(failureOf(swapped, 'submissions')?.rule, 'it certifies another key');
});

test('a patient’s certificates are hidden: renewed and rotated by commitments, by authority or instance, while enrolled', async () => {
  const { ca, instance } = cast;
  const patient = random32();
  const { handle, enrolled } = await organisation();
  const outsider = await makeHolder(ca, 'Test authority', 'payer');
  const act = (who: Holder, type: 'participant.renewed' | 'key.rotated', whose = patient): Submission => {
    const body = { handle: whose, commitment: random32() };
    const more = type === 'key.rotated' ? { key: 'participant' } : {};
    return submit(who, [draft(who.actor, type, { ...more, ...body })]);
  };
  const admitted = { handle: patient, group: 'patient', commitment: random32() };
  const start = [
    genesis(cast),
    submit(ca, [enrolled, draft(ca.actor, 'participant.enrolled', admitted)]),
    enrol(ca, outsider),
  ];
  for (const who of [ca, instance])
    for (const type of ['participant.renewed', 'key.rotated'] as const)
      assert.deepEqual(failedChecks(await verify([...start, act(who, type), act(who, type)])), []);
  const broken: readonly (readonly [Submission, string])[] = [
    [act(outsider, 'participant.renewed'), 'a certificate is not renewed by an authority'],
    [act(outsider, 'key.rotated'), 'a key is not rotated by an authority'],
    [act(ca, 'participant.renewed', handle), 'an organisation is renewed without its certificate'],
    [act(ca, 'key.rotated', handle), 'an organisation’s new certificate is not shown'],
  ];
  for (const [submission, rule] of broken)
    assert.equal(failureOf(await verify([...start, submission]), 'submissions')?.rule, rule);
  const ended = submit(ca, [
    draft(ca.actor, 'participant.revoked', { handle: patient, reason: 'unspecified' }),
  ]);
  const after = await verify([...start, ended, act(ca, 'participant.renewed')]);
  assert.equal(failureOf(after, 'sequence')?.rule, 'it renews no participant');
});

test('a key that was revoked or rotated away is never certified again', async () => {
  const { ca } = cast;
  const { handle, holder, enrolled } = await organisation();
  const anew = (): Promise<Holder> =>
    makeHolder(ca, 'Test authority', 'clinic', undefined, false, holder.seed);
  const next = await makeHolder(ca, 'Test authority', 'clinic');
  const rotatedTo = ({ der }: Holder): Submission =>
    submit(ca, [
      draft(ca.actor, 'key.rotated', { key: 'participant', handle, certificate: der.toString('base64') }),
    ]);
  const revoked = submit(ca, [draft(ca.actor, 'participant.revoked', { handle, reason: 'unspecified' })]);
  const start = [genesis(cast), submit(ca, [enrolled])];
  const rule = 'the certificate’s key was revoked or rotated away';
  const logs = [
    [rotatedTo(next), rotatedTo(await anew())],
    [rotatedTo(next), renewal(cast, handle, await anew())],
    [rotatedTo(next), submit(ca, [enrolment(ca, 'payer', await anew())])],
    [revoked, submit(ca, [enrolment(ca, 'provider', await anew())])],
  ];
  for (const log of logs) {
    const failure = failureOf(await verify([...start, ...log]), 'submissions');
    assert.deepEqual([failure?.leaf, failure?.rule], [9, rule]);
  }
  const failure = failureOf(await verify([...start, rotatedTo(await anew())]), 'submissions');
  assert.deepEqual([failure?.leaf, failure?.rule], [7, 'it certifies the same key']);
});

test('a revoked authority signs and issues nothing any more; what it issued before stands', async () => {
  const { ca } = cast;
  const issuing = await makeHolder(ca, 'Test authority', 'Issuing', undefined, true);
  const [older, newer] = [
    await makeHolder(issuing, 'Issuing', 'before'),
    await makeHolder(issuing, 'Issuing', 'after'),
  ];
  const authority = enrolment(ca, 'ca', issuing);
  const { handle } = authority.body;
  const revoking = (who: Holder): Draft =>
    draft(who.actor, 'participant.revoked', { handle: handle ?? '', reason: 'cACompromise' });
  const start = [genesis(cast), submit(ca, [authority]), enrol(issuing, older)];
  const run = async (more: readonly Submission[], leaf?: number, rule?: string): Promise<void> => {
    const failure = failureOf(await verify([...start, ...more]), 'submissions');
    assert.deepEqual([failure?.leaf, failure?.rule], [leaf, rule]);
  };
  const revoked = submit(ca, [revoking(ca)]);
  await run([enrol(issuing, newer), enrol(ca, await makeHolder(ca, 'Test authority', 'more')), revoked]);
  await run([revoked, speak(older)]);
  await run([revoked, enrol(issuing, newer)], 10, 'the actor’s certificate was revoked');
  await run([revoked, enrol(ca, newer)], 11, 'the authority that issued the certificate was revoked');
  // It may revoke itself, as the last thing that it says.
  await run([submit(issuing, [revoking(issuing)])]);
  const more = enrolment(issuing, 'payer', newer);
  const [said, rule] = [submit(issuing, [revoking(issuing), more]), 'the actor’s certificate was revoked'];
  await run([said], 10, rule);
});

test('a rotation of the log’s key names two keys of this log', async () => {
  const key = logKey();
  const small = Buffer.concat([Buffer.of(1, 1), Buffer.alloc(31)]).toString('base64');
  const others = [
    key.replace(ORIGIN, 'firebreak.test/other'),
    encodeVkey('firebreak.test/other', publicKey(generateSeed())),
    key.replace(/\+[0-9a-f]{8}\+/, '+00000000+'),
    `${ORIGIN}+00000000+${small}`,
  ];
  for (const other of others) {
    for (const entry of [rotated(key, other), rotated(other, key)]) {
      const failure = failureOf(await verify([genesis(cast), submit(cast.instance, [entry])]), 'submissions');
      assert.deepEqual([failure?.leaf, failure?.rule], [5, 'it names what is no key of this log']);
    }
  }
});

test('why a patient is revoked is said as far as it is about the key, and no further', async () => {
  const handle = random32();
  const enrolled = by('participant.enrolled', { handle, group: 'patient', commitment: random32() });
  const reasons = {
    unspecified: true,
    keyCompromise: true,
    superseded: true,
    affiliationChanged: false,
    cessationOfOperation: false,
    privilegeWithdrawn: false,
    cACompromise: false,
    aACompromise: false,
  };
  for (const [reason, isGood] of Object.entries(reasons)) {
    const revoked = by('participant.revoked', { handle, reason });
    const report = await verify([genesis(cast), submit(cast.instance, [enrolled, revoked])]);
    const failure = failureOf(report, 'submissions');
    const expected = isGood ? [undefined, undefined] : [6, 'a patient’s revocation says why, beyond the key'];
    assert.deepEqual([reason, failure?.leaf, failure?.rule], [reason, ...expected]);
  }
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

const entry = (type: EntryType, body: JsonObject): unknown => ({
  ...draft(cast.instance.actor, type, body),
  at: 5,
});

/** The rule that a body breaks; empty for a good one. */
const rule = (type: EntryType, body: JsonObject): string => {
  const form = checkEntryForm(entry(type, body));
  return form.ok ? '' : form.rule;
};

/** Where an error of a body may lie, beside the member: in the set of members, or in which of several ways it looks. */
const WHOLE = /^(additionalProperties|oneOf)$/;

test('every type has a schema, which takes its bodies and none with a member more, less or malformed', () => {
  const tried = new Set<EntryType>();
  for (const [type, body] of bodies()) {
    tried.add(type);
    const whole = { ...draft(cast.instance.actor, type, body), at: 5 };
    assert.deepEqual(checkEntryForm(parseCanonical(entryBytes(whole))), { ok: true, entry: whole });
    assert.equal(rule(type, { ...body, extra: 1 }), `schema ${type}: additionalProperties`);
    for (const [name, value] of Object.entries(body)) {
      const wrong = [true, [], {}, typeof value === 'string' ? 5 : '5', typeof value === 'string' ? '' : 0.5];
      for (const other of wrong) {
        const said = rule(type, { ...body, [name]: other });
        const [schema, found = ''] = said.split(': ');
        assert.equal(schema, `schema ${type}`, `${type} ${name}`);
        assert.ok(found.startsWith(`/${name} `) || WHOLE.test(found), `${said}, not at ${name}`);
      }
      const { [name]: _, ...less } = body;
      // A participant's key comes with either of two: which one is missing cannot be told.
      const either = type === 'key.rotated' && (name === 'certificate' || name === 'commitment');
      const missing = either ? 'certificate' : name;
      const expected = OPTIONAL.has(name) ? '' : `schema ${type}: /${missing} required`;
      assert.equal(rule(type, less), expected);
    }
  }
  assert.deepEqual([...tried].toSorted(), [...entrySchemas.keys()].toSorted());
  const envelope = envelopeSchema as unknown as { properties: { type: { enum: string[] } } };
  assert.deepEqual(envelope.properties.type.enum.toSorted(), [...tried].toSorted());
  for (const type of tried) assert.ok(schemaFiles.has(`schemas/${type}.json`));
  const words = [
    ['access.decided', 'by', 'hospital'],
    ['access.decided', 'outcome', 'maybe'],
    ['participant.revoked', 'reason', 'removeFromCRL'],
    ['participant.revoked', 'reason', 'certificateHold'],
  ] as const;
  for (const [type, name, word] of words) {
    const body = bodies().find(([each]) => each === type)?.[1];
    assert.equal(rule(type, { ...body, [name]: word }), `schema ${type}: /${name} enum`);
  }
});

test('no body has room for free text, save the names of organisations and of the log', () => {
  const free: string[] = [];
  const walk = (name: string, schema: object): void => {
    for (const [key, value] of Object.entries(schema)) {
      if (typeof value !== 'object' || value === null) continue;
      const { type, pattern, additionalProperties } = value as Record<string, unknown>;
      if (type === 'string' && pattern === undefined) free.push(`${name} ${key}`);
      if (type === 'object' && additionalProperties !== false && !('oneOf' in value))
        free.push(`${name} ${key}`);
      walk(name, value as object);
    }
  };
  for (const [type, schema] of entrySchemas) walk(type, schema);
  assert.deepEqual(free, ['participant.enrolled name', 'submission origin']);
});
