import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';

/** Somebody who listens to an instance's Redis. */
export interface RedisListener {
  /** Notes every key and every value that is there now. */
  dump(): Promise<void>;
  end(): void;
}

/** Notes every command that the Redis of a data folder gets. */
export async function listenToRedis(
  data: string,
  note: (shown: Buffer | string) => void,
): Promise<RedisListener> {
  const dir = join(data, 'redis');
  const path = join(dir, readdirSync(dir).find((file) => file.endsWith('.sock')) ?? '');
  const monitor = connect(path);
  monitor.on('data', note);
  monitor.on('error', () => undefined);
  monitor.write('MONITOR\r\n');
  await once(monitor, 'data');
  return {
    dump: async () => {
      const client = new Redis({ path });
      try {
        for (const key of await client.keys('*')) {
          note(key);
          const value = await client.dumpBuffer(key);
          if (value !== null) note(value);
        }
      } finally {
        client.disconnect();
      }
    },
    end: () => {
      monitor.destroy();
    },
  };
}
