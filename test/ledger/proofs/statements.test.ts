import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { nodeProofCrypto } from '../../../adapter/services/proof-crypto.js';
import { checkProof, portableCrypto, proofSchema, proofTrust } from '../../../ledger/proofs/index.js';
import type { ProofTrust } from '../../../ledger/proofs/index.js';
import { makeProofFiles } from '../../support/proof-files.js';
import type { ProofFiles } from '../../support/proof-files.js';
import { changed, fileOf, jsonOf, other, pathsOf, valueAt } from './altered.js';
import type { Json, Path } from './altered.js';

let made: ProofFiles;
let node: ProofTrust;
before(async () => {
  made = await makeProofFiles();
  node = proofTrust(made.trust, nodeProofCrypto);
});

const isForm = new Ajv2020({ strict: true }).compile(proofSchema);

function codeOf(file: Uint8Array): string {
  const verdict = checkProof(file, node);
  return verdict.ok ? 'ok' : verdict.code;
}

function nameOf(path: Path): string {
  return path.join('.');
}

test('every statement is borne out under both sets of primitives, and has the published form', () => {
  const portable = proofTrust(made.trust, portableCrypto);
  for (const { name, bytes } of made.files) {
    const verdict = checkProof(bytes, node);
    assert.ok(verdict.ok, `${name}: ${verdict.ok ? '' : verdict.code}`);
    assert.deepEqual(checkProof(bytes, portable), verdict, name);
    assert.equal(verdict.kind, name.split('-')[0]);
    assert.ok(isForm(jsonOf(bytes)), `${name}: ${JSON.stringify(isForm.errors)}`);
  }
});

/** What a question may leave open. */
function isOptional([first, second, third, ...rest]: Path): boolean {
  return first === 'statement' && second === 'request' && third === 'resource' && rest.length === 1;
}

test('no member can be left out, added or be of another type; the schema says the same', () => {
  for (const { name, bytes } of made.files) {
    const json = jsonOf(bytes);
    for (const path of pathsOf(json)) {
      const value = valueAt(json, path);
      const wrong: Json[] = [true, -1, 1.5, '!', ['!'], { more: 1 }];
      if (typeof value === 'number') wrong.push(2 ** 53);
      for (const item of wrong) {
        // A text is free where it names what is asked, and a checkpoint is judged later.
        const isText = item === '!' || (Array.isArray(item) && Array.isArray(value));
        if (isText && isFreeText(path)) continue;
        const file = changed(bytes, path, () => item);
        assert.match(
          codeOf(file),
          /^(malformed|unknown-kind)$/,
          `${name} ${nameOf(path)} ${JSON.stringify(item)}`,
        );
        assert.ok(!isForm(jsonOf(file)), `${name} ${nameOf(path)} ${JSON.stringify(item)}`);
      }
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        const file = changed(bytes, path, (object) => ({ ...(object as object), more: 1 }));
        assert.equal(codeOf(file), 'malformed', `${name} ${nameOf(path)} with more`);
        assert.ok(!isForm(jsonOf(file)));
      }
      const isMember = typeof path.at(-1) === 'string';
      if (!isMember || isOptional(path)) continue;
      const file = changed(bytes, path, () => undefined);
      assert.match(codeOf(file), /^(malformed|unknown-kind)$/, `${name} without ${nameOf(path)}`);
      assert.ok(!isForm(jsonOf(file)), `${name} without ${nameOf(path)}`);
    }
  }
});

/** Texts of any content: they are compared, or they are the question itself. */
function isFreeText(path: Path): boolean {
  const [first, second] = path;
  if (first === 'checkpoint') return true;
  return first === 'statement' && (second === 'to' || second === 'purpose' || second === 'request');
}

test('no text or number can be another: a wrong one is refused', () => {
  for (const { name, bytes } of made.files) {
    const json = jsonOf(bytes);
    for (const path of pathsOf(json)) {
      const value = valueAt(json, path);
      // Another question may have the same answer.
      if (path[0] === 'statement' && path[1] === 'request') continue;
      // Where the search for one name ends, that for a neighbour may end as well: it is absent too.
      if (name.startsWith('absent') && nameOf(path) === 'statement.name') continue;
      if (typeof value === 'string') {
        assert.notEqual(codeOf(changed(bytes, path, other)), 'ok', `${name} ${nameOf(path)}`);
        assert.notEqual(codeOf(changed(bytes, path, () => '')), 'ok', `${name} ${nameOf(path)} empty`);
      }
      if (typeof value === 'number') {
        assert.notEqual(codeOf(changed(bytes, path, (n) => Number(n) + 1)), 'ok', `${name} ${nameOf(path)}`);
      }
      if (Array.isArray(value) && value.length > 0) {
        assert.notEqual(
          codeOf(changed(bytes, [...path, 0], () => undefined)),
          'ok',
          `${name} ${nameOf(path)} cut`,
        );
        const twice = changed(bytes, path, (list) => [...(list as Json[]), (list as Json[])[0] ?? null]);
        assert.notEqual(codeOf(twice), 'ok', `${name} ${nameOf(path)} twice`);
      }
    }
  }
});

test('what is no file of this format', () => {
  const bytes = made.files[0]?.bytes ?? Buffer.alloc(0);
  const text = bytes.toString('utf8');
  const wrong: readonly (readonly [string, Buffer | string])[] = [
    ['not-json', ''],
    ['not-json', text.slice(0, -3)],
    ['not-json', `${text}{}`],
    ['not-json', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes])],
    ['not-json', Buffer.concat([bytes.subarray(0, 30), Buffer.from([0xff]), bytes.subarray(30)])],
    ['malformed', 'null'],
    ['malformed', '[]'],
    ['malformed', '{}'],
    ['malformed', text.replace('proof/v1', 'proof/v2')],
    ['unknown-kind', text.replace('"kind":"record"', '"kind":"records"')],
    ['unknown-kind', text.replace('"kind":"record"', '"kind":"constructor"')],
    ['duplicate-member', text.replace('"format":', '"format":"firebreak/proof/v1","format":')],
    ['duplicate-member', text.replace('"format":', '"f\\u006frmat" : "firebreak/proof/v1","format":')],
    ['duplicate-member', text.replace('"index":', '"index":1,"index":')],
    ['malformed', text.replace('"format":', '"__proto__":{},"format":')],
  ];
  for (const [code, file] of wrong) {
    assert.equal(codeOf(Buffer.from(file as string)), code, String(file).slice(0, 80));
  }
  // White space and the order of members mean nothing.
  const turned = Object.fromEntries(Object.entries(jsonOf(bytes) as object).toReversed()) as Json;
  assert.equal(codeOf(Buffer.from(JSON.stringify(turned, null, 1))), 'ok');
  assert.equal(codeOf(fileOf(jsonOf(bytes))), 'ok');
});
