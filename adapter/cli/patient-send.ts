/** What the commands of `patient` share: an act is taken by the instance, and its answer printed. */
import type { Command } from 'commander';
import { takeWalletAct } from '../services/wallets/index.js';
import type { WalletAct } from '../services/wallets/index.js';
import { configOf, onInstance } from './open.js';
import { createTerminal } from './terminal.js';

export interface Json {
  readonly json?: boolean;
}

/** Has an act taken by the instance. */
export function send<T>(command: Command, act: WalletAct, body: string): Promise<T> {
  const args = { act, body };
  return onInstance<T>(
    configOf(command).config,
    { command: 'wallet-act', args },
    () => undefined,
    (instance) => takeWalletAct(instance, args) as Promise<T>,
  );
}

export function print(flags: Json, value: object, text: string): void {
  createTerminal(false).print(flags.json === true ? JSON.stringify(value) : text);
}
