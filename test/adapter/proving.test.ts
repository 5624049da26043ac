import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { nodeProofCrypto } from '../../adapter/services/proof-crypto.js';
import { prove } from '../../adapter/services/proofs/index.js';
import { checkProof, portableCrypto, proofTrust } from '../../ledger/proofs/index.js';
import { consenting, openBench, push } from './support/bench.js';
import type { Bench } from './support/bench.js';
import { heartRate } from './support/resources.js';

let bench: Bench;
before(async () => {
  bench = await openBench();
  await consenting(bench, 'a');
  await push(bench, heartRate('a1', 'a', 70));
});
after(() => bench.close());

test('a record is proved unopened, whole and by one fact; every flipped byte is found', async () => {
  const { instance } = bench;
  const vkey = (await instance.engine.read('vkey'))?.toString('utf8').trim() ?? '';
  const input = { vkeys: [vkey], caRoot: instance.authority.root };
  const fast = proofTrust(input, nodeProofCrypto);
  for (const more of [{}, { open: true }, { fact: 'resourceType' }]) {
    const proved = await prove(instance, { what: 'record', record: 'Observation/a1', ...more });
    assert.ok(proved.proved);
    const file = Buffer.from(proved.file);
    const verdict = checkProof(file, fast);
    assert.ok(verdict.ok);
    assert.deepEqual(checkProof(file, proofTrust(input, portableCrypto)), verdict);
    for (let i = 0; i < file.length - 1; i += 7) {
      const damaged = Buffer.from(file);
      damaged[i] = (damaged[i] ?? 0) ^ 1;
      assert.equal(checkProof(damaged, fast).ok, false, `byte ${i}`);
    }
  }
});
