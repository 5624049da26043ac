import { isUtf8 } from 'node:buffer';
import { MappingError } from '../errors.js';
import { sliceBundle, sliceNdjson, stripBom } from '../json/index.js';
import type { SlicedBundle } from '../json/index.js';
import { blocksOfLines } from './line-blocks.js';
import type { Cell } from './plan.js';
import { ProjectedReader } from './projected-json.js';
import { projectionOf } from './projection.js';
import { Shape } from './shape.js';
import type { View, ViewRun } from './view.js';

/** What a reader has done so far. */
export interface ViewCounts {
  /** Resources looked at, of whatever type. */
  resources: number;
  /** Resources of the view's type for which its `where` held. */
  taken: number;
  rows: number;
}

/**
 * Runs a view over bytes. Of each resource only what the view names is read; the rest is measured, not checked, so
 * text that is not JSON there is not always noticed. For bytes nobody has checked and that must be refused as a whole,
 * parse them with `parseJson` and use the view's run.
 */
export class ViewReader {
  readonly counts: ViewCounts = { resources: 0, taken: 0, rows: 0 };
  /** The line of NDJSON that was begun last, from 1, lines without text not counted. */
  line = 0;
  readonly #view: View;
  readonly #run: ViewRun;
  readonly #reader: ProjectedReader;

  /** @param emit - Called with each row; the array is used again for the next. */
  constructor(view: View, emit: (row: readonly Cell[]) => void) {
    this.#view = view;
    this.#reader = new ProjectedReader(view.projection, view.resource);
    this.#run = view.start((row) => {
      this.counts.rows += 1;
      emit(row);
    });
  }

  /**
   * Takes one resource, UTF-8.
   *
   * @throws MappingError MAPPING_NOT_UTF8, MAPPING_NOT_JSON, MAPPING_NOT_A_RESOURCE, MAPPING_JSON_DEPTH and the others
   * of parseJson; ViewError.
   */
  resource(bytes: Buffer): void {
    mustBeUtf8(bytes);
    this.#add(bytes, 0, bytes.length);
  }

  /**
   * Takes a JSON document: a resource, or a Bundle, of which it takes the resources. References between the entries
   * by `fullUrl` get the keys of what they mean. A view of Bundles takes the Bundle itself.
   *
   * @throws as resource(), and MappingError MAPPING_BUNDLE_TOO_LARGE, MAPPING_BAD_ELEMENT.
   */
  document(file: Buffer): void {
    const bytes = stripBom(file);
    mustBeUtf8(bytes);
    const isBundle =
      this.#view.resource !== 'Bundle' && HEAD.read(bytes, 0, bytes.length)?.['resourceType'] === 'Bundle';
    if (!isBundle) {
      this.#add(bytes, 0, bytes.length);
      return;
    }
    const bundle = sliceBundle(bytes);
    const urn = urnsOf(bytes, bundle);
    for (const { resource } of bundle.entries) {
      if (resource !== undefined) this.#add(bytes, resource.start, resource.end, urn);
    }
  }

  /**
   * Takes a stream of NDJSON, with no more in memory than a chunk and a line.
   *
   * @param chunks - The bytes in order, in pieces of any size; large ones (some 100 KB) are fastest.
   * @throws as resource(), and MappingError MAPPING_LINE_TOO_LONG. `line` then says which line it was.
   * @see FHIR Bulk Data Access, NDJSON
   */
  async ndjson(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    let isFirst = true;
    for await (const block of blocksOfLines(chunks)) {
      this.lines(isFirst ? stripBom(block) : block);
      isFirst = false;
    }
  }

  /** Takes NDJSON that is in memory: whole lines. Throws as {@link ndjson}. */
  lines(block: Buffer): void {
    const isSound = isUtf8(block);
    for (const { start, end } of sliceNdjson(block)) {
      this.line += 1;
      // The block is at fault; which line is, is told by looking at each.
      if (!isSound) mustBeUtf8(block.subarray(start, end));
      this.#add(block, start, end);
    }
  }

  #add(bytes: Buffer, start: number, end: number, urn?: ReadonlyMap<string, string>): void {
    this.counts.resources += 1;
    const resource = this.#reader.read(bytes, start, end);
    if (resource !== undefined && this.#run.add(resource, urn)) this.counts.taken += 1;
  }
}

const HEAD = headReader();

/** Reads type and id of any resource. */
function headReader(): ProjectedReader {
  const shape = new Shape();
  for (const name of ['resourceType', 'id']) shape.member(name).whole = true;
  return new ProjectedReader(projectionOf(shape));
}

/** `Type/id` of each entry by its `fullUrl`. */
function urnsOf(bytes: Buffer, { entries }: SlicedBundle): Map<string, string> {
  const found = new Map<string, string>();
  for (const { fullUrl, resource } of entries) {
    if (fullUrl === undefined || resource === undefined) continue;
    const head = HEAD.read(bytes, resource.start, resource.end);
    const type = head?.['resourceType'];
    const id = head?.['id'];
    if (typeof type === 'string' && typeof id === 'string') found.set(fullUrl, `${type}/${id}`);
  }
  return found;
}

function mustBeUtf8(bytes: Buffer): void {
  if (!isUtf8(bytes)) throw new MappingError('MAPPING_NOT_UTF8', 'the bytes are not UTF-8');
}
