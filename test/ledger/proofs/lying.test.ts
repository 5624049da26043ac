/** What an operator who signs anything cannot make a check believe, and what only auditors can tell. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { checkProof, proofTrust, writeProof } from '../../../ledger/proofs/index.js';
import type {
  DenialProof,
  DenialRequest,
  Opening,
  Proof,
  ProofTrust,
  ProofVerdict,
} from '../../../ledger/proofs/index.js';
import { commitmentOf, tag } from '../../../ledger/vault/index.js';
import { readConsentDocument } from '../../../mappings/index.js';
import { nodeProofCrypto } from '../../../adapter/services/proof-crypto.js';
import { consentFor, signedBundle } from '../../support/wallet.js';
import type { ConsentChoices, Wallet } from '../../support/wallet.js';
import { AT_MS, lyingCast } from './lying-log.js';
import type { LyingCast, LyingEntry, LyingLog } from './lying-log.js';

function name(): string {
  return randomBytes(32).toString('base64url');
}

function trustOf({ trust }: LyingCast): ProofTrust {
  return proofTrust({ ...trust, readConsent: readConsentDocument }, nodeProofCrypto);
}

function check(cast: LyingCast, proof: Proof): ProofVerdict {
  return checkProof(
    writeProof(proof, (bytes) => Buffer.from(bytes).toString('base64url')),
    trustOf(cast),
  );
}

function codeOf(verdict: ProofVerdict): string {
  return verdict.ok ? 'ok' : verdict.code;
}

function shared({ checkpoint, certificates, anchor, size }: LyingLog): {
  checkpoint: string;
  certificates: readonly Buffer[];
  anchor: LyingLog['anchor'];
  size: number;
} {
  return { checkpoint, certificates, anchor, size };
}

const COMMITMENT = name();

function signed(handle: string, start: number | null, end: number | null): LyingEntry {
  return { type: 'consent.signed', body: { handle, start, end, commitment: COMMITMENT } };
}

test('a consent is in force from the first to the last millisecond of its time', async (context) => {
  const cast = await lyingCast(context);
  const rows: readonly (readonly [string, number | null, number | null])[] = [
    ['ok', null, null],
    ['ok', AT_MS, AT_MS],
    ['ok', AT_MS - 1, null],
    ['consent-not-valid', null, AT_MS - 1],
    ['consent-not-valid', AT_MS + 1, null],
  ];
  for (const [code, start, end] of rows) {
    const handle = name();
    const log = await cast.log([signed(handle, start, end)]);
    const state = { statement: log.statement('consent', handle), proof: log.prove('consent', handle) };
    assert.equal(codeOf(check(cast, { kind: 'consent', handle, ...shared(log), state })), code);
  }
});

test('a consent that was replaced is not in force', async (context) => {
  const cast = await lyingCast(context);
  const [old, next] = [name(), name()];
  const replaced = { ...signed(next, null, null) };
  const body = { ...replaced.body, replaces: old };
  const log = await cast.log([signed(old, null, null), { ...replaced, body }]);
  for (const [handle, code] of [
    [old, 'consent-not-active'],
    [next, 'ok'],
  ] as const) {
    const state = { statement: log.statement('consent', handle), proof: log.prove('consent', handle) };
    assert.equal(codeOf(check(cast, { kind: 'consent', handle, ...shared(log), state })), code);
  }
});

test('a participant is who the map last named, and not revoked', async (context) => {
  const cast = await lyingCast(context);
  const [hospital, gone, patient] = [name(), name(), name()];
  const salt = randomBytes(32);
  const enrolled = (handle: string): LyingEntry => ({
    type: 'participant.enrolled',
    body: { handle, group: 'provider', name: 'x', certificate: cast.operator.certificate.toString('base64') },
  });
  const log = await cast.log([
    enrolled(hospital),
    enrolled(gone),
    {
      type: 'participant.enrolled',
      body: {
        handle: patient,
        group: 'patient',
        commitment: commitmentOf(salt, cast.patient.certificate).toString('base64url'),
      },
    },
    { type: 'participant.revoked', body: { handle: gone, reason: 'keyCompromise' } },
  ]);
  const proofOf = (handle: string, certificate: string, leaf = log.size - 1): Proof => ({
    kind: 'participant',
    handle,
    certificate,
    leaf,
    ...shared(log),
    at: log.leaf(leaf - 1),
    state: { statement: log.statement('participant', handle), proof: log.prove('participant', handle) },
  });
  const { operator } = cast;
  const whole = [...log.certificates, cast.patient.certificate];
  const ofPatient = { ...proofOf(patient, cast.patient.fingerprint), certificates: whole } as Proof;
  assert.equal(codeOf(check(cast, proofOf(hospital, operator.fingerprint))), 'ok');
  assert.equal(codeOf(check(cast, proofOf(gone, operator.fingerprint))), 'participant-revoked');
  // At leaf 2 it was enrolled; that it was not revoked there is not what this anchor shows.
  assert.equal(codeOf(check(cast, proofOf(gone, operator.fingerprint, 2))), 'participant-revoked');
  assert.equal(codeOf(check(cast, { ...ofPatient, salt } as Proof)), 'ok');
  assert.equal(codeOf(check(cast, ofPatient)), 'opening-commitment');
  assert.equal(
    codeOf(check(cast, { ...ofPatient, salt, certificate: operator.fingerprint } as Proof)),
    'opening-commitment',
  );
  assert.equal(codeOf(check(cast, { ...ofPatient, handle: hospital } as Proof)).startsWith('state-'), true);
  const other = { ...proofOf(hospital, cast.patient.fingerprint), certificates: whole } as Proof;
  assert.equal(codeOf(check(cast, other)), 'certificate-mismatch');
});

test('a list is of the entries that bear its tags; what the map leaves out auditors must tell', async (context) => {
  const cast = await lyingCast(context);
  const tagKey = randomBytes(32);
  const bearing = (...tags: number[]): LyingEntry => ({
    type: 'record.stored',
    body: { handle: name() },
    tags: tags.map((i) => tag(tagKey, i)),
  });
  const listed = async (
    count: number,
    entries: readonly LyingEntry[],
    of: readonly number[],
    inMap = entries,
  ): Promise<string> => {
    const log = await cast.log(entries, inMap);
    return codeOf(check(cast, { kind: 'entries', ...shared(log), ...log.list(tagKey, count, of) }));
  };
  assert.equal(await listed(0, [bearing()], []), 'ok');
  assert.equal(await listed(2, [bearing(0), bearing(), bearing(1)], [0, 2]), 'ok');
  // The order of the tags need not be that of the log, and one entry may bear two.
  assert.equal(await listed(3, [bearing(2, 1), bearing(0)], [0, 1]), 'ok');
  assert.equal(await listed(2, [bearing(0), bearing(), bearing(1)], [0, 1]), 'entries-missing');
  assert.equal(await listed(2, [bearing(0, 1), bearing()], [0, 1]), 'entries-stray');
  assert.equal(await listed(1, [bearing(0), bearing(1)], [0]), 'state-present');
  assert.equal(await listed(2, [bearing(0), bearing(2)], [0, 1]), 'state-absent');
  assert.equal(await listed(1, [bearing()], [0], [bearing(0)]), 'entries-tag');
  // A tag on the log that the map does not have: the file alone cannot show it.
  assert.equal(await listed(1, [bearing(0), bearing(1)], [0], [bearing(0), bearing()]), 'ok');
});

const IDENTIFIER = '3f0c7a52-6f4c-4d6e-9b55-6a4f1f2f7d10';
const HOSPITAL = 'Organization/hospital';
const REQUEST: DenialRequest = {
  actor: { references: [HOSPITAL] },
  action: 'access',
  purposes: ['http://terminology.hl7.org/CodeSystem/v3-ActReason|TREAT'],
  resource: {
    type: 'Observation',
    classes: ['http://hl7.org/fhir/resource-types|Observation'],
    codes: [],
    labels: undefined,
  },
};

type Signer = LyingCast['patient'];

interface Told {
  readonly type: 'consent.signed' | 'consent.withdrawn';
  readonly handle: string;
  readonly bytes: Buffer;
}

/** A document of a signer's, on a day before the log's. */
function bundleOf(signer: Signer, day: number, choices: ConsentChoices = {}, patient = 'Patient/a'): Buffer {
  const wallet = {
    seed: signer.seed,
    enrolled: {
      fingerprint: signer.fingerprint,
      patient: { reference: patient },
      custodian: { reference: HOSPITAL, display: 'Hospital' },
    },
  } as unknown as Wallet;
  const dateTime = new Date(AT_MS - (10 - day) * 86_400_000).toISOString();
  return signedBundle(wallet, consentFor(wallet, { identifier: IDENTIFIER, dateTime, ...choices }));
}

async function denied(
  context: TestContext,
  said: (cast: LyingCast) => readonly Told[],
  change: (proof: DenialProof) => DenialProof = (proof) => proof,
): Promise<string> {
  const cast = await lyingCast(context);
  const tagKey = randomBytes(32);
  const documents: Opening[] = [];
  const entries = said(cast).map(({ type, handle, bytes }, i): LyingEntry => {
    const salt = randomBytes(32);
    documents.push({ salt, bytes });
    const commitment = commitmentOf(salt, bytes).toString('base64url');
    const validity = type === 'consent.signed' ? { start: null, end: null } : {};
    return { type, body: { handle, ...validity, commitment }, tags: [tag(tagKey, i)] };
  });
  // Others' entries stand behind them, which no tag of this key leads to.
  const log = await cast.log([...entries, { type: 'record.stored', body: { handle: name() } }]);
  const certificates = [...log.certificates, ...(entries.length === 0 ? [] : [cast.patient.certificate])];
  const proof: DenialProof = {
    kind: 'denial',
    ...shared(log),
    certificates,
    ...log.list(tagKey, entries.length, [...entries.keys()]),
    request: REQUEST,
    documents,
  };
  const verdict = check(cast, change(proof));
  return verdict.ok && verdict.kind === 'denial' ? `ok ${verdict.reason}` : codeOf(verdict);
}

/** What several say, in order. */
function told(...makers: readonly ((cast: LyingCast) => Told)[]) {
  return (cast: LyingCast): readonly Told[] => makers.map((make) => make(cast));
}

test('a denial judges what the patient signed, as the gate does', async (context) => {
  const one = name();
  const two = name();
  const permit = ({ patient }: LyingCast): Told => ({
    type: 'consent.signed',
    handle: one,
    bytes: bundleOf(patient, 1),
  });
  const withdrawal = ({ patient }: LyingCast): Told => ({
    type: 'consent.withdrawn',
    handle: one,
    bytes: bundleOf(patient, 2, { status: 'inactive' }),
  });
  const refusal = ({ patient }: LyingCast): Told => ({
    type: 'consent.signed',
    handle: two,
    bytes: bundleOf(patient, 3, { type: 'deny' }),
  });
  assert.equal(await denied(context, told()), 'ok no-answer');
  assert.equal(await denied(context, told(permit)), 'consent-permits');
  assert.equal(await denied(context, told(permit, withdrawal)), 'ok refused');
  assert.equal(await denied(context, told(permit, refusal)), 'ok refused');
  // Of another purpose, nothing was ever said.
  const marketing = { ...REQUEST, purposes: ['http://terminology.hl7.org/CodeSystem/v3-ActReason|HMARKT'] };
  assert.equal(
    await denied(context, told(permit), (proof) => ({ ...proof, request: marketing })),
    'ok no-answer',
  );
  // A break-glass purpose is not the custodian's to slip in either.
  const glass = { ...REQUEST, purposes: ['http://terminology.hl7.org/CodeSystem/v3-ActReason|BTG'] };
  assert.equal(
    await denied(context, told(permit), (proof) => ({ ...proof, request: glass })),
    'ok no-answer',
  );
});

function changedText(bundle: Buffer, from: string, to: string): Buffer {
  const text = bundle.toString('utf8');
  assert.ok(text.includes(from), from);
  return Buffer.from(text.replace(from, to), 'utf8');
}

function refusalOf({ patient }: LyingCast): Buffer {
  return bundleOf(patient, 1, { type: 'deny' });
}

function withoutSigner(proof: DenialProof): DenialProof {
  return { ...proof, certificates: proof.certificates.slice(0, 2) };
}

test('documents that are not the patient’s word', async (context) => {
  const handle = name();
  const only =
    (bytesOf: (cast: LyingCast) => Buffer) =>
    (cast: LyingCast): readonly Told[] => [{ type: 'consent.signed', handle, bytes: bytesOf(cast) }];
  const rows: readonly (readonly [string, (cast: LyingCast) => Buffer])[] = [
    ['document-malformed', () => Buffer.from('no JSON')],
    ['document-malformed', () => Buffer.from([0xff])],
    ['document-malformed', () => Buffer.from('{"resourceType":"Bundle"}')],
    ['document-malformed', (cast) => changedText(refusalOf(cast), '"status":"active"', '"status":"later"')],
    ['document-malformed', (cast) => changedText(refusalOf(cast), '"type":', '"type":"collection","type":')],
    ['document-signature', (cast) => changedText(refusalOf(cast), '"status":"active"', '"status":"draft"')],
    ['document-signature', (cast) => changedText(refusalOf(cast), '"type":"deny"', '"type":"permit"')],
  ];
  for (const [code, bytesOf] of rows) assert.equal(await denied(context, only(bytesOf)), code);
  // Signed by the hospital in the patient's name; the patient's certificate is then not asked for.
  const byHospital = only(({ operator }) => bundleOf(operator, 1, { type: 'deny' }));
  assert.equal(await denied(context, byHospital), 'document-signer');
  // Signed by somebody whose certificate the file does not have.
  assert.equal(await denied(context, only(refusalOf), withoutSigner), 'certificate-mismatch');
});

test('withdrawals and patients that do not belong together', async (context) => {
  const [one, two] = [name(), name()];
  const signedBy =
    (withdrawn: (cast: LyingCast) => Told) =>
    (cast: LyingCast): readonly Told[] => [
      { type: 'consent.signed', handle: one, bytes: bundleOf(cast.patient, 1) },
      withdrawn(cast),
    ];
  const withdrawing =
    (day: number, choices: ConsentChoices, handle = one) =>
    ({ patient }: LyingCast): Told => ({
      type: 'consent.withdrawn',
      handle,
      bytes: bundleOf(patient, day, { status: 'inactive', ...choices }),
    });
  const rows: readonly (readonly [string, (cast: LyingCast) => Told])[] = [
    ['ok refused', withdrawing(2, {})],
    ['document-withdrawal', withdrawing(2, {}, two)],
    ['document-withdrawal', withdrawing(2, { status: 'active' })],
    ['document-withdrawal', withdrawing(2, { identifier: '3f0c7a52-6f4c-4d6e-9b55-6a4f1f2f7d11' })],
    ['document-withdrawal', withdrawing(1, {})],
    [
      'document-patient',
      ({ patient }) => ({
        type: 'consent.signed',
        handle: two,
        bytes: bundleOf(patient, 2, {}, 'Patient/b'),
      }),
    ],
  ];
  for (const [code, withdrawn] of rows) assert.equal(await denied(context, signedBy(withdrawn)), code);
});
