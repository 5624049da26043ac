/** HAPI's validator, run over folders of files. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { sharedData } from '../support/shared-data.js';

/** Jars are fetched at the first start. */
const RUN_MS_MAX = 15 * 60_000;
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;

function tool(): string {
  const shared = process.env['FIREBREAK_SHARED'] ?? join(process.cwd(), '..', 'shared');
  return join(shared, 'tools', 'validator', 'run.sh');
}

/** Why the validator cannot run here; false where it can. */
export function missing(): string | false {
  if (!existsSync(tool())) return 'the tool that runs HAPI’s validator is absent';
  for (const command of ['java', 'mvn'])
    if (spawnSync(command, ['-version'], { stdio: 'ignore' }).error !== undefined)
      return `${command} is not on PATH`;
  return ['synthea-r4', 'covid-r4', 'fhir-examples-r4'].some((name) => sharedData(name) === undefined)
    ? 'the shared test data is absent'
    : false;
}

/** What the validator finds wrong in folders of files, by the file's name: `served-1`. */
export function validate(
  folders: readonly string[],
  ...options: readonly string[]
): Promise<Map<string, string[]>> {
  return new Promise((settle, fail) => {
    const args = ['validate', '--json', ...options, ...folders];
    execFile(tool(), args, { maxBuffer: OUTPUT_BYTES_MAX, timeout: RUN_MS_MAX }, (error, stdout) => {
      // 1 says that something is not valid.
      if (error !== null && error.code !== 1) {
        fail(error);
        return;
      }
      const { resources } = JSON.parse(stdout) as {
        resources: {
          file: string;
          valid: boolean;
          issues: { severity: string; location?: string; text: string }[];
        }[];
      };
      const errorsOf = new Map<string, string[]>();
      for (const { file, issues } of resources) {
        const name = basename(file, '.json');
        const errors = issues.filter(({ severity }) => severity === 'error' || severity === 'fatal');
        errorsOf.set(name, [
          ...(errorsOf.get(name) ?? []),
          ...errors.map(({ location = '', text }) => `${location}: ${text}`),
        ]);
      }
      settle(errorsOf);
    });
  });
}
