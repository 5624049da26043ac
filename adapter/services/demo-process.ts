/**
 * The demo hospital, its wards and its patients' wallets: a process of its own, which knows Firebreak by its public
 * HTTP address alone. Between the two go only what a hospital's administrator would type in.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { AdapterError } from '../errors.js';

/** What the demo tells us. */
export type DemoNews =
  | {
      readonly type: 'hospital';
      readonly url: string;
      readonly token: string;
      readonly csr: string;
      readonly name: string;
    }
  | { readonly type: 'progress'; readonly text: string }
  /** The plan of this run is done: history, consents in time, late ones, withdrawals, ward events. */
  | { readonly type: 'settled'; readonly report: Readonly<Record<string, number>> }
  | { readonly type: 'failed'; readonly message: string };

/** What we tell the demo. */
export type DemoOrder =
  | {
      readonly type: 'start';
      readonly dataDir: string;
      readonly patients: number;
      readonly firebreakUrl: string;
    }
  | {
      readonly type: 'connect';
      readonly firebreakUrl: string;
      readonly source: string;
      readonly secret: string;
      /** Whether to end after the plan instead of producing observations on and on. */
      readonly once: boolean;
    };

/** The hospital writes its journal to disk before it ends, ms. */
const STOP_MS = 3000;

export class DemoProcess {
  readonly #child: ChildProcess;
  readonly #listeners = new Set<(news: DemoNews) => void>();
  readonly #exited: Promise<void>;
  #stopping = false;

  constructor() {
    this.#child = fork(fileURLToPath(new URL('../../demo/main.js', import.meta.url)), [], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child.on('message', (news) => {
      for (const listener of this.#listeners) listener(news as DemoNews);
    });
    const failed = (how: string): void => {
      if (this.#stopping) return;
      for (const listener of this.#listeners)
        listener({ type: 'failed', message: `the demo hospital ended (${how})` });
    };
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', (code) => {
        failed(String(code ?? 'killed'));
        resolve();
      });
      // It could not be started, or its channel broke while it was ending.
      this.#child.on('error', ({ message }) => {
        failed(message);
        if (this.#child.pid === undefined) resolve();
      });
    });
  }

  send(order: DemoOrder): void {
    // When it is gone, its end is told by `exit`: what could not be sent is no news of its own.
    if (this.#child.connected) this.#child.send(order, () => undefined);
  }

  on(listener: (news: DemoNews) => void): void {
    this.#listeners.add(listener);
  }

  /**
   * Waits for a kind of news.
   *
   * @throws AdapterError ADAPTER_CONFLICT when the demo fails instead.
   */
  next<T extends DemoNews['type']>(type: T, signal?: AbortSignal): Promise<Extract<DemoNews, { type: T }>> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#listeners.delete(listener);
        signal?.removeEventListener('abort', aborted);
      };
      const aborted = (): void => {
        end();
        reject(new AdapterError('ADAPTER_STOPPING', 'stopping'));
      };
      const listener = (news: DemoNews): void => {
        if (news.type === type) {
          end();
          resolve(news as Extract<DemoNews, { type: T }>);
        } else if (news.type === 'failed') {
          end();
          reject(new AdapterError('ADAPTER_CONFLICT', news.message));
        }
      };
      this.#listeners.add(listener);
      signal?.addEventListener('abort', aborted, { once: true });
      if (signal?.aborted === true) aborted();
    });
  }

  /** Ends it: by closing the channel first, by force when that is not enough. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#child.exitCode !== null) return;
    if (this.#child.connected) this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    await this.#exited;
    clearTimeout(timer);
  }
}
