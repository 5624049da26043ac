import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { entrySchemas } from '../../../ledger/log/index.js';
import type { Draft, EntryType, Submission } from '../../../ledger/log/index.js';
import { verifyLog } from '../../../ledger/verify/index.js';
import type { VerifyReport } from '../../../ledger/verify/index.js';
import { draft, enrolment, genesis, makeHolder, random32, submit, theCast } from '../log/fixture.js';
import type { Cast } from '../log/fixture.js';
import { openBench } from '../state/support.js';
import type { MapBench } from '../state/support.js';
import { failedChecks, failureOf, leavesOf, publish, readerOf, VKEY } from './published-log.js';
import { diceOf, RandomLog } from './random-log.js';

let cast: Cast;
before(async () => {
  cast = await theCast();
});

function verify(submissions: readonly Submission[]): Promise<VerifyReport> {
  return verifyLog(readerOf(publish(leavesOf(submissions))), { vkeys: [VKEY] });
}

/** A legal log of so many submissions; with a map beside it, each tenth is an anchor of what the map says. */
async function legalLog(seed: number, count: number, bench?: MapBench): Promise<Submission[]> {
  const dice = diceOf(seed);
  const log = new RandomLog(cast, dice);
  const submissions: Submission[] = [];
  const add = async (made: Submission): Promise<void> => {
    submissions.push(made);
    await bench?.append([made.leaf, ...made.drafts]);
  };
  await add(genesis(cast));
  for (let i = 1; i < count; i++) {
    if (bench !== undefined && i % 10 === 0) {
      const { size, root, keys } = bench.map.present();
      const body = { size, keys, root: root.toString('base64url') };
      await add(submit(cast.instance, [draft(cast.instance.actor, 'state.anchored', body)]));
      continue;
    }
    const signer = dice(5) === 0 ? 'ca' : 'instance';
    await add(submit(cast[signer], await log.next(1 + dice(40), signer)));
  }
  return submissions;
}

test('random legal logs of all types verify, and both state maps agree at each anchor', async (context) => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 4; seed++) {
    const bench = await openBench(context, { pendingMax: 50 });
    const report = await verify(await legalLog(seed * 7919, 61, bench));
    assert.deepEqual([seed, failedChecks(report)], [seed, []], JSON.stringify(report.checks));
    assert.equal(report.checks.find(({ name }) => name === 'state')?.checked, 6);
    for (const type of Object.keys(report.countsByType)) seen.add(type);
  }
  assert.deepEqual([...seen].toSorted(), [...entrySchemas.keys()].toSorted());
});

test('going on from a state after any submission judges what comes as a verification of the whole does', async () => {
  const submissions = await legalLog(32_452_843, 16);
  const revoked = placed(submissions).findLast(({ entry }) => entry.type === 'participant.revoked');
  assert.ok(revoked !== undefined);
  const whole = [...submissions, again(revoked.entry)];
  const expected = await verify(whole);
  assert.ok(failedChecks(expected).includes('sequence'));
  const files = readerOf(publish(leavesOf(whole)));
  for (let i = 0; i <= submissions.length; i++) {
    let state: Buffer | undefined;
    const until = readerOf(publish(leavesOf(submissions.slice(0, i))));
    await verifyLog(until, { vkeys: [VKEY], onState: (parts) => (state = Buffer.concat(parts)) });
    assert.ok(state !== undefined);
    const report = await verifyLog(files, { vkeys: [VKEY], state });
    assert.deepEqual([i, failedChecks(report)], [i, failedChecks(expected)]);
    assert.deepEqual(failureOf(report, 'sequence'), failureOf(expected, 'sequence'));
  }
});

test('a state remembers what was revoked or rotated away: signers, keys, authorities', async () => {
  const { ca } = cast;
  const issuing = await makeHolder(ca, 'Test authority', 'Issuing', undefined, true);
  const clinic = await makeHolder(ca, 'Test authority', 'clinic');
  const anew = await makeHolder(ca, 'Test authority', 'clinic', undefined, false, clinic.seed);
  const below = await makeHolder(issuing, 'Issuing', 'below');
  const enrolled = [enrolment(ca, 'ca', issuing), enrolment(ca, 'payer', clinic)];
  const revoked = enrolled.map(({ body }) =>
    draft(ca.actor, 'participant.revoked', { handle: body['handle'] ?? '', reason: 'keyCompromise' }),
  );
  const earlier = [genesis(cast), submit(ca, enrolled), submit(ca, revoked)];
  let state: Buffer | undefined;
  await verifyLog(readerOf(publish(leavesOf(earlier))), {
    vkeys: [VKEY],
    onState: (parts) => (state = Buffer.concat(parts)),
  });
  assert.ok(state !== undefined);
  const bare = { handle: random32(), commitment: random32() };
  const cases = [
    [submit(clinic, [draft(clinic.actor, 'access.requested', bare)]), 'the actor’s certificate was revoked'],
    [submit(ca, [enrolment(ca, 'payer', anew)]), 'the certificate’s key was revoked or rotated away'],
    [submit(ca, [enrolment(ca, 'payer', below)]), 'the authority that issued the certificate was revoked'],
  ] as const;
  for (const [bad, rule] of cases) {
    const files = readerOf(publish(leavesOf([...earlier, bad])));
    const report = await verifyLog(files, { vkeys: [VKEY], state });
    assert.equal(failureOf(report, 'submissions')?.rule, rule);
  }
});

/** Leaves of each draft. */
function placed(submissions: readonly Submission[]): { leaf: number; entry: Draft; submission: number }[] {
  let leaf = 0;
  return submissions.flatMap(({ drafts }, submission) => {
    leaf += 1;
    return drafts.map((entry) => ({ leaf: leaf++, entry, submission }));
  });
}

/** The one who may sign it. */
function again(entry: Draft): Submission {
  const who = entry.actor === cast.ca.actor ? cast.ca : cast.instance;
  return submit(who, [{ ...entry, tags: [], nonce: random32() }]);
}

test('what begins or ends something is refused the second time, wherever it comes again', async () => {
  const once = new Set<EntryType>(entrySchemas.keys());
  // A key may be rotated, a certificate renewed and a merge made again; an anchor names no handle.
  for (const type of [
    'key.rotated',
    'participant.renewed',
    'record.merged',
    'record.unmerged',
    'state.anchored',
  ] as const)
    once.delete(type);
  for (let seed = 1; seed <= 2; seed++) {
    const submissions = await legalLog(seed * 104_729, 20);
    const size = placed(submissions).length + submissions.length;
    const byType = new Map(placed(submissions).map(({ entry }) => [entry.type, entry]));
    for (const [type, entry] of byType) {
      if (!once.has(type)) continue;
      const report = await verify([...submissions, again(entry)]);
      const failed = failedChecks(report);
      assert.ok(failed.includes('sequence'), `${seed} ${type}: ${failed.join(' ')}`);
      assert.equal(failureOf(report, 'sequence')?.leaf, size + 1, `${seed} ${type}`);
    }
  }
});

/** Types whose handle names what was there before. */
const NAMING: ReadonlySet<EntryType> = new Set<EntryType>([
  'participant.renewed',
  'participant.revoked',
  'representative.ended',
  'consent.withdrawn',
  'access.decided',
  'record.deleted',
  'record.unmerged',
  'record.erased',
]);

/** Handles that an entry wants to exist. */
function wants({ type, body }: Draft): unknown[] {
  const { handle, by, model, replaces, key } = body;
  if (type === 'record.superseded') return [handle, by];
  if (type === 'score.issued') return [model];
  if (type === 'consent.signed') return [replaces];
  if (type === 'key.rotated') return key === 'participant' ? [handle] : [];
  return NAMING.has(type) ? [handle] : [];
}

test('without what it refers to, the first entry that refers to it is refused', async () => {
  for (let seed = 1; seed <= 2; seed++) {
    const submissions = await legalLog(seed * 15_485_863, 20);
    const all = placed(submissions);
    const tried = new Map<string, number>();
    for (const { leaf, entry, submission } of all) {
      const { handle } = entry.body;
      const isMade = handle !== undefined && !wants(entry).includes(handle);
      const first = all.find((later) => later.leaf > leaf && wants(later.entry).includes(handle));
      const name = `${entry.type} before ${first?.entry.type}`;
      if (!isMade || first === undefined || (tried.get(name) ?? 0) > 0) continue;
      tried.set(name, 1);
      const less = submissions.flatMap((each, i) => {
        if (i !== submission) return [each];
        const drafts = each.drafts.filter((one) => one !== entry);
        const who = each.leaf.actor === cast.ca.actor ? cast.ca : cast.instance;
        return drafts.length === 0 ? [] : [submit(who, drafts)];
      });
      const gone = less.length < submissions.length ? 2 : 1;
      const failure = failureOf(await verify(less), 'sequence');
      assert.equal(failure?.leaf, first.leaf - gone, `${seed} ${name}: ${failure?.rule}`);
    }
    assert.ok(tried.size >= 8, [...tried.keys()].join(', '));
  }
});
