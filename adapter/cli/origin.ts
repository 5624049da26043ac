/** Origin of the log of the instance that a command is about. */
import type { Config } from '../config.js';
import { logOrigin } from '../services/exceptional/index.js';
import { onInstance } from './open.js';

export async function originOf(config: Config): Promise<string> {
  const request = { command: 'log-origin', args: {} };
  const { origin } = await onInstance<{ origin: string }>(config, request, () => undefined, logOrigin);
  return origin;
}
