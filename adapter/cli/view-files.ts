/** The files that a view is run over. */
import { createReadStream } from 'node:fs';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { pipeline } from 'node:stream';
import { promisify } from 'node:util';
import { createGunzip, gunzip } from 'node:zlib';
import { MappingError } from '../../mappings/index.js';
import { ViewError } from '../../mappings/views/index.js';
import type { ViewReader } from '../../mappings/views/index.js';
import { AdapterError, codeOf } from '../errors.js';

/** Bytes of one JSON document after decompression; larger data come as NDJSON, which is streamed. */
const DOCUMENT_BYTES_MAX = 512 * 1024 * 1024;
/** Bytes read at once: large pieces keep the share of work between pieces small. */
const CHUNK_BYTES = 1024 * 1024;
/** Files of one run, and folders within one another. */
const FILES_MAX = 1_000_000;
const FOLDER_DEPTH_MAX = 16;

const JSON_FILE = /\.json(?:\.gz)?$/i;
/** Files with a resource a line, by their name. */
export const NDJSON_FILE = /\.(?:ndjson|jsonl)(?:\.gz)?$/i;

/**
 * The files that paths name: files as they are, of folders the .json, .ndjson and .jsonl files, plain or .gz, in order
 * of their names.
 *
 * @throws AdapterError ADAPTER_NOT_FOUND, ADAPTER_USAGE where there is none or far too many.
 */
export async function listViewFiles(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) await addFiles(path, files, 0);
  if (files.length === 0)
    throw new AdapterError('ADAPTER_USAGE', 'there is no .json or .ndjson file to read');
  return files;
}

async function addFiles(path: string, files: string[], depth: number): Promise<void> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new AdapterError('ADAPTER_NOT_FOUND', `there is no ${path}`, { cause });
  });
  if (!found.isDirectory()) {
    files.push(path);
    return;
  }
  if (depth === FOLDER_DEPTH_MAX) throw new AdapterError('ADAPTER_USAGE', `${path} is too deep a folder`);
  const entries = await readdir(path, { withFileTypes: true });
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const isData = entry.isFile() && (JSON_FILE.test(entry.name) || NDJSON_FILE.test(entry.name));
    if (isData || entry.isDirectory()) await addFiles(join(path, entry.name), files, depth + 1);
    if (files.length > FILES_MAX) throw new AdapterError('ADAPTER_USAGE', `more than ${FILES_MAX} files`);
  }
}

/**
 * Runs a view over a file: NDJSON by its ending, else a Bundle or resource.
 *
 * @param flush - Awaited between the pieces of a file.
 * @throws AdapterError ADAPTER_UNPROCESSABLE, which names the file and the line at fault.
 */
export async function readViewFile(
  reader: ViewReader,
  file: string,
  flush: () => Promise<void>,
): Promise<void> {
  const isLines = NDJSON_FILE.test(file);
  reader.line = 0;
  try {
    if (isLines) await reader.ndjson(flushing(passingChunksOf(file), flush));
    else {
      reader.document(await documentOf(file));
      await flush();
    }
  } catch (error) {
    if (!(error instanceof MappingError) && !(error instanceof ViewError)) throw error;
    throw faultIn(file, isLines ? reader.line : 0, error);
  }
}

/** @param line - Counted from 1; 0 for none. */
export function faultIn(file: string, line: number, cause: MappingError | ViewError): AdapterError {
  const place = line > 0 ? `${file}:${line}` : file;
  return new AdapterError('ADAPTER_UNPROCESSABLE', `${place}: ${cause.message} (${codeOf(cause)})`, {
    cause,
  });
}

/** A file's bytes in pieces, unpacked. */
export function chunksOf(file: string): AsyncIterable<Uint8Array> {
  const stream = createReadStream(file, { highWaterMark: CHUNK_BYTES });
  // A pipeline, so that a failure of the file ends the decompression too.
  return extname(file) === '.gz'
    ? pipeline(stream, createGunzip({ chunkSize: CHUNK_BYTES }), () => undefined)
    : stream;
}

/** The same for who is done with a piece before asking for the next: of a plain file all have one memory. */
export function passingChunksOf(file: string): AsyncIterable<Uint8Array> {
  return extname(file) === '.gz' ? chunksOf(file) : plainChunksOf(file);
}

async function* plainChunksOf(file: string): AsyncGenerator<Uint8Array, void, undefined> {
  const handle = await open(file);
  try {
    const memory = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await handle.read(memory, 0, CHUNK_BYTES, null);
      if (bytesRead === 0) return;
      yield memory.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** The pieces, with the rows of each written out before the next is read. */
async function* flushing(
  chunks: AsyncIterable<Uint8Array>,
  flush: () => Promise<void>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of chunks) {
    yield chunk;
    await flush();
  }
}

/**
 * A file's bytes whole, unpacked.
 *
 * @throws AdapterError ADAPTER_UNPROCESSABLE where it is too large, or no gzip.
 */
export async function documentOf(file: string): Promise<Buffer> {
  const { size } = await stat(file);
  if (size > DOCUMENT_BYTES_MAX)
    throw new AdapterError('ADAPTER_UNPROCESSABLE', `${file} is too large; use NDJSON`);
  const raw = await readFile(file);
  if (extname(file) !== '.gz') return raw;
  return promisify(gunzip)(raw, { maxOutputLength: DOCUMENT_BYTES_MAX }).catch((cause: unknown) => {
    throw new AdapterError('ADAPTER_UNPROCESSABLE', `${file} is not gzip, or too large`, { cause });
  });
}
