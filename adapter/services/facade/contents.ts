/**
 * Bodies that leave as they are read: what lies in a file is never held as a whole, and what came as the content of a
 * Binary leaves as that, or written into the resource.
 */
import type { Blobs } from '../../../ledger/vault/index.js';
import { isLargeRow } from '../../../ledger/vault/index.js';
import { dataPlaces, JsonOutline } from '../../../mappings/index.js';
import type { PermittedVersion } from './patient-gate.js';

/** The bytes as they were received. */
export async function* nativeContent(version: PermittedVersion, blobs: Blobs): AsyncGenerator<Buffer> {
  if (isLargeRow(version.row)) yield* version.gate.openLarge(version, blobs);
  else yield version.gate.open(version);
}

/** A Binary around its content. */
export async function* nativeAsResource(
  version: PermittedVersion,
  contentType: string,
  blobs: Blobs,
): AsyncGenerator<Buffer> {
  const head = JSON.stringify({ resourceType: 'Binary', id: version.id, contentType });
  yield Buffer.from(`${head.slice(0, -1)},"data":"`, 'utf8');
  let rest = Buffer.alloc(0);
  for await (const piece of nativeContent(version, blobs)) {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    // Three bytes make four characters: what is over waits for the next piece.
    const whole = bytes.length - (bytes.length % 3);
    rest = Buffer.from(bytes.subarray(whole));
    yield Buffer.from(bytes.toString('base64', 0, whole), 'latin1');
  }
  yield Buffer.from(`${rest.toString('base64')}"}`, 'latin1');
}

/**
 * A large resource with the facade's ids: its elements as they were rewritten, and its data as it is read.
 *
 * @param outline - The resource without its data, rewritten.
 */
export async function* largeResource(
  version: PermittedVersion,
  outline: Buffer,
  blobs: Blobs,
): AsyncGenerator<Buffer> {
  const places = dataPlaces(outline);
  let from = 0;
  let next = 0;
  let waiting: Buffer[] = [];
  const upToData = (): void => {
    const to = places[next++] ?? outline.length;
    if (to > from) waiting.push(outline.subarray(from, to));
    from = to;
  };
  upToData();
  const reader = new JsonOutline({
    on: (piece) => waiting.push(Buffer.from(piece)),
    onEnd: upToData,
  });
  for await (const piece of version.gate.openLarge(version, blobs)) {
    reader.push(piece);
    if (waiting.length > 0) yield Buffer.concat(waiting);
    waiting = [];
  }
  reader.end();
  yield outline.subarray(from);
}
