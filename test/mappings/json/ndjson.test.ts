import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MappingError, ndjsonLines, sliceNdjson } from '../../../mappings/index.js';

const TEXT = '{"a":7.40}\r\n\n  {"b":"µ"}\t\n\r\n{"c":3}';
const LINES = ['{"a":7.40}', '{"b":"µ"}', '{"c":3}'];

async function read(chunks: Iterable<Uint8Array>, lineBytesMax?: number): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of ndjsonLines(chunks, lineBytesMax === undefined ? {} : { lineBytesMax })) {
    lines.push(line.toString('utf8'));
  }
  return lines;
}

function chunked(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let from = 0; from < bytes.length; from += size) chunks.push(bytes.subarray(from, from + size));
  return chunks;
}

describe('NDJSON', () => {
  it('slices the lines that hold something', () => {
    const bytes = Buffer.from(TEXT);
    assert.deepEqual(
      sliceNdjson(bytes).map(({ start, end }) => bytes.toString('utf8', start, end)),
      LINES,
    );
    assert.deepEqual(sliceNdjson(Buffer.alloc(0)), []);
  });

  it('streams the same lines, however the bytes arrive', async () => {
    for (let size = 1; size <= TEXT.length + 2; size++) {
      assert.deepEqual(await read(chunked(Buffer.from(TEXT), size)), LINES, `chunks of ${size}`);
    }
    assert.deepEqual(await read(chunked(Buffer.from(`${TEXT}\n`), 4)), LINES);
    assert.deepEqual(await read([]), []);
  });

  it('does not rely on a chunk after the next one came', async () => {
    const shared = Buffer.alloc(4);
    function* reused(): Generator<Buffer> {
      for (const piece of ['{"a"', ':1}\n', '{"b"', ':2}\n']) {
        shared.write(piece);
        yield shared;
      }
    }
    assert.deepEqual(await read(reused()), ['{"a":1}', '{"b":2}']);
  });

  it('bounds a line', async () => {
    await assert.rejects(
      read(chunked(Buffer.from('x'.repeat(100)), 7), 50),
      (error: unknown) => error instanceof MappingError && error.code === 'MAPPING_LINE_TOO_LONG',
    );
    await assert.rejects(read([Buffer.from(`${'x'.repeat(51)}\n`)], 50), MappingError);
    assert.equal((await read([Buffer.from(`${'x'.repeat(50)}\n`)], 50)).length, 1);
  });
});
