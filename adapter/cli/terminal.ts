/** What a person sees while a command runs: progress on stderr, results on stdout. */

export interface Terminal {
  /** A line of progress; on a terminal it replaces the one before. */
  progress(line: string): void;
  /** A line that stays. */
  say(line: string): void;
  /** The result, on stdout. */
  print(text: string): void;
}

/** Progress that is piped into a file is written this seldom, ms. */
const PIPED_MS = 2000;

export function createTerminal(quiet: boolean): Terminal {
  const live = process.stderr.isTTY;
  let open = false;
  let writtenAt = 0;
  const clear = (): void => {
    if (open) process.stderr.write('\r\x1b[2K');
    open = false;
  };
  return {
    progress: (line) => {
      if (quiet) return;
      const now = performance.now();
      if (live) {
        process.stderr.write(`\r\x1b[2K${line.slice(0, Math.max(20, process.stderr.columns - 1))}`);
        open = true;
      } else if (now - writtenAt > PIPED_MS) {
        process.stderr.write(`${line}\n`);
        writtenAt = now;
      }
    },
    say: (line) => {
      if (quiet) return;
      clear();
      process.stderr.write(`${line}\n`);
    },
    print: (text) => {
      clear();
      process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
    },
  };
}

/** `####------ 40 %`. */
export function bar(done: number, total: number, width = 24): string {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const full = Math.round(share * width);
  return `${'█'.repeat(full)}${'░'.repeat(width - full)} ${Math.round(share * 100)
    .toString()
    .padStart(3)} %`;
}
