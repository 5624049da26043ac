/*
 * The port behind which views run. The engine here reads files on this machine, on as many threads as it has; another,
 * such as one that hands the same ViewDefinition to a cluster, keeps the same contract.
 */
import { availableParallelism } from 'node:os';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { stripBom } from '../../mappings/index.js';
import {
  BlockError,
  blocksOfLines,
  compileView,
  ViewReader,
  ViewThreads,
} from '../../mappings/views/index.js';
import type { RowFormat, ViewCounts } from '../../mappings/views/index.js';
import { faultIn, NDJSON_FILE, passingChunksOf, readViewFile } from './view-files.js';
import type { ViewOutput } from './view-output.js';

/** What is to be run. */
export interface ViewTask {
  /** A ViewDefinition that compiles, as JSON. */
  readonly definition: unknown;
  /** Files with resources, in order. */
  readonly files: readonly string[];
  /** How the output writes rows; undefined where it takes them as values. */
  readonly format: RowFormat | undefined;
  readonly output: ViewOutput;
  /** Told before each file. */
  readonly onFile: (index: number, rows: number) => void;
}

/**
 * Runs a view: gives the output the rows of every resource of the view's type, those of a file in its order and the files in
 * theirs, and returns when all were given. It neither opens nor finishes the output, and gives nothing after it has failed.
 * Rows depend on the definition and the files alone, not on the engine.
 *
 * Its function throws AdapterError ADAPTER_UNPROCESSABLE, which names the file and the line at fault, and whatever the output throws.
 */
export interface ViewEngine {
  readonly run: (task: ViewTask) => Promise<ViewCounts>;
}

/** Threads start slower than so many bytes are read. */
const SHARED_BYTES_MIN = 16 * 1024 * 1024;
/** gzip makes NDJSON about so much smaller. */
const PACKED = 10;
/** More threads than this wait for one another's output. */
export const THREADS_MAX = 16;

/** @param threads - As many as the machine runs at a time, for long files, unless given. */
export function localEngine(threads?: number): ViewEngine {
  return {
    run: async (task) => {
      const used = threads ?? ((await lineBytes(task.files)) < SHARED_BYTES_MIN ? 1 : availableParallelism());
      const { format, output } = task;
      const { text } = output;
      if (format === undefined || text === undefined || used === 1) return runAlone(task);
      return runOnThreads(task, format, text, Math.min(THREADS_MAX, used));
    },
  };
}

async function runAlone({ definition, files, output, onFile }: ViewTask): Promise<ViewCounts> {
  const reader = new ViewReader(compileView(definition), output.row);
  for (const [i, file] of files.entries()) {
    onFile(i, reader.counts.rows);
    await readViewFile(reader, file, output.flush);
  }
  return reader.counts;
}

async function runOnThreads(
  { definition, files, output, onFile }: ViewTask,
  format: RowFormat,
  text: (rows: Uint8Array) => void,
  count: number,
): Promise<ViewCounts> {
  const reader = new ViewReader(compileView(definition), output.row);
  const { counts } = reader;
  const threads = new ViewThreads(definition, format, count);
  try {
    for (const [i, file] of files.entries()) {
      onFile(i, counts.rows);
      if (!NDJSON_FILE.test(file)) {
        await readViewFile(reader, file, output.flush);
        continue;
      }
      let lines = 0;
      const take = async (): Promise<void> => {
        const done = await threads.take().catch((error: unknown) => {
          throw error instanceof BlockError ? faultIn(file, lines + error.line, error.cause) : error;
        });
        lines += done.lines;
        counts.resources += done.resources;
        counts.taken += done.taken;
        counts.rows += done.rows;
        text(done.text);
        await output.flush();
      };
      let isFirst = true;
      for await (const block of blocksOfLines(passingChunksOf(file))) {
        if (threads.isFull) await take();
        threads.give(isFirst ? stripBom(block) : block);
        isFirst = false;
      }
      while (threads.pending > 0) await take();
    }
    return counts;
  } finally {
    await threads.close();
  }
}

async function lineBytes(files: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const file of files) {
    if (!NDJSON_FILE.test(file)) continue;
    const { size } = await stat(file);
    bytes += extname(file) === '.gz' ? size * PACKED : size;
    if (bytes >= SHARED_BYTES_MIN) break;
  }
  return bytes;
}
