import assert from 'node:assert/strict';
import { createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  CHUNK_BYTES,
  ChunkOpener,
  openStream,
  sealedLength,
  STREAM_HEAD_BYTES,
  streamName,
  StreamSealer,
  VaultError,
} from '../../../ledger/vault/index.js';
import type { SealedStream, StreamKey } from '../../../ledger/vault/index.js';

const instance = 'log.example/1';
const CHUNK = 64;
const SEALED_CHUNK = CHUNK + 20;

interface Sealed {
  readonly bytes: Buffer;
  readonly stream: SealedStream;
  readonly key: StreamKey;
}

/** Seals a plaintext that comes in pieces of some size. */
function seal(plaintext: Buffer, pieceBytes = 50, chunkBytes = CHUNK, name = streamName()): Sealed {
  const sealer = new StreamSealer({ instance, name }, chunkBytes);
  const out: Buffer[] = [];
  for (const piece of cut(plaintext, pieceBytes)) out.push(...sealer.push(piece));
  const { pieces, stream } = sealer.end();
  const bytes = Buffer.concat([...out, ...pieces]);
  return { bytes, stream, key: { instance, name, dataKey: stream.dataKey, plainBytes: stream.plainBytes } };
}

function* cut(bytes: Buffer, pieceBytes: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

async function open(key: StreamKey, bytes: Buffer, pieceBytes = 33): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of openStream(key, cut(bytes, pieceBytes))) parts.push(part);
  return Buffer.concat(parts);
}

async function codeOf(key: StreamKey, bytes: Buffer): Promise<string> {
  try {
    await open(key, bytes);
    return 'opened';
  } catch (error) {
    assert.ok(error instanceof VaultError, String(error));
    return error.code;
  }
}

/** The head and each chunk. */
function partsOf(bytes: Buffer): Buffer[] {
  return [bytes.subarray(0, STREAM_HEAD_BYTES), ...cut(bytes.subarray(STREAM_HEAD_BYTES), SEALED_CHUNK)];
}

const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();

describe('sealed streams', () => {
  it('open to what was sealed, at every size around the borders of chunks and in pieces of any size', async () => {
    const sizes = [0, 1, 2, 15];
    for (let chunks = 1; chunks <= 4; chunks++)
      sizes.push(chunks * CHUNK - 1, chunks * CHUNK, chunks * CHUNK + 1);
    for (const size of sizes) {
      const plaintext = randomBytes(size);
      for (const pieceBytes of [1, CHUNK - 1, CHUNK, CHUNK + 1, 1000]) {
        const { bytes, stream, key } = seal(plaintext, pieceBytes);
        assert.equal(stream.plainBytes, size);
        assert.equal(bytes.length, stream.sealedBytes);
        assert.equal(bytes.length, sealedLength(size, CHUNK));
        assert.deepEqual(stream.plainHash, sha256(plaintext));
        assert.deepEqual(stream.ciphertextHash, sha256(bytes));
        for (const readBytes of [1, SEALED_CHUNK, 4096])
          assert.deepEqual(await open(key, bytes, readBytes), plaintext);
      }
    }
  });

  it('open at their real size of a chunk', async () => {
    for (const size of [CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 7]) {
      const plaintext = randomBytes(size);
      const { bytes, key } = seal(plaintext, 65_536, CHUNK_BYTES);
      assert.deepEqual(await open(key, bytes, 70_000), plaintext);
    }
  });

  it('are what the format says, opened by hand', () => {
    const plaintext = randomBytes(CHUNK + 10);
    const { bytes, stream, key } = seal(plaintext);
    const [head, first, last] = partsOf(bytes);
    assert.ok(head !== undefined && first !== undefined && last !== undefined);
    assert.equal(head.toString('latin1', 0, 4), 'fbs1');
    assert.equal(head.readUInt32BE(4), CHUNK);
    assert.equal(head.toString('hex', 8), key.name);
    const aad = Buffer.from(`firebreak/stream/v1\nlog.example/1\n${key.name}\n64`);
    const parts = [first, last].map((chunk, number) => {
      assert.equal(chunk.readUInt32BE(0), number === 0 ? 0 : 3);
      const nonce = Buffer.from(`00000000000000${number === 0 ? '0000000000' : '0000000101'}`, 'hex');
      const decipher = createDecipheriv('aes-256-gcm', stream.dataKey, nonce).setAAD(aad);
      decipher.setAuthTag(chunk.subarray(-16));
      return Buffer.concat([decipher.update(chunk.subarray(4, -16)), decipher.final()]);
    });
    assert.deepEqual(Buffer.concat(parts), plaintext);
  });

  it('have a key each, and no two chunks of equal text are alike', () => {
    const plaintext = Buffer.alloc(4 * CHUNK, 'a');
    const one = seal(plaintext);
    assert.notDeepEqual(one.stream.dataKey, seal(plaintext).stream.dataKey);
    const chunks = partsOf(one.bytes)
      .slice(1)
      .map((chunk) => chunk.toString('hex', 4));
    assert.equal(new Set(chunks).size, 4);
  });

  it('give nothing out before it was found good', async () => {
    const { bytes, key } = seal(randomBytes(3 * CHUNK));
    const changed = Buffer.from(bytes);
    changed[STREAM_HEAD_BYTES + SEALED_CHUNK + 30]! ^= 1;
    let given = 0;
    await assert.rejects(async () => {
      for await (const part of openStream(key, [changed])) given += part.length;
    });
    assert.equal(given, CHUNK);
  });

  it('whose chunks were moved, left out or doubled are refused', async () => {
    const { bytes, key } = seal(randomBytes(4 * CHUNK + 5));
    const [head, a, b, c, d, last] = partsOf(bytes) as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer];
    const order = {
      swapped: [head, b, a, c, d, last],
      'without the first': [head, b, c, d, last],
      'without one': [head, a, b, d, last],
      doubled: [head, a, a, b, c, d, last],
      'one in another’s place': [head, a, c, c, d, last],
      'the last first': [head, last, a, b, c, d],
    };
    for (const [what, parts] of Object.entries(order))
      assert.equal(await codeOf(key, Buffer.concat(parts)), 'VAULT_STREAM_ORDER', what);
    // Whoever moves a chunk may write its new place before it: then the tag tells.
    const moved = Buffer.from(b);
    moved.writeUInt32BE(0, 0);
    assert.equal(await codeOf(key, Buffer.concat([head, moved, b, c, d, last])), 'VAULT_UNSEAL_FAILED');
  });

  it('that were cut off are refused at every byte', async () => {
    for (const size of [0, 5, CHUNK, 2 * CHUNK, 2 * CHUNK + 9]) {
      const { bytes, key } = seal(randomBytes(size));
      for (let length = 0; length < bytes.length; length++)
        assert.equal(
          await codeOf(key, bytes.subarray(0, length)),
          'VAULT_STREAM_TRUNCATED',
          `${size} at ${length}`,
        );
    }
  });

  it('do not end where they did not end, whatever length is claimed', async () => {
    const { bytes, key } = seal(randomBytes(3 * CHUNK));
    const shorter = bytes.subarray(0, STREAM_HEAD_BYTES + 2 * SEALED_CHUNK);
    assert.equal(await codeOf({ ...key, plainBytes: 2 * CHUNK }, shorter), 'VAULT_STREAM_TRAILING');
    // Its last chunk made to say that it is the last.
    const forged = Buffer.from(shorter);
    forged.writeUInt32BE(3, STREAM_HEAD_BYTES + SEALED_CHUNK);
    assert.equal(await codeOf({ ...key, plainBytes: 2 * CHUNK }, forged), 'VAULT_UNSEAL_FAILED');
    assert.equal(await codeOf({ ...key, plainBytes: 4 * CHUNK }, bytes), 'VAULT_STREAM_TRUNCATED');
    assert.equal(await codeOf({ ...key, plainBytes: 3 * CHUNK - 1 }, bytes), 'VAULT_UNSEAL_FAILED');
  });

  it('with bytes behind the end are refused', async () => {
    for (const size of [0, 7, CHUNK, 2 * CHUNK]) {
      const { bytes, key } = seal(randomBytes(size));
      for (const more of [Buffer.alloc(1), bytes.subarray(STREAM_HEAD_BYTES), randomBytes(300)])
        assert.equal(await codeOf(key, Buffer.concat([bytes, more])), 'VAULT_STREAM_TRAILING');
    }
  });

  it('refuse every changed bit', async () => {
    const { bytes, key } = seal(randomBytes(2 * CHUNK + 3));
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      assert.notEqual(await codeOf(key, changed), 'opened', `byte ${at}`);
    }
  });

  it('do not open as another’s: another name, instance or key, or a chunk out of another stream', async () => {
    const plaintext = randomBytes(2 * CHUNK);
    const one = seal(plaintext);
    const other = seal(plaintext);
    assert.equal(await codeOf(one.key, other.bytes), 'VAULT_STREAM_OTHER');
    assert.equal(await codeOf({ ...one.key, instance: 'log.example/2' }, one.bytes), 'VAULT_UNSEAL_FAILED');
    assert.equal(await codeOf({ ...one.key, dataKey: randomBytes(32) }, one.bytes), 'VAULT_UNSEAL_FAILED');
    const renamed = Buffer.concat([
      one.bytes.subarray(0, STREAM_HEAD_BYTES),
      other.bytes.subarray(STREAM_HEAD_BYTES),
    ]);
    assert.equal(await codeOf(one.key, renamed), 'VAULT_UNSEAL_FAILED');
    const [head, first] = partsOf(one.bytes) as [Buffer, Buffer];
    const mixed = Buffer.concat([head, first, partsOf(other.bytes)[2] ?? Buffer.alloc(0)]);
    assert.equal(await codeOf(one.key, mixed), 'VAULT_UNSEAL_FAILED');
  });

  it('that are none are refused', async () => {
    const { key } = seal(Buffer.alloc(0));
    const head = Buffer.alloc(STREAM_HEAD_BYTES);
    assert.equal(await codeOf(key, head), 'VAULT_BAD_ROW');
    // A size of a chunk that nobody may make us hold.
    head.write('fbs1', 'latin1');
    head.writeUInt32BE(0xffff_ffff, 4);
    assert.equal(await codeOf(key, head), 'VAULT_BAD_ROW');
  });

  it('open chunk by chunk for a part of them', () => {
    const plaintext = randomBytes(5 * CHUNK + 1);
    const { bytes, key } = seal(plaintext);
    const opener = new ChunkOpener(key, bytes.subarray(0, STREAM_HEAD_BYTES));
    assert.equal(opener.chunks, 6);
    for (const number of [5, 0, 3]) {
      const at = opener.offset(number);
      const sealed = bytes.subarray(at, at + opener.sealedBytes(number));
      assert.deepEqual(opener.open(number, sealed), plaintext.subarray(number * CHUNK, (number + 1) * CHUNK));
      assert.throws(() => opener.open(number === 1 ? 2 : 1, sealed), { name: 'VaultError' });
    }
  });

  it('take no bad name, size or step', () => {
    const bad = { name: 'VaultError', code: 'VAULT_BAD_INPUT' };
    assert.throws(() => new StreamSealer({ instance, name: '../../etc/passwd' }), bad);
    assert.throws(() => new StreamSealer({ instance: 'a\nb', name: streamName() }), bad);
    for (const size of [0, 15, 1.5, (1 << 20) + 1, Number.NaN])
      assert.throws(() => new StreamSealer({ instance, name: streamName() }, size), bad);
    const sealer = new StreamSealer({ instance, name: streamName() });
    sealer.end();
    assert.throws(() => sealer.push(Buffer.alloc(1)), bad);
    assert.throws(() => sealer.end(), bad);
  });
});
