/**
 * The one wallet of this page: absent, locked or open. Open, its keys are in this page's memory alone; they are forgotten
 * when nobody has touched the page for a while, when another tab locks it, and when the page goes.
 */
import { useSyncExternalStore } from 'react';
import { lock, newLockKey, unlock } from './locked.js';
import type { LockKey } from './locked.js';
import { readStored, removeStored, writeStored } from './stored.js';
import { tellRole } from '../shell/present-role.js';
import { readWallet, roleOf, walletBytes } from './wallet.js';
import type { Wallet } from './wallet.js';

export type Held =
  | { readonly state: 'unknown' | 'none' }
  /** Why, where this page did not do it itself. */
  | { readonly state: 'locked'; readonly by?: Locker }
  | { readonly state: 'open'; readonly wallet: Wallet };

/** What another tab has done; or time has. */
export type Locker = 'lock' | 'change' | 'idle';

/** Idle time until the wallet locks itself, ms. */
export const IDLE_MS = 5 * 60_000;
const TOUCHES = ['pointerdown', 'keydown', 'scroll'] as const;

class Holder {
  #held: Held = { state: 'unknown' };
  #lockKey: LockKey | undefined;
  #isBorrowed = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #tabs = new BroadcastChannel('firebreak-wallet');

  constructor() {
    // A page put away and brought back must not bring the keys back.
    addEventListener('pagehide', () => this.#forget());
    for (const touch of TOUCHES) addEventListener(touch, () => this.#touched(), { passive: true });
    this.#tabs.addEventListener('message', ({ data }) => {
      this.#forget(data === 'change' ? 'change' : 'lock');
      void this.look();
    });
    void this.look();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly now = (): Held => this.#held;

  /** Finds out whether this browser has a wallet. */
  async look(): Promise<void> {
    if (this.#held.state === 'open') return;
    const stored = await readStored().catch(() => undefined);
    // It may have been opened meanwhile.
    const now = this.now();
    if (now.state === 'open' || (now.state === 'locked' && stored !== undefined)) return;
    this.#set({ state: stored === undefined ? 'none' : 'locked' });
  }

  /** Keeps a new wallet under a passphrase, and opens it. */
  async create(wallet: Wallet, passphrase: string): Promise<void> {
    this.#lockKey = await newLockKey(passphrase);
    await this.keep(wallet);
  }

  /** Opens a demo's wallet: it is in this page's memory alone, and gone with it. */
  borrow(wallet: Wallet): void {
    this.#forget();
    this.#isBorrowed = true;
    this.#set({ state: 'open', wallet });
    this.#touched();
  }

  /** Keeps what changed in the open wallet. Other tabs are to read it anew. */
  async keep(wallet: Wallet): Promise<void> {
    if (this.#isBorrowed) {
      this.#set({ state: 'open', wallet });
      return;
    }
    if (this.#lockKey === undefined) throw new Error('the wallet is locked');
    await writeStored(await lock(walletBytes(wallet), this.#lockKey));
    this.#set({ state: 'open', wallet });
    this.#touched();
    // What they would keep is older than this.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel is of one origin
    this.#tabs.postMessage('change');
  }

  /** Shows the open wallet in another way, in this page alone. */
  show(wallet: Wallet): void {
    if (this.#held.state !== 'open') return;
    this.#set({ state: 'open', wallet });
    this.#touched();
  }

  /** @returns Whether the passphrase was right. */
  async open(passphrase: string): Promise<boolean> {
    const stored = await readStored();
    const opened = stored === undefined ? undefined : await unlock(stored, passphrase);
    const wallet = opened === undefined ? undefined : readWallet(opened.bytes);
    if (opened === undefined || wallet === undefined) return false;
    this.#lockKey = opened.lockKey;
    this.#set({ state: 'open', wallet });
    this.#touched();
    return true;
  }

  /** Locks it here and in every tab. */
  lock(by?: Locker): void {
    this.#forget(by);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel is of one origin
    this.#tabs.postMessage('lock');
  }

  /** Removes it from this browser. */
  async remove(): Promise<void> {
    this.#forget();
    await removeStored();
    this.#set({ state: 'none' });
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel is of one origin
    this.#tabs.postMessage('lock');
  }

  #forget(by?: Locker): void {
    clearTimeout(this.#timer);
    this.#lockKey = undefined;
    if (this.#held.state !== 'open') return;
    this.#held.wallet.keys.signing.fill(0);
    this.#held.wallet.keys.opening.fill(0);
    const isBorrowed = this.#isBorrowed;
    this.#isBorrowed = false;
    this.#set(isBorrowed ? { state: 'unknown' } : { state: 'locked', ...(by === undefined ? {} : { by }) });
    // Whether this browser has a wallet of its own besides.
    if (isBorrowed) void this.look();
  }

  #touched(): void {
    if (this.#held.state !== 'open') return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.lock('idle'), IDLE_MS);
  }

  #set(held: Held): void {
    this.#held = held;
    tellRole(held.state === 'open' ? roleOf(held.wallet) : undefined);
    for (const listener of this.#listeners) listener();
  }
}

export const holder = new Holder();

export function useHeld(): Held {
  return useSyncExternalStore(holder.subscribe, holder.now);
}
