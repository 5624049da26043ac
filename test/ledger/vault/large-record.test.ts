import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import {
  bodyReference,
  Blobs,
  CHUNK_BYTES,
  ciphertextHashOf,
  commitmentOf,
  isLargeRow,
  openCard,
  openLargeHead,
  openRecord,
  sealedLength,
  sealLargeRecord,
  sealRecord,
  VaultError,
} from '../../../ledger/vault/index.js';
import type { SealedBlob, StreamKey } from '../../../ledger/vault/index.js';

const instance = 'log.example/1';
const root = mkdtempSync(join(tmpdir(), 'firebreak-blobs-'));
after(() => rmSync(root, { recursive: true, force: true }));

let dir = '';
let blobs = new Blobs('', instance);
beforeEach(() => {
  dir = join(mkdtempSync(join(root, 'd-')), 'blobs');
  blobs = new Blobs(dir, instance);
});

const bytesMax = 16 * 1024 * 1024;
const card = Buffer.from('{"type":"Binary"}');

function nameOf(version = 1, handle = randomBytes(32).toString('base64url')) {
  return { recordKey: randomBytes(32), instance, handle, version };
}

function keyOf({ name, dataKey, plainBytes }: SealedBlob): StreamKey {
  return { instance, name, dataKey, plainBytes };
}

function* pieces(bytes: Buffer, size = 65_536): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function whole(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts);
}

async function refusal(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'done';
  } catch (error) {
    assert.ok(error instanceof VaultError, String(error));
    return error.code;
  }
}

/** A body whose sender goes away. */
async function* breaks(): AsyncGenerator<Buffer> {
  yield randomBytes(2 * CHUNK_BYTES + 1);
  throw new Error('the sender went away');
}

function isRefused(error: unknown): boolean {
  return error instanceof VaultError && ['VAULT_UNSEAL_FAILED', 'VAULT_BAD_ROW'].includes(error.code);
}

const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();

describe('sealed files', () => {
  it('hold what was written, for the owner alone, and nothing of it in clear', async () => {
    for (const size of [0, 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 5]) {
      const plaintext = Buffer.alloc(size, 'X-ray of a chest. ');
      const blob = await blobs.write(pieces(plaintext), { bytesMax });
      const path = join(dir, blob.name);
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.equal(statSync(path).size, sealedLength(size));
      assert.equal(readFileSync(path).includes('X-ray of'), false);
      assert.deepEqual(await whole(blobs.read(keyOf(blob))), plaintext);
      assert.deepEqual(await blobs.hash(blob.name), blob.ciphertextHash);
      assert.deepEqual(sha256(readFileSync(path)), blob.ciphertextHash);
      assert.deepEqual(blob.plainHash, sha256(plaintext));
    }
    assert.equal(statSync(dir).mode & 0o777, 0o700);
  });

  it('are read in part, at every border', async () => {
    const plaintext = randomBytes(3 * CHUNK_BYTES + 11);
    const key = keyOf(await blobs.write(pieces(plaintext), { bytesMax }));
    const edges = [
      0,
      1,
      CHUNK_BYTES - 1,
      CHUNK_BYTES,
      CHUNK_BYTES + 1,
      3 * CHUNK_BYTES,
      plaintext.length - 1,
      plaintext.length,
    ];
    for (const from of edges)
      for (const to of edges.filter((edge) => edge >= from))
        assert.deepEqual(await whole(blobs.readRange(key, from, to)), plaintext.subarray(from, to));
    for (const [from, to] of [
      [-1, 5],
      [5, 4],
      [0, plaintext.length + 1],
      [0.5, 2],
    ] as const)
      assert.equal(await refusal(() => whole(blobs.readRange(key, from, to))), 'VAULT_BAD_INPUT');
  });

  it('are there whole or not at all', async () => {
    await assert.rejects(blobs.write(breaks(), { bytesMax }), { message: 'the sender went away' });
    assert.equal(
      await refusal(() => blobs.write(pieces(randomBytes(1000)), { bytesMax: 999 })),
      'VAULT_BLOB_TOO_LARGE',
    );
    await assert.rejects(
      blobs.write(pieces(randomBytes(1000)), {
        bytesMax,
        onPiece: () => {
          throw new Error('not wanted');
        },
      }),
      { message: 'not wanted' },
    );
    assert.deepEqual(readdirSync(dir), []);
  });

  it('that nothing names are swept, those under way and those of others are not', async () => {
    const named = await blobs.write(pieces(randomBytes(10)), { bytesMax });
    const lost = await blobs.write(pieces(randomBytes(10)), { bytesMax });
    const held = await blobs.write(pieces(randomBytes(10)), { bytesMax });
    blobs.release(named.name);
    blobs.release(lost.name);
    const unfinished = `${'ab'.repeat(16)}.tmp`;
    writeFileSync(join(dir, unfinished), 'half');
    writeFileSync(join(dir, 'notes.txt'), 'not ours');
    assert.equal(await blobs.sweep((name) => name === named.name), 2);
    assert.deepEqual(readdirSync(dir).toSorted(), [named.name, held.name, 'notes.txt'].toSorted());
    assert.equal(await new Blobs(join(dir, 'nowhere'), instance).sweep(() => false), 0);
  });

  it('that are missing or cut off say so', async () => {
    const blob = await blobs.write(pieces(randomBytes(CHUNK_BYTES * 2)), { bytesMax });
    const path = join(dir, blob.name);
    writeFileSync(path, readFileSync(path).subarray(0, -1));
    assert.equal(await refusal(() => whole(blobs.read(keyOf(blob)))), 'VAULT_STREAM_TRUNCATED');
    assert.equal(
      await refusal(() => whole(blobs.readRange(keyOf(blob), CHUNK_BYTES, CHUNK_BYTES + 1))),
      'VAULT_STREAM_TRUNCATED',
    );
    await blobs.remove(blob.name);
    await blobs.remove(blob.name);
    assert.equal(await refusal(() => whole(blobs.read(keyOf(blob)))), 'VAULT_BLOB_MISSING');
    assert.equal(await blobs.hash(blob.name), undefined);
    assert.equal(await blobs.size(blob.name), undefined);
    assert.equal(await refusal(() => blobs.remove('../keys/log.key')), 'VAULT_BAD_INPUT');
  });

  it('in a folder that cannot be written say so and leave nothing', async () => {
    writeFileSync(dir, 'a file in its place');
    assert.equal(await refusal(() => blobs.write(pieces(randomBytes(10)), { bytesMax })), 'VAULT_BLOB_IO');
    chmodSync(dir, 0o600);
    assert.equal(existsSync(join(dir, 'x')), false);
  });
});

describe('records whose body lies in a file', () => {
  it('open as any record does, by the commitment of any record', async () => {
    const plaintext = randomBytes(CHUNK_BYTES + 100);
    const blob = await blobs.write(pieces(plaintext), { bytesMax });
    const name = nameOf();
    const sealed = sealLargeRecord({ ...name, name: blob.name, stream: blob, card });
    assert.ok(isLargeRow(sealed.row));
    assert.deepEqual(openCard({ ...name, row: sealed.row }), { card, salt: sealed.salt });
    assert.deepEqual(sealed.commitment, commitmentOf(sealed.salt, plaintext));
    assert.deepEqual(ciphertextHashOf(sealed.row), sha256(readFileSync(join(dir, blob.name))));
    const { key, ciphertextHash } = openLargeHead({ ...name, row: sealed.row });
    assert.deepEqual(ciphertextHash, sealed.ciphertextHash);
    assert.deepEqual(await whole(blobs.read(key)), plaintext);
    assert.equal(sealed.row.includes(blob.dataKey), false);
    assert.throws(() => openRecord({ ...name, row: sealed.row }), { code: 'VAULT_BODY_APART' });
    const small = sealRecord({ ...name, plaintext: Buffer.from('{}'), card });
    assert.equal(bodyReference(small.row), undefined);
    assert.throws(() => openLargeHead({ ...name, row: small.row }), { code: 'VAULT_BAD_ROW' });
  });

  it('cannot take another’s place: not the row, not the file, not what the row says of the file', async () => {
    const plaintext = randomBytes(1000);
    const [one, other] = [
      await blobs.write([plaintext], { bytesMax }),
      await blobs.write([plaintext], { bytesMax }),
    ];
    const name = nameOf(2);
    const { row } = sealLargeRecord({ ...name, name: one.name, stream: one, card });
    for (const wrong of [
      { ...name, version: 1 },
      { ...name, handle: randomBytes(32).toString('base64url') },
      { ...name, instance: 'log.example/2' },
      { ...name, recordKey: randomBytes(32) },
    ])
      assert.throws(() => openLargeHead({ ...wrong, row }), { code: 'VAULT_UNSEAL_FAILED' });
    // The row of one record made to name the file of another.
    const pointed = Buffer.from(row);
    pointed.write(other.name, row.length - 56, 'hex');
    assert.throws(() => openCard({ ...name, row: pointed }), { code: 'VAULT_UNSEAL_FAILED' });
    // The files themselves swapped.
    const { key } = openLargeHead({ ...name, row });
    writeFileSync(join(dir, one.name), readFileSync(join(dir, other.name)));
    assert.equal(await refusal(() => whole(blobs.read(key))), 'VAULT_STREAM_OTHER');
  });

  it('refuse a row with any byte changed, cut off or added', async () => {
    const blob = await blobs.write([randomBytes(10)], { bytesMax });
    const name = nameOf();
    const { row } = sealLargeRecord({ ...name, name: blob.name, stream: blob, card });
    for (let at = 0; at < row.length; at++) {
      const changed = Buffer.from(row);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      assert.throws(() => openLargeHead({ ...name, row: changed }), isRefused, `byte ${at}`);
      assert.throws(() => openCard({ ...name, row: row.subarray(0, at) }), isRefused, `length ${at}`);
    }
    assert.throws(() => openCard({ ...name, row: Buffer.concat([row, Buffer.alloc(1)]) }), isRefused);
  });
});
