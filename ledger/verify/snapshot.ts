/** A plain row of values: how the rules write down where they stand, so that a later run can go on from there. */
import { LedgerError } from '../errors.js';

/** Collects values in order. */
export class SnapshotWriter {
  readonly #parts: Buffer[] = [];

  /** @param value - Up to 4 GiB. */
  bytes(value: Uint8Array): void {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(value.length);
    this.#parts.push(length, Buffer.from(value.buffer, value.byteOffset, value.byteLength));
  }

  text(value: string): void {
    this.bytes(Buffer.from(value, 'utf8'));
  }

  /** @param value - An integer. */
  number(value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value);
    this.#parts.push(bytes);
  }

  /** @param value - What JSON can say. */
  json(value: unknown): void {
    this.text(JSON.stringify(value));
  }

  /** All values; they are not copied. */
  parts(): readonly Buffer[] {
    return this.#parts;
  }
}

/** Gives values back in the order in which they were written. */
export class SnapshotReader {
  readonly #all: Buffer;
  #at = 0;

  constructor(all: Buffer) {
    this.#all = all;
  }

  /** A view, not a copy. @throws LedgerError LEDGER_CORRUPT, as all methods do, where the values end. */
  bytes(): Buffer {
    return this.#take(this.#take(4).readUInt32LE());
  }

  text(): string {
    return this.bytes().toString('utf8');
  }

  number(): number {
    return this.#take(8).readDoubleLE();
  }

  json(): unknown {
    try {
      return JSON.parse(this.text());
    } catch (cause) {
      throw new LedgerError('LEDGER_CORRUPT', 'a state that cannot be read', { cause });
    }
  }

  /** What is left, as a view. */
  rest(): Buffer {
    return this.#take(this.#all.length - this.#at);
  }

  /** @throws LedgerError LEDGER_CORRUPT where values are left. */
  end(): void {
    if (this.#at !== this.#all.length) throw new LedgerError('LEDGER_CORRUPT', 'a state with more behind it');
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#all.length) throw new LedgerError('LEDGER_CORRUPT', 'a state that ends early');
    const taken = this.#all.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
