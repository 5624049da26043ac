/**
 * Asking a witness to cosign our checkpoint.
 *
 * @see https://c2sp.org/tlog-witness
 */
import { parseCheckpoint, splitNote } from '../../../ledger/log/index.js';
import {
  findCosignature,
  formatAddCheckpoint,
  fromTiles,
  prefixPath,
  proofOfPath,
  withSignatures,
} from '../../../ledger/witness/index.js';
import type { PolicyWitness, TileSource } from '../../../ledger/witness/index.js';
import { codeOf } from '../../errors.js';

/** A witness's answer over HTTP. */
export interface WitnessReply {
  readonly status: number;
  /** Content type, as sent. */
  readonly type: string;
  readonly body: Buffer;
}

/** Sends a request. @throws Whatever the network throws, and when the signal aborts. */
export type Post = (url: string, body: Buffer, signal: AbortSignal) => Promise<WitnessReply>;

/** What came of asking. */
export type Asked =
  | {
      readonly outcome: 'cosigned';
      /** Without its line feed; checked with the witness's key. */
      readonly line: string;
      readonly timeS: number;
    }
  | {
      readonly outcome: 'refused';
      /**
       * `witness-is-ahead`: it cosigned a larger tree of this log than ours; `witness-saw-another-root`: it cosigned
       * another tree of this size. Both mean that our log was rolled back or forked. `witness-knows-a-newer-one`: it
       * cosigned a tree larger than the one shown, though not than ours: it follows us by itself.
       */
      readonly code:
        | 'witness-is-ahead'
        | 'witness-knows-a-newer-one'
        | 'witness-saw-another-root'
        | 'no-good-cosignature'
        | 'too-many-conflicts'
        | `status-${number}`;
    }
  | { readonly outcome: 'unreachable'; readonly code: string };

/** Answers are a few lines. */
const REPLY_BYTES_MAX = 64 * 1024;

/** Conflicts in one asking: one tells us the size that the witness knows, more mean that others ask it too. */
const ATTEMPTS_MAX = 3;

/** A witness, and what we know of it. */
export class AskedWitness {
  readonly witness: PolicyWitness;
  readonly #url: string;
  readonly #post: Post;
  /** Size that the witness cosigned last, as far as we know. */
  #knownSize: number;

  /**
   * @param url - Submission prefix.
   * @param knownSize - Size that it cosigned last, where that is known from before.
   */
  constructor(witness: PolicyWitness, url: string, post: Post = postByHttp, knownSize = 0) {
    this.witness = witness;
    this.#knownSize = knownSize;
    this.#url = `${url.replace(/\/+$/, '')}/add-checkpoint`;
    this.#post = post;
  }

  /**
   * Asks for a cosignature.
   *
   * @param note - Our signed checkpoint.
   * @param tiles - The log's published files, of that size at least.
   * @param newestSize - Of the log now: a witness that knows no more than that knows nothing strange.
   */
  async ask(
    note: Buffer,
    tiles: TileSource,
    signal: AbortSignal,
    newestSize: () => number = () => 0,
  ): Promise<Asked> {
    const checkpoint = parseCheckpoint(splitNote(note)?.text ?? '');
    if (checkpoint === undefined) return { outcome: 'refused', code: 'no-good-cosignature' };
    const { size } = checkpoint;
    try {
      for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
        const oldSize = this.#knownSize;
        if (oldSize > size) {
          if (oldSize <= newestSize()) return { outcome: 'refused', code: 'witness-knows-a-newer-one' };
          // Learned anew the next time: what it said may have been wrong.
          this.#knownSize = 0;
          return { outcome: 'refused', code: 'witness-is-ahead' };
        }
        const proof = await proofOf(oldSize, size, tiles);
        const reply = await this.#post(this.#url, formatAddCheckpoint({ oldSize, proof, note }), signal);
        if (reply.status === 200) {
          const signed = this.#lineIn(note, reply.body);
          if (signed === undefined) return { outcome: 'refused', code: 'no-good-cosignature' };
          this.#knownSize = size;
          return signed;
        }
        const known = reply.status === 409 ? sizeIn(reply) : undefined;
        if (known === undefined) return { outcome: 'refused', code: `status-${reply.status}` };
        if (known === oldSize && known === size)
          return { outcome: 'refused', code: 'witness-saw-another-root' };
        this.#knownSize = known;
      }
      return { outcome: 'refused', code: 'too-many-conflicts' };
    } catch (error) {
      return { outcome: 'unreachable', code: signal.aborted ? 'no-answer-in-time' : reasonOf(error) };
    }
  }

  /** Lines of other keys are ignored, and so is a line that does not check. */
  #lineIn(note: Buffer, body: Buffer): Asked | undefined {
    const text = splitNote(note)?.text;
    if (text === undefined) return undefined;
    const bare = Buffer.from(`${text}\n`, 'utf8');
    const found = findCosignature(Buffer.concat([bare, body]), this.witness.verifier);
    return found === undefined ? undefined : { outcome: 'cosigned', line: found.line, timeS: found.timeS };
  }
}

/** The note with the cosignatures found, in the order given. */
export function cosignedNote(note: Buffer, lines: Iterable<string>): Buffer {
  return withSignatures(note, [...lines]);
}

async function proofOf(oldSize: number, size: number, tiles: TileSource): Promise<readonly Buffer[]> {
  if (oldSize === 0 || oldSize === size) return [];
  return proofOfPath(oldSize, await fromTiles(tiles, size, (read) => prefixPath(oldSize, size, read)));
}

/** The code of what went wrong below: `fetch` tells the network's error as a cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? codeOf(cause) : codeOf(error);
}

/** The size in a conflict's body. */
function sizeIn({ type, body }: WitnessReply): number | undefined {
  if (type.split(';')[0]?.trim() !== 'text/x.tlog.size') return undefined;
  const text = /^(0|[1-9]\d{0,15})\n$/.exec(body.toString('latin1'))?.[1];
  return text !== undefined && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
}

async function postByHttp(url: string, body: Buffer, signal: AbortSignal): Promise<WitnessReply> {
  // A witness's address is one address: a redirect could lead to a place that the policy does not name.
  const response = await fetch(url, {
    method: 'POST',
    body: new Uint8Array(body),
    redirect: 'error',
    signal,
  });
  const chunks: Uint8Array[] = [];
  let length = 0;
  const stream: AsyncIterable<Uint8Array> | null = response.body;
  if (stream !== null) {
    for await (const chunk of stream) {
      length += chunk.length;
      // Leaving the loop cancels the rest.
      if (length > REPLY_BYTES_MAX) break;
      chunks.push(chunk);
    }
  }
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? '',
    body: Buffer.concat(chunks),
  };
}
