import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkPolicy,
  cosigner,
  parsePolicy,
  quorumIsMet,
  withSignatures,
} from '../../../ledger/witness/index.js';
import type { WitnessPolicy } from '../../../ledger/witness/index.js';
import { SampleLog } from './sample-log.js';

const log = new SampleLog().grow(9);
const names = ['X1', 'X2', 'X3', 'Y1', 'Y2', 'Y3'] as const;
const witnesses = names.map((name, i) => cosigner(`witness.example/${name}`, Buffer.alloc(32, 10 + i)));
const lines = names.map((name, i) => `witness ${name} ${witnesses[i]?.vkey ?? ''}`);

/** The specification's example. */
const example = `log ${log.vkey}

${lines.slice(0, 3).join('\n')}
group X-witnesses 2 X1 X2 X3

${lines.slice(3).join('\n')}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`;

function policyOf(text: string): WitnessPolicy {
  const parsed = parsePolicy(Buffer.from(text, 'utf8'));
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.policy;
}

function cosignedBy(...chosen: readonly number[]): Buffer {
  const text = log.note().toString('utf8').split('\n\n')[0] ?? '';
  return withSignatures(
    log.note(),
    chosen.map((i) => witnesses[i]?.cosign(`${text}\n`, 1000 + i) ?? ''),
  );
}

test('the specification’s example: two of three and any of three', () => {
  const policy = policyOf(example);
  const cases: [number[], boolean][] = [
    [[], false],
    [[0, 1], false],
    [[3, 4, 5], false],
    [[0, 3], false],
    [[0, 2, 5], true],
    [[0, 1, 2, 3, 4, 5], true],
  ];
  for (const [chosen, met] of cases) {
    const verdict = checkPolicy(cosignedBy(...chosen), policy);
    assert.equal(verdict.ok, met, String(chosen));
    if (!verdict.ok) assert.equal(verdict.code, 'quorum-not-met');
  }
  const verdict = checkPolicy(cosignedBy(0, 2, 5), policy);
  assert.ok(verdict.ok);
  assert.deepEqual(
    verdict.witnessed.map(({ witness, timeS }) => [witness.name, timeS]),
    [
      ['X1', 1000],
      ['X3', 1002],
      ['Y3', 1005],
    ],
  );
});

test('a quorum grows with its witnesses: more never unmake it', () => {
  const policy = policyOf(example);
  for (let mask = 0; mask < 64; mask++) {
    const chosen = new Set<string>(names.filter((_, i) => (mask >> i) & 1));
    const x = names.slice(0, 3).filter((name) => chosen.has(name)).length;
    const y = names.slice(3).filter((name) => chosen.has(name)).length;
    assert.equal(quorumIsMet(policy, chosen), x >= 2 && y >= 1);
  }
});

test('white space, comments, URLs and octets beyond ASCII are taken', () => {
  const policy = policyOf(
    `# caf\u00e9\n\t log\t${log.vkey}  https://log.example/ \n  \nwitness \u00fc ${witnesses[0]?.vkey ?? ''} https://w.example\nquorum \u00fc`,
  );
  assert.equal(policy.logs[0]?.url, 'https://log.example/');
  assert.equal(policy.witnesses[0]?.url, 'https://w.example');
  assert.ok(checkPolicy(cosignedBy(0), policy).ok);
  assert.equal(policyOf('quorum none\n').quorum, undefined);
});

test('each fault of a file has its code and its line', () => {
  const [w1 = '', w2 = ''] = lines;
  const key1 = witnesses[0]?.vkey ?? '';
  const cases: [string, string, number][] = [
    ['', 'no-quorum', 0],
    [`${w1}\n`, 'no-quorum', 0],
    [`${w1}\nquorum X1\nquorum X1\n`, 'two-quorums', 3],
    [`quorum X1\n${w1}\n`, 'unknown-name', 1],
    ['quorum\n', 'malformed-line', 1],
    [`${w1}\r\nquorum X1\n`, 'forbidden-octet', 1],
    ['quorum none\u0000\n', 'forbidden-octet', 1],
    ['quorum none\u007f\n', 'forbidden-octet', 1],
    [`${w1}\nwitnesses X\n`, 'unknown-keyword', 2],
    [`log ${key1}\n`, 'bad-log-key', 1],
    ['log x\n', 'bad-log-key', 1],
    ['log\n', 'malformed-line', 1],
    [`log ${log.vkey} a b\n`, 'malformed-line', 1],
    [`log ${log.vkey}\nlog ${log.vkey}\n`, 'duplicate-log', 2],
    [`witness W ${log.vkey}\n`, 'bad-witness-key', 1],
    ['witness W\n', 'malformed-line', 1],
    [`${w1}\nwitness Z ${key1}\n`, 'duplicate-witness', 2],
    [`${w1}\nwitness X1 ${witnesses[1]?.vkey ?? ''}\n`, 'duplicate-name', 2],
    [`witness none ${key1}\n`, 'duplicate-name', 1],
    [`${w1}\n${w2}\ngroup G 3 X1 X2\n`, 'bad-threshold', 3],
    [`${w1}\ngroup G 0 X1\n`, 'bad-threshold', 2],
    [`${w1}\ngroup G 01 X1\n`, 'bad-threshold', 2],
    [`${w1}\ngroup G most X1\n`, 'bad-threshold', 2],
    [`${w1}\ngroup G all\n`, 'malformed-line', 2],
    [`${w1}\ngroup G all X1 X2\n`, 'unknown-name', 2],
    [`${w1}\ngroup G all G\n`, 'unknown-name', 2],
    [`${w1}\ngroup G all X1 none\n`, 'unknown-name', 2],
    [`${w1}\ngroup G 2 X1 X1\n`, 'member-listed-twice', 2],
    [`${w1}\n${w2}\ngroup G any X1\ngroup H all X1 X2\n`, 'member-listed-twice', 4],
    [`${w1}\ngroup X1 any X1\n`, 'duplicate-name', 2],
    [`# ${'x'.repeat(300_000)}\nquorum none\n`, 'too-large', 0],
  ];
  for (const [text, code, line] of cases)
    assert.deepEqual(parsePolicy(Buffer.from(text, 'utf8')), { ok: false, code, line }, text.slice(0, 80));
});

test('a checkpoint is refused for a wrong log, a bad known signature and bad form', () => {
  const policy = policyOf(example);
  const stranger = new SampleLog('other.example/log', Buffer.alloc(32, 99)).grow(9);
  assert.deepEqual(checkPolicy(stranger.note(), policy), { ok: false, code: 'not-signed-by-log' });
  const good = cosignedBy(0, 1, 3);
  assert.deepEqual(checkPolicy(Buffer.concat([good, Buffer.from('\n')]), policy), {
    ok: false,
    code: 'malformed',
  });
  // A known witness's line under another head.
  const other = new SampleLog().grow(8);
  const foreign = `${other.note().toString('utf8').split('\n\n')[0]}\n`;
  const mixed = withSignatures(good, [witnesses[4]?.cosign(foreign, 5) ?? '']);
  assert.deepEqual(checkPolicy(mixed, policy), { ok: false, code: 'bad-signature' });
  // Without logs of its own, a policy takes those that the caller knows.
  const bare = policyOf(example.replace(/^log .*\n/, ''));
  assert.equal(checkPolicy(good, bare).ok, false);
  assert.ok(checkPolicy(good, bare, [log.verifier]).ok);
});
