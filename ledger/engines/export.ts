/**
 * A log as files: what a web server can publish and anyone can keep.
 */
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LedgerError } from '../errors.js';
import {
  entriesPath,
  fullTiles,
  parseCheckpoint,
  partialWidth,
  schemaFiles,
  splitNote,
  TILE_WIDTH,
  tilePath,
  tilesOf,
} from '../log/index.js';
import type { Checkpoint } from '../log/index.js';
import type { PublishedLog } from './engine.js';
import { rotationPath } from './log-rows.js';

/** What an export did. */
export interface Exported {
  /** Count of entries in the folder now. */
  readonly size: number;
  /** Tiles and bundles written by this call; full ones that were there already are kept. */
  readonly filesWritten: number;
}

/**
 * Writes the published log into a folder, in the layout of C2SP tlog-tiles, with `vkey` and `schemas/` beside.
 * Only what is missing is written. Each file appears whole under its name, and the checkpoint last, so that at
 * any moment (also after a crash) the folder is a good log of its checkpoint's size.
 *
 * @param dir - Made if absent.
 * @param beside - Further files by their path, written anew each time.
 * @throws LedgerError LEDGER_OTHER_LOG when the folder holds a log of another origin, or a longer one;
 * LEDGER_CORRUPT when the log lacks a tile; LEDGER_WRITE_FAILED.
 * @see https://c2sp.org/tlog-tiles
 */
export async function exportLog(
  log: PublishedLog,
  dir: string,
  beside: ReadonlyMap<string, Buffer> = new Map(),
): Promise<Exported> {
  // The note is taken first: whatever is committed meanwhile only adds to the tiles that it needs.
  const note = log.checkpoint();
  const checkpoint = readCheckpoint(note);
  const before = await exportedCheckpoint(dir);
  if (before !== undefined && (before.origin !== checkpoint.origin || before.size > checkpoint.size)) {
    throw new LedgerError('LEDGER_OTHER_LOG', 'the folder holds another log, or a longer one');
  }
  let filesWritten = 0;
  const publish = async (path: string, isFull: boolean): Promise<void> => {
    if (isFull && (await exists(join(dir, path)))) return;
    const bytes = await log.read(path);
    if (bytes === undefined) throw new LedgerError('LEDGER_CORRUPT', `the log lacks ${path}`);
    await writeWhole(join(dir, path), bytes);
    filesWritten += 1;
  };
  const { size } = checkpoint;
  for (const { level, index, width } of tilesOf(size)) {
    if (level === 0) await publish(entriesPath(index, width), width === TILE_WIDTH);
    await publish(tilePath(level, index, width), width === TILE_WIDTH);
  }
  for (const [path, bytes] of [...schemaFiles, ...beside]) await writeWhole(join(dir, path), bytes);
  const vkey = await log.read('vkey');
  if (vkey !== undefined) await writeWhole(join(dir, 'vkey'), vkey);
  for (let i = 0; ; i++) {
    const rotation = await log.read(rotationPath(i));
    if (rotation === undefined) break;
    await writeWhole(join(dir, rotationPath(i)), rotation);
  }
  await writeWhole(join(dir, 'checkpoint'), note);
  if (before !== undefined) await removeOutgrown(dir, before.size, size);
  return { size, filesWritten };
}

/** Partial tiles of the size before, where a full or wider one stands now; readers fall back to that. */
async function removeOutgrown(dir: string, sizeBefore: number, size: number): Promise<void> {
  for (const { level, index, width } of tilesOf(sizeBefore)) {
    const unchanged = index === fullTiles(size, level) && width === partialWidth(size, level);
    if (width === TILE_WIDTH || unchanged) continue;
    await rm(join(dir, tilePath(level, index, width)), { force: true });
    if (level === 0) await rm(join(dir, entriesPath(index, width)), { force: true });
  }
}

async function exportedCheckpoint(dir: string): Promise<Checkpoint | undefined> {
  const path = join(dir, 'checkpoint');
  return (await exists(path)) ? readCheckpoint(await readFile(path)) : undefined;
}

function readCheckpoint(note: Buffer): Checkpoint {
  const checkpoint = parseCheckpoint(splitNote(note)?.text ?? '');
  if (checkpoint === undefined) throw new LedgerError('LEDGER_CORRUPT', 'a checkpoint that is none');
  return checkpoint;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function writeWhole(path: string, bytes: Buffer): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    throw new LedgerError('LEDGER_WRITE_FAILED', 'a file of the export could not be written', { cause });
  }
}
