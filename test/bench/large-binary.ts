/**
 * MB/s of sealing and opening large binaries as streams, against AES-256-GCM alone over pieces of the same size, in the
 * same round. `large-binary-seal` and `-open` are the codec without the disk; what hashing costs is in them, for both
 * commitments need a hash. `large-binary-file` writes a file, synced.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Blobs, CHUNK_BYTES, openStream, streamName, StreamSealer } from '../../ledger/vault/index.js';
import type { StreamKey } from '../../ledger/vault/index.js';
import type { Bench, BenchContext, Measured } from './bench.js';

const BYTES = 200 * 1024 * 1024;
const PIECE_BYTES = 64 * 1024;
const ROUNDS = 5;
const INSTANCE = 'bench.example/1';
const MB = 1e6;

export const largeBinary: Bench = {
  names: ['large-binary-seal', 'large-binary-open', 'large-binary-file'],
  about: 'an image of 200 MiB sealed in chunks as a stream, opened, and written to a file',
  run,
};

async function run({ say }: BenchContext): Promise<Measured[]> {
  const piece = randomBytes(PIECE_BYTES);
  const dir = mkdtempSync(join(tmpdir(), 'firebreak-bench-'));
  const figures = { seal: [] as number[], open: [] as number[], file: [] as number[] };
  const raw = { seal: [] as number[], open: [] as number[], file: [] as number[] };
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      const [rawSeal, rawOpen] = [rawSealing(), rawOpening()];
      const rawFile = rawSealing(true);
      const sealMs = performance.now();
      const sealed = seal(piece);
      const sealing = speed(sealMs);
      const openMs = performance.now();
      await open(sealed.key, sealed.pieces);
      const opening = speed(openMs);
      const fileMs = performance.now();
      const blobs = new Blobs(join(dir, String(round)), INSTANCE);
      await blobs.write(plaintext(piece), { bytesMax: BYTES });
      const filing = speed(fileMs);
      rmSync(join(dir, String(round)), { recursive: true });
      say(
        `${round === 0 ? 'warm-up' : `round ${round}`}: seal ${sealing.toFixed(0)}, open ${opening.toFixed(0)}, file ${filing.toFixed(0)} MB/s; raw ${rawSeal.toFixed(0)}, ${rawOpen.toFixed(0)}, with both hashes ${rawFile.toFixed(0)}`,
      );
      if (round === 0) continue;
      figures.seal.push(sealing);
      figures.open.push(opening);
      figures.file.push(filing);
      raw.seal.push(rawSeal);
      raw.open.push(rawOpen);
      raw.file.push(rawFile);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  const unit = 'MB/s';
  return [
    {
      bench: 'large-binary-seal',
      unit,
      ours: figures.seal,
      against: { what: 'AES-256-GCM alone', theirs: raw.seal },
    },
    {
      bench: 'large-binary-open',
      unit,
      ours: figures.open,
      against: { what: 'AES-256-GCM alone', theirs: raw.open },
    },
    {
      bench: 'large-binary-file',
      unit,
      ours: figures.file,
      against: { what: 'AES-256-GCM and the two SHA-256, without the disk', theirs: raw.file },
    },
  ];
}

function speed(startedMs: number): number {
  return BYTES / MB / ((performance.now() - startedMs) / 1000);
}

function* plaintext(piece: Buffer): Generator<Buffer> {
  for (let sent = 0; sent < BYTES; sent += piece.length) yield piece;
}

function seal(piece: Buffer): { key: StreamKey; pieces: Buffer[] } {
  const name = streamName();
  const sealer = new StreamSealer({ instance: INSTANCE, name });
  const pieces: Buffer[] = [];
  for (const part of plaintext(piece)) pieces.push(...sealer.push(part));
  const end = sealer.end();
  pieces.push(...end.pieces);
  const { dataKey, plainBytes } = end.stream;
  return { key: { instance: INSTANCE, name, dataKey, plainBytes }, pieces };
}

async function open(key: StreamKey, pieces: readonly Buffer[]): Promise<void> {
  let bytes = 0;
  for await (const part of openStream(key, pieces)) bytes += part.length;
  if (bytes !== BYTES) throw new Error('not all of it was opened');
}

/** The same work without a format: each piece of a chunk's size under a nonce of its own. */
function rawSealing(hashed = false): number {
  const key = randomBytes(32);
  const nonce = Buffer.alloc(12);
  const chunk = randomBytes(CHUNK_BYTES);
  const [plain, sealed] = [createHash('sha256'), createHash('sha256')];
  const startedMs = performance.now();
  for (let number = 0; number < BYTES / CHUNK_BYTES; number++) {
    nonce.writeUInt32BE(number, 7);
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    if (hashed) plain.update(chunk);
    const out = cipher.update(chunk);
    cipher.final();
    if (hashed) sealed.update(out);
    cipher.getAuthTag();
  }
  if (hashed) [plain, sealed].forEach((sum) => sum.digest());
  return speed(startedMs);
}

function rawOpening(): number {
  const key = randomBytes(32);
  const nonce = Buffer.alloc(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const sealed = cipher.update(randomBytes(CHUNK_BYTES));
  cipher.final();
  const tag = cipher.getAuthTag();
  const startedMs = performance.now();
  for (let number = 0; number < BYTES / CHUNK_BYTES; number++) {
    const decipher = createDecipheriv('aes-256-gcm', key, nonce);
    decipher.setAuthTag(tag);
    decipher.update(sealed);
    decipher.final();
  }
  return speed(startedMs);
}
