/** A real log with a state map beside it, whose anchors can be made wrong. */
import { createServer } from 'node:http';
import type { TestContext } from 'node:test';
import type { Engine } from '../../../ledger/engines/index.js';
import { openCheckpoint, parseVkey } from '../../../ledger/log/index.js';
import type { Checkpoint, NoteVerifier } from '../../../ledger/log/index.js';
import type { LogReader } from '../../../ledger/verify/index.js';
import { genesis, records, theCast } from '../../ledger/log/fixture.js';
import { mappedLog } from '../../ledger/verify/mapped-log.js';

export interface AuditedLog {
  readonly engine: Engine;
  readonly vkey: string;
  readonly verifier: NoteVerifier;
  /** Paths of the bundles that were read, in order. */
  readonly bundlesRead: string[];
  readonly reader: LogReader;
  /** Records, and the anchor of the state after them. */
  grow(count: number): Promise<void>;
  /** An anchor that says something else of the state than the entries do. */
  lie(more?: object): Promise<void>;
  checkpoint(): Checkpoint;
}

export async function auditedLog(context: TestContext): Promise<AuditedLog> {
  const cast = await theCast();
  const { engine, commit, anchor } = await mappedLog(context, cast, Date.now);
  await commit(genesis(cast));
  const verifier = parseVkey(engine.vkey);
  const bundlesRead: string[] = [];
  return {
    engine,
    vkey: engine.vkey,
    verifier,
    bundlesRead,
    reader: {
      read: async (path) => {
        if (path.startsWith('tile/entries/')) bundlesRead.push(path);
        return engine.read(path);
      },
    },
    grow: async (count) => {
      await commit(...records(cast, count));
      await commit(anchor());
    },
    lie: async (more = { root: 'A'.repeat(43) }) => {
      // Past the map, which would not take it.
      await engine.commit({ submissions: [anchor(more)], writes: [] });
    },
    checkpoint: () => {
      const opened = openCheckpoint(engine.checkpoint(), [verifier]);
      if (!opened.ok) throw new Error(opened.code);
      return opened.checkpoint;
    },
  };
}

/** Publishes files below `/log`, as an instance does. */
export async function publishFiles(
  context: TestContext,
  read: (path: string) => Promise<Buffer | undefined>,
): Promise<string> {
  const server = createServer((request, response) => {
    const path = /^\/log\/(.*)$/.exec(request.url ?? '')?.[1] ?? '';
    read(path).then(
      (bytes) => response.writeHead(bytes === undefined ? 404 : 200).end(bytes),
      () => response.destroy(),
    );
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address !== 'object') throw new Error('no address');
  return `http://127.0.0.1:${address.port}`;
}
