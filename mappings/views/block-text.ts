import { MappingError } from '../errors.js';
import type { MappingErrorCode } from '../errors.js';
import { ViewError } from './errors.js';
import type { ViewErrorCode } from './errors.js';
import { csvWriter, ndjsonWriter } from './row-text.js';
import { compileView } from './view.js';
import { ViewReader } from './view-reader.js';

/** How rows are written as text. */
export type RowFormat = 'csv' | 'ndjson';

/** What a block of lines gave. */
export interface BlockText {
  /** The rows, without the head line, UTF-8. */
  readonly text: Uint8Array;
  readonly resources: number;
  readonly taken: number;
  readonly rows: number;
  /** Lines with text. */
  readonly lines: number;
}

/** Why a block could not be read, in a form that threads can pass on. */
export interface BlockFault {
  readonly kind: 'mapping' | 'view';
  readonly code: string;
  readonly message: string;
  /** The line at fault, counted in the block from 1, lines without text not counted. */
  readonly line: number;
}

/** What became of a block; its memory goes back with it, to be used again. */
export type BlockAnswer = { readonly id: number; readonly block: Uint8Array } & (
  { readonly done: BlockText } | { readonly fault: BlockFault }
);

/** A block to read. */
export interface BlockTask {
  readonly id: number;
  readonly block: Uint8Array;
  /** Bytes of it that are to be read. */
  readonly size: number;
}

/** A line that was at fault, of the blocks given in turn. */
export class BlockError extends Error {
  override readonly cause: MappingError | ViewError;
  /** In its block, from 1. */
  readonly line: number;

  constructor({ kind, code, message, line }: BlockFault) {
    super(message);
    this.line = line;
    this.cause =
      kind === 'view'
        ? new ViewError(code as ViewErrorCode, message)
        : new MappingError(code as MappingErrorCode, message);
  }
}

const encoder = new TextEncoder();

/**
 * Makes a function from a block of lines to the text of its rows.
 *
 * @param definition - A ViewDefinition that compiles.
 */
export function blockReader(definition: unknown, format: RowFormat): (task: BlockTask) => BlockAnswer {
  const view = compileView(definition);
  const writer = format === 'csv' ? csvWriter(view.columns) : ndjsonWriter(view.columns);
  let text = '';
  const reader = new ViewReader(view, (row) => {
    text += writer.row(row);
  });
  return ({ id, block, size }) => {
    text = '';
    reader.line = 0;
    const { resources, taken, rows } = reader.counts;
    try {
      reader.lines(Buffer.from(block.buffer, block.byteOffset, size));
    } catch (error) {
      if (!(error instanceof MappingError) && !(error instanceof ViewError)) throw error;
      const kind = error instanceof ViewError ? 'view' : 'mapping';
      return { id, block, fault: { kind, code: error.code, message: error.message, line: reader.line } };
    }
    const { counts } = reader;
    return {
      id,
      block,
      done: {
        text: encoder.encode(text),
        resources: counts.resources - resources,
        taken: counts.taken - taken,
        rows: counts.rows - rows,
        lines: reader.line,
      },
    };
  };
}
