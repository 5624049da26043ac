/** Processes that a process has started, and those that these have. */
import { execFileSync } from 'node:child_process';

export interface RunningProcess {
  readonly pid: number;
  readonly command: string;
}

/** All descendants of a process, wherever their group and session. */
export function descendantsOf(pid: number): RunningProcess[] {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .split('\n')
    .flatMap((line) => {
      const [, own, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
      return command === undefined ? [] : [{ pid: Number(own), parent: Number(parent), command }];
    });
  const found: RunningProcess[] = [];
  const parents = [pid];
  for (let parent = parents.pop(); parent !== undefined; parent = parents.pop()) {
    for (const row of rows) {
      if (row.parent !== parent) continue;
      found.push({ pid: row.pid, command: row.command });
      parents.push(row.pid);
    }
  }
  return found;
}
