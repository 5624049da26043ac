/** A file that only grows: lines that wait together share one write and one fsync. */
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

interface Waiting {
  readonly text: string;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

export class AppendFile {
  readonly #file: FileHandle;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #failure: { readonly reason: unknown } | undefined;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Opens for appending; made when absent, readable by its owner alone. */
  static async open(path: string): Promise<AppendFile> {
    return new AppendFile(await open(path, 'a', 0o600));
  }

  /**
   * Appends a value as a line of JSON. Resolves when it is on the disk.
   *
   * @throws The system's error, from then on for every line: only opening anew can tell what is on the disk.
   */
  append(value: unknown): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#waiting.push({ text: `${JSON.stringify(value)}\n`, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  /** Writes what waits, then closes. */
  async close(): Promise<void> {
    await this.#flushing;
    await this.#file.close();
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        if (this.#failure !== undefined) throw this.#failure.reason;
        await this.#file.appendFile(group.map(({ text }) => text).join(''));
        await this.#file.datasync();
        for (const { resolve } of group) resolve();
      } catch (reason) {
        this.#failure ??= { reason };
        for (const { reject } of group) reject(reason);
      }
    }
    this.#flushing = undefined;
  }
}
