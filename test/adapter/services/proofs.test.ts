/** Making proof files: who is shown what, and what it leaves on the log. */
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import { nodeProofCrypto } from '../../../adapter/services/proof-crypto.js';
import { checkProof, proofTrust } from '../../../ledger/proofs/index.js';
import type { ProofVerdict } from '../../../ledger/proofs/index.js';
import { prove } from '../../../adapter/services/proofs/index.js';
import type { ProveArgs } from '../../../adapter/services/proofs/index.js';
import { makeCsr } from '../../../ledger/participants/index.js';
import { generateSeed } from '../../../ledger/log/index.js';
import { generateX25519, x25519PublicKey } from '../../../ledger/vault/index.js';
import { failedChecks, push, readLog, sign, typesSince } from '../support/bench.js';
import { heartRate } from '../support/resources.js';
import { openProofBench } from '../../support/proof-files.js';
import type { ProofBench } from '../../support/proof-files.js';

let from: ProofBench;
before(async () => {
  from = await openProofBench();
});
after(() => from.close());

function size(): number {
  return from.bench.instance.engine.head().size;
}

async function verdictOf(args: ProveArgs): Promise<ProofVerdict & { ok: true }> {
  const verdict = checkProof(await from.prove(args), proofTrust(from.trust, nodeProofCrypto));
  assert.ok(verdict.ok);
  return verdict;
}

const PATIENT = 'Patient/a';

test('what is public needs no leave; what is the patient’s leaves a receipt to the patient first', async () => {
  const { inForce, withdrawn, disclosure, wallet } = from;
  const { instance } = from.bench;
  const open: readonly ProveArgs[] = [
    { what: 'record', record: 'Observation/a1' },
    { what: 'consent', handle: inForce },
    { what: 'withdrawal', handle: withdrawn },
    { what: 'absent', of: 'tag', name: randomBytes(32).toString('base64url') },
    { what: 'participant', handle: instance.organisation.participant },
  ];
  for (const args of open) {
    const sizeBefore = size();
    await from.prove(args);
    const types = await typesSince(instance, sizeBefore);
    assert.ok(
      types.every((type) => type === 'state.anchored'),
      `${args.what}: ${types.join()}`,
    );
  }
  const shown: readonly ProveArgs[] = [
    { what: 'consent', handle: inForce, open: true },
    { what: 'withdrawal', handle: withdrawn, open: true },
    { what: 'disclosure', handle: disclosure },
    { what: 'participant', handle: wallet.enrolled.participant },
    { what: 'entries', patient: PATIENT },
    { what: 'denial', patient: PATIENT, actor: ['Organization/x'], purpose: 'HMARKT', action: 'disclose' },
  ];
  for (const args of shown) {
    const sizeBefore = size();
    await from.prove(args);
    const types = (await typesSince(instance, sizeBefore)).filter((type) => type !== 'state.anchored');
    assert.deepEqual(types, ['disclosure'], args.what);
  }
  assert.deepEqual(await failedChecks(instance), []);
});

test('the receipt says to whom, and can be proved itself', async () => {
  const sizeBefore = size();
  await from.prove({ what: 'consent', handle: from.inForce, open: true });
  const list = await verdictOf({ what: 'entries', patient: from.wallet.enrolled.patient.reference });
  assert.ok(list.kind === 'entries');
  const receipt = list.entries.find(({ index, type }) => index >= sizeBefore && type === 'disclosure');
  assert.ok(receipt !== undefined);
  const { instance } = from.bench;
  const handle = await handleAt(receipt.index);
  const verdict = await verdictOf({ what: 'disclosure', handle });
  assert.ok(verdict.kind === 'disclosure');
  assert.deepEqual(verdict.statement, {
    kind: 'disclosure',
    handle,
    to: from.wallet.enrolled.patient.reference,
    purpose: 'PATRQT',
  });
  const said = JSON.parse(Buffer.from(verdict.receipt).toString('utf8')) as Record<string, unknown>;
  assert.equal(said['consent'], from.inForce);
  assert.equal(verdict.receivedFrom.id, instance.organisation.id);
});

async function handleAt(index: number): Promise<string> {
  const entry = (await readLog(from.bench.instance))[index];
  return String(entry?.body['handle']);
}

test('the list grows with the log, its own receipt included', async () => {
  const first = await verdictOf({ what: 'entries', patient: PATIENT });
  await push(from.bench, heartRate('a2', 'a', 71));
  const second = await verdictOf({ what: 'entries', patient: PATIENT });
  assert.ok(first.kind === 'entries' && second.kind === 'entries');
  assert.deepEqual(
    second.entries.slice(first.entries.length).map(({ type }) => type),
    ['record.stored', 'disclosure'],
  );
  assert.deepEqual(second.entries.slice(0, first.entries.length), first.entries);
  assert.equal(first.tagKey, second.tagKey);
});

test('names that are none, and what is not kept', async () => {
  const unknown = randomBytes(32).toString('base64url');
  const rows: readonly (readonly [string, ProveArgs])[] = [
    ['ADAPTER_USAGE', { what: 'consent', handle: 'x' }],
    ['ADAPTER_USAGE', { what: 'absent', of: 'tag', name: `${unknown}A` }],
    ['ADAPTER_USAGE', { what: 'participant', handle: unknown.slice(1) }],
    ['ADAPTER_USAGE', { what: 'participant', handle: from.wallet.enrolled.participant, leaf: 1e9 }],
    ['ADAPTER_USAGE', { what: 'participant', handle: from.wallet.enrolled.participant, leaf: -1 }],
    ['ADAPTER_USAGE', { what: 'denial', patient: PATIENT, actor: [], purpose: 'TREAT' }],
    ['ADAPTER_USAGE', { what: 'denial', patient: PATIENT, actor: ['x'], purpose: 'TREAT', action: 'read' }],
    ['ADAPTER_USAGE', { what: 'nothing' } as unknown as ProveArgs],
    ['ADAPTER_NOT_FOUND', { what: 'consent', handle: unknown }],
    ['ADAPTER_NOT_FOUND', { what: 'consent', handle: unknown, open: true }],
    ['ADAPTER_NOT_FOUND', { what: 'withdrawal', handle: from.inForce }],
    ['ADAPTER_NOT_FOUND', { what: 'withdrawal', handle: from.inForce, open: true }],
    ['ADAPTER_NOT_FOUND', { what: 'disclosure', handle: from.inForce }],
    ['ADAPTER_NOT_FOUND', { what: 'participant', handle: unknown }],
    // Before it was enrolled.
    ['ADAPTER_NOT_FOUND', { what: 'participant', handle: from.wallet.enrolled.participant, leaf: 0 }],
    ['ADAPTER_NOT_FOUND', { what: 'entries', patient: 'Patient/nobody' }],
    ['ADAPTER_NOT_FOUND', { what: 'entries', patient: 'a', source: 'elsewhere' }],
  ];
  for (const [code, args] of rows) {
    const sizeBefore = size();
    await assert.rejects(prove(from.bench.instance, args), { code }, JSON.stringify(args));
    const types = (await typesSince(from.bench.instance, sizeBefore)).filter(
      (type) => type !== 'state.anchored',
    );
    // Whether the patient was enrolled by then is told by the anchors, behind the receipt.
    const isLate = args.what === 'participant' && args.leaf === 0;
    assert.deepEqual(types, isLate ? ['disclosure'] : [], JSON.stringify(args));
  }
});

test('a patient without a wallet is nobody whom a list could be handed to', async () => {
  const { instance, source } = from.bench;
  await instance.subjects.ensure(source.id, 'silent');
  await assert.rejects(prove(instance, { what: 'entries', patient: 'silent' }), {
    code: 'ADAPTER_FORBIDDEN',
  });
});

test('a certificate is shown at the leaves where it held, also after it was renewed and revoked', async () => {
  const { instance } = from.bench;
  const { appender, authority, authoritySigner } = instance;
  const handle = randomBytes(32).toString('base64url');
  const certificate = async (): Promise<string> => {
    const csr = await makeCsr({ seed: generateSeed(), x25519Public: x25519PublicKey(generateX25519()) });
    const now = instance.nowMs();
    const { der } = await authority.issue({
      csr: csr.pem,
      id: 'p-other',
      organisation: 'Other Hospital',
      group: 'provider',
      role: 'organisation',
      notBefore: Math.floor(now / 1000) * 1000,
      notAfter: now + 86_400_000,
    });
    return der.toString('base64');
  };
  const append = async (
    type: 'participant.enrolled' | 'participant.renewed' | 'participant.revoked',
    more: Record<string, string>,
  ): Promise<number> => {
    const { leaves } = await appender.appendControl({ signer: authoritySigner }, () => ({
      drafts: [{ type, body: { handle, ...more } }],
      writes: [],
      value: undefined,
    }));
    return leaves[0] ?? assert.fail('no leaf');
  };
  const first = await certificate();
  const second = await certificate();
  const enrolled = await append('participant.enrolled', {
    group: 'provider',
    name: 'Other Hospital',
    certificate: first,
  });
  await instance.anchorState();
  const renewed = await append('participant.renewed', { certificate: second });
  await instance.anchorState();
  const revoked = await append('participant.revoked', { reason: 'cessationOfOperation' });
  const at = async (leaf: number): Promise<number> => {
    const verdict = await verdictOf({ what: 'participant', handle, leaf });
    assert.ok(verdict.kind === 'participant');
    assert.equal(verdict.participant.organisation, 'Other Hospital');
    return verdict.since;
  };
  assert.equal(await at(enrolled), enrolled);
  assert.equal(await at(renewed), renewed);
  // Before it, after it, and where no anchor stands between the leaf and the renewal.
  for (const leaf of [enrolled - 1, revoked, renewed - 1]) {
    await assert.rejects(prove(instance, { what: 'participant', handle, leaf }), {
      code: 'ADAPTER_NOT_FOUND',
    });
  }
});

test('what held at an anchor is proved long after the map has let go of it', async () => {
  const bench = await openProofBench();
  const { instance } = bench.bench;
  try {
    const judged = async (args: ProveArgs): Promise<string> => {
      const verdict = checkProof(await bench.prove(args), proofTrust(bench.trust, nodeProofCrypto));
      assert.ok(verdict.ok);
      return verdict.kind;
    };
    const choices = {
      identifier: randomUUID(),
      purpose: 'HRESCH',
      actions: ['use'],
      actor: bench.wallet.enrolled.instance.reference,
    };
    const yesterday = new Date(Date.now() - 60_000).toISOString();
    await sign(bench.bench, bench.wallet, { ...choices, dateTime: yesterday });
    const signed = (await readLog(instance)).findLast(({ type }) => type === 'consent.signed');
    const handle = String(signed?.body['handle']);
    const then = await instance.anchorState();
    await sign(bench.bench, bench.wallet, { ...choices, status: 'inactive' });
    const afterwards = await instance.anchorState();
    for (let i = 0; i < 40; i++) {
      await push(bench.bench, heartRate(`o${i}`, 'a', 60));
      await instance.anchorState();
    }
    assert.ok(instance.state.anchors.every(({ size: kept }) => kept > afterwards.size));
    assert.equal(await judged({ what: 'consent', handle, size: then.size }), 'consent');
    assert.deepEqual(await prove(instance, { what: 'consent', handle, size: afterwards.size }), {
      proved: false,
      code: 'consent-not-active',
    });
    // Each waits for the other's state to be built, and gets its own.
    const unknown = randomBytes(32).toString('base64url');
    const both = [
      judged({ what: 'absent', of: 'consent', name: unknown, size: then.size }),
      judged({ what: 'consent', handle, size: then.size, open: true }),
    ];
    assert.deepEqual(await Promise.all(both), ['absent', 'consent']);
    const { participant } = bench.wallet.enrolled;
    assert.equal(
      await judged({ what: 'participant', handle: participant, leaf: then.size - 1 }),
      'participant',
    );
    for (const none of [then.size + 1, -1, 0.5, 1e12]) {
      await assert.rejects(prove(instance, { what: 'consent', handle, size: none }), {
        code: 'ADAPTER_NOT_FOUND',
      });
    }
    assert.deepEqual(
      readdirSync(tmpdir()).filter((name) => name.startsWith('firebreak-state-')),
      [],
    );
  } finally {
    await bench.close();
  }
});
