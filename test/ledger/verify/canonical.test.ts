/** One value has one text: any other text of it is refused on reading, though signed and hashed into the tree. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { ENTRY_BYTES_MAX } from '../../../ledger/log/index.js';
import { verifyLog } from '../../../ledger/verify/index.js';
import { draft, enrolment, genesis, makeHolder, random32, submit, theCast } from '../log/fixture.js';
import type { Cast } from '../log/fixture.js';
import { failedChecks, failureOf, leavesOf, publish, readerOf, VKEY } from './published-log.js';

let cast: Cast;
/** A log whose leaf 2 enrols an organisation. */
let leaves: Buffer[];
before(async () => {
  cast = await theCast();
  leaves = leavesOf([genesis(cast)]);
});

/** The rule that a log breaks which has these bytes for its leaf 2. */
async function ruleOf(bytes: Buffer): Promise<string | undefined> {
  const report = await verifyLog(readerOf(publish(leaves.with(2, bytes))), { vkeys: [VKEY] });
  assert.deepEqual(failedChecks(report), ['form']);
  assert.equal(failureOf(report, 'form')?.leaf, 2);
  return failureOf(report, 'form')?.rule;
}

const entry = (): string => leaves[2]?.toString() ?? '';
/** The entry with some of its text replaced by bytes. */
function withBytes(text: string, bytes: readonly number[]): Buffer {
  const [front = '', back = ''] = entry().split(text, 2);
  return Buffer.concat([Buffer.from(front), Buffer.from(bytes), Buffer.from(back)]);
}

const FORM = 'no canonical JSON: JSON, but not in its canonical form';

test('another text of the same value', async () => {
  const others: readonly ((text: string) => string)[] = [
    (text) => text.replace('{"actor"', '{ "actor"'),
    (text) => text.replace('"v":1', '"v": 1'),
    (text) => `${text}\n`,
    (text) => ` ${text}`,
    (text) => text.replace('"v":1', '"v":1.0'),
    (text) => text.replace('"v":1', '"v":1e0'),
    (text) => text.replace('"v":1', '"v":10E-1'),
    (text) => text.replace(/"at":(\d+)/, '"at":$1.0'),
    (text) => text.replace(/"at":(\d{3})\d+/, '"at":$1e10'),
    (text) => text.replace(/"at":\d+/, '"at":-0'),
    (text) => text.replace(/("actor":"[^"]*"),("at":\d+)/, '$2,$1'),
    (text) => text.replace(/"type":("[^"]*"),"v":1/, '"v":1,"type":$1'),
    (text) => text.replace('An organisation', '\\u0041n organisation'),
    (text) => text.replace('An organisation', 'An or\\/ganisation'),
    (text) => text.replace('An organisation', 'An \\u001F organisation'),
    (text) => text.replace('An organisation', 'An \\u0009 organisation'),
    (text) => text.replace('"name"', '"\\u006eame"'),
    // The same name twice: readers disagree on which of the two holds.
    (text) => text.replace('"v":1', '"v":1,"v":1'),
    (text) => text.replace('"v":1', '"v":2,"v":1'),
    (text) => text.replace('"group":"provider"', '"group":"ca","group":"provider"'),
    (text) => text.replace('"name"', '"__proto__":{},"__proto__":{},"name"'),
  ];
  for (const other of others) {
    const text = other(entry());
    assert.notEqual(text, entry(), other.toString());
    assert.equal(await ruleOf(Buffer.from(text)), FORM, other.toString());
  }
});

test('what is no JSON, or no text', async () => {
  const none = 'not JSON';
  const cases: readonly (readonly [Buffer, string])[] = [
    [Buffer.alloc(0), none],
    [Buffer.from(entry().slice(1)), none],
    [Buffer.from(entry().slice(0, -1)), none],
    [Buffer.from(`${entry()}${entry()}`), none],
    [Buffer.from(`\ufeff${entry()}`), none],
    [Buffer.from(entry().replace('"v":1', '"v":01')), none],
    [Buffer.from(entry().replace('"v":1', '"v":1,')), none],
    [Buffer.from(entry().replace('"v":1', '"v":NaN')), none],
    [Buffer.from(entry().replace(/"v":1/, "'v':1")), none],
    [Buffer.from(entry().replace('An organisation', 'An\u0000organisation')), none],
    [Buffer.from(entry().replace('An organisation', '\\ud800')), 'no canonical JSON: a lone surrogate'],
    // Of UTF-8: a byte that is none, an overlong form, a surrogate, one beyond the last, one cut short.
    [withBytes('An organisation', [0xff]), 'no canonical JSON: not UTF-8'],
    [withBytes('An organisation', [0xc0, 0x80]), 'no canonical JSON: not UTF-8'],
    [withBytes('An organisation', [0xed, 0xa0, 0x80]), 'no canonical JSON: not UTF-8'],
    [withBytes('An organisation', [0xf4, 0x90, 0x80, 0x80]), 'no canonical JSON: not UTF-8'],
    [withBytes('An organisation', [0xc3]), 'no canonical JSON: not UTF-8'],
    [Buffer.from('null'), 'schema entry: type'],
    [Buffer.from('[]'), 'schema entry: type'],
    [Buffer.from('"x"'), 'schema entry: type'],
    [Buffer.from('{}'), 'schema entry: /v required'],
    [Buffer.from(entry().replace('"v":1', '"v":1,"w":1')), 'schema entry: additionalProperties'],
    [Buffer.from(entry().replace('"v":1', '"v":2')), 'schema entry: /v const'],
    [Buffer.from(entry().replace('participant.enrolled', 'participant.enroled')), 'schema entry: /type enum'],
  ];
  for (const [bytes, rule] of cases) assert.equal(await ruleOf(bytes), rule, bytes.toString().slice(0, 200));
});

/** The entry with arrays in arrays. */
const deep = (levels: number): Buffer =>
  Buffer.from(entry().replace('"group"', `"deep":${'['.repeat(levels)}${']'.repeat(levels)},"group"`));

test('nested too deep, without the stack being exhausted', async () => {
  assert.equal(await ruleOf(deep(100)), 'schema participant.enrolled: additionalProperties');
  for (const levels of [511, 10_000, 32_000])
    assert.equal(await ruleOf(deep(levels)), 'no canonical JSON: nested deeper than 512');
});

test('entries of the largest size are judged by their form; a larger one has no place in a bundle', async () => {
  const room = ENTRY_BYTES_MAX - Buffer.byteLength(entry());
  const large = (more: number): Buffer =>
    Buffer.from(entry().replace('An organisation', `An organisation${'x'.repeat(room + more)}`));
  assert.equal(large(0).length, 65_535);
  assert.equal(await ruleOf(large(0)), 'schema participant.enrolled: /name maxLength');
  assert.throws(() => publish(leaves.with(2, large(1))), { code: 'LEDGER_ENTRY_TOO_LARGE' });
  const body = { handle: random32(), commitment: 'x'.repeat(65_536) };
  const tooLarge = draft(cast.instance.actor, 'disclosure', body);
  assert.throws(() => submit(cast.instance, [tooLarge]), { code: 'LEDGER_ENTRY_TOO_LARGE' });
});

test('names of any writing are taken as they are', async () => {
  const names = [
    'Zürich',
    'Zu\u0308rich',
    '東京',
    '👩‍⚕️ clinic',
    'a "quoted" \\ name',
    'tab\tand\u0001control',
    '\u2028\u2029\ufeff',
    '__proto__',
  ];
  const drafts = [];
  for (const name of names) {
    const made = enrolment(cast.ca, 'payer', await makeHolder(cast.ca, 'Test authority', 'payer'));
    drafts.push({ ...made, body: { ...made.body, name } });
  }
  const log = publish(leavesOf([genesis(cast), submit(cast.ca, drafts)]));
  assert.deepEqual(failedChecks(await verifyLog(readerOf(log), { vkeys: [VKEY] })), []);
});
