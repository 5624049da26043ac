/** What the scripts tell people. All of it goes to stderr: stdout belongs to the program's `--json`. */

/** Why a script cannot go on: one line that says what to do. */
export class SetupError extends Error {}

/** @param {string} line */
export function say(line) {
  process.stderr.write(`firebreak: ${line}\n`);
}

/**
 * Runs a script's body and ends the process with the number it gives. A SetupError becomes one line and exit code
 * 3, which is the command line's code for a failure.
 *
 * @param {() => Promise<number>} body
 */
export async function main(body) {
  try {
    process.exitCode = await body();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    process.exitCode = 3;
  }
}
