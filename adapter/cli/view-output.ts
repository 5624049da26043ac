/** Where the rows of a view are written. */
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { RowWriter } from '../../mappings/views/index.js';
import { AdapterError, codeOf } from '../errors.js';

/** Letters gathered before they are written. */
const WRITE_AT = 256 * 1024;

type Row = Parameters<RowWriter['row']>[0];

/** Where the rows of a view go. */
export interface ViewOutput<R = Row> {
  readonly row: (row: R) => void;
  /** Takes rows already written in the output's format, UTF-8, behind those before; absent where it takes values only. */
  readonly text?: (rows: Uint8Array) => void;
  /** Waits until what was gathered has been handed to the system. */
  readonly flush: () => Promise<void>;
  readonly finish: () => Promise<void>;
  /** Leaves nothing half written. */
  readonly discard: () => Promise<void>;
}

/** Whoever reads our stdout has had enough, as `head` has: that ends the run, and is no failure. */
export class ReaderGone extends Error {}

/**
 * Opens the output and writes the head line. Rows go to a file beside the one named, which takes its place when it is whole; or to stdout.
 *
 * Its functions throw AdapterError ADAPTER_DISK_FULL, ADAPTER_UNPROCESSABLE; ReaderGone.
 */
export function openViewOutput<R = Row>(
  to: string | undefined,
  writer: { readonly head: string; row(this: void, row: R): string },
): ViewOutput<R> {
  const part = to === undefined ? undefined : `${to}.part-${process.pid}`;
  const stream: Writable = part === undefined ? process.stdout : createWriteStream(part);
  // Kept until the next write asks for it: a stream tells its failure once.
  let failure: Error | undefined;
  stream.on('error', (error: Error) => {
    failure = error;
  });
  let text = writer.head;
  // Whole pieces: one text may not grow without bound.
  let pieces: (string | Uint8Array)[] = [];
  const write = async (): Promise<void> => {
    const gathered = [...pieces, text];
    [pieces, text] = [[], ''];
    for (const piece of gathered) {
      if (failure !== undefined) throw writeFailure(to, failure);
      await new Promise<void>((done, fail) => {
        stream.write(piece, (error) => (error ? fail(writeFailure(to, error)) : done()));
      });
    }
  };
  return {
    row: (row) => {
      text += writer.row(row);
      if (text.length < WRITE_AT) return;
      pieces.push(text);
      text = '';
    },
    text: (rows) => {
      if (text !== '') pieces.push(text);
      text = '';
      pieces.push(rows);
    },
    flush: async () => {
      if (pieces.length > 0) await write();
    },
    finish: async () => {
      await write();
      if (part === undefined || to === undefined) return;
      stream.end();
      await finished(stream);
      await rename(part, to);
    },
    discard: async () => {
      if (part === undefined) return;
      stream.destroy();
      await rm(part, { force: true });
    },
  };
}

function writeFailure(to: string | undefined, cause: Error): Error {
  const code = codeOf(cause);
  if (to === undefined && code === 'EPIPE') return new ReaderGone();
  return new AdapterError(
    code === 'ENOSPC' ? 'ADAPTER_DISK_FULL' : 'ADAPTER_UNPROCESSABLE',
    `cannot write ${to ?? 'the rows'}: ${cause.message}`,
    { cause },
  );
}
