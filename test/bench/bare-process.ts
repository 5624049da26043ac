/** A bare server in a process of its own. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Starts one of the bare servers beside this file. */
export async function startBare(name: string): Promise<{ address: string; stop: () => Promise<void> }> {
  const child = fork(fileURLToPath(new URL(`./${name}.js`, import.meta.url)));
  const [address] = (await once(child, 'message')) as [string];
  return {
    address,
    stop: async () => {
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}
