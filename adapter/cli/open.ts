/** What commands share: configuration from flags, and reaching the instance that has the folder. */
import type { Command } from 'commander';
import { loadConfig } from '../config.js';
import type { Config, LoadedConfig } from '../config.js';
import { openInstance } from '../instance/instance.js';
import type { Instance } from '../instance/instance.js';
import { readRunning } from '../instance/running.js';
import { stderrLogger } from '../logger.js';
import { askAdmin } from '../services/admin.js';
import { passphraseOf } from './passphrase.js';

/** Configuration, with the flags of a command and those of the program. */
export function configOf(
  command: Command,
  flags: Partial<Record<keyof Config, string | number>> = {},
): LoadedConfig {
  const { data, logLevel } = command.optsWithGlobals<{ data?: string; logLevel?: string }>();
  return loadConfig({
    ...flags,
    ...(data === undefined ? {} : { dataDir: data }),
    ...(logLevel === undefined ? {} : { logLevel }),
  });
}

/**
 * Runs something on an instance: on the process that has the folder, or, when there is none, on one opened here and
 * closed again.
 *
 * @param request - What the running process is asked.
 * @param local - The same, done here.
 */
export async function onInstance<T>(
  config: Config,
  request: { readonly command: string; readonly args: Readonly<Record<string, unknown>> },
  onProgress: (progress: unknown) => void,
  local: (instance: Instance) => Promise<T>,
  demo?: boolean,
): Promise<T> {
  const running = readRunning(config.dataDir);
  if (running !== undefined) return (await askAdmin(running.adminSocket, request, onProgress)) as T;
  const instance = await openInstance({
    config,
    demo,
    logger: stderrLogger(quiet(config)),
    passphrase: passphraseOf(config),
  });
  try {
    return await local(instance);
  } finally {
    await instance.close();
  }
}

/** A command on the terminal speaks for itself; its log is for what goes wrong. */
function quiet(config: Config): Config['logLevel'] {
  return config.logLevel === 'info' ? 'warn' : config.logLevel;
}
