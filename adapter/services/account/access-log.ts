/** The account of disclosures as commands ask for it: of one patient, or of all of a source. */
import { AdapterError } from '../../errors.js';
import type { Instance } from '../../instance/instance.js';
import type { Subject } from '../../instance/subjects.js';
import { patientNamed, prove } from '../proofs/index.js';
import { Account } from './account.js';

export interface AccessLogArgs {
  /** A patient, by id at the source or at the facade; absent: all patients of the source. */
  readonly patient?: string;
  readonly source?: string;
  /** ISO 8601. */
  readonly since?: string;
  readonly until?: string;
  /** Whether a proof file of each is wanted. */
  readonly proofs?: boolean;
}

export interface LoggedAccess {
  readonly handle: string;
  /** ISO 8601. */
  readonly at: string;
  /** `Patient/…` at the facade. */
  readonly patient: string;
  readonly to: string;
  readonly name?: string;
  readonly purpose: string;
  readonly what?: string;
  readonly type?: string;
  /** Versions that were shown. */
  readonly records: number;
  readonly obligations: readonly string[];
  readonly under: readonly string[];
  /** The proof file, where it was asked for. */
  readonly proof?: string;
}

export interface AccessLog {
  /** The latest first. */
  readonly accesses: readonly LoggedAccess[];
}

/**
 * @throws AdapterError ADAPTER_NOT_FOUND for a patient or source that is not here, ADAPTER_USAGE for neither of both or a
 * time that is none.
 */
export async function accessLog(instance: Instance, args: AccessLogArgs): Promise<AccessLog> {
  const account = new Account(instance);
  const filter = { fromMs: instantOf(args.since, 0), untilMs: instantOf(args.until, Infinity) };
  const names = await account.names();
  const found: LoggedAccess[] = [];
  for await (const subject of subjectsOf(instance, account, args)) {
    for (const { handle, at, to, records, ...said } of await account.of(subject.key, filter)) {
      const name = names.get(to);
      const proved = args.proofs === true ? await prove(instance, { what: 'disclosure', handle }) : undefined;
      found.push({
        handle,
        at: new Date(at).toISOString(),
        patient: `Patient/${subject.facadeId}`,
        to,
        ...(name === undefined ? {} : { name }),
        ...said,
        records: records.length,
        ...(proved?.proved === true ? { proof: proved.file } : {}),
      });
    }
  }
  return { accesses: found.toSorted((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0)) };
}

async function* subjectsOf(
  instance: Instance,
  account: Account,
  { patient, source }: AccessLogArgs,
): AsyncGenerator<Subject> {
  if (patient !== undefined) {
    yield await patientNamed(instance, patient, source);
    return;
  }
  if (source === undefined) throw new AdapterError('ADAPTER_USAGE', 'name a patient, or --source');
  if (instance.sources.get(source) === undefined)
    throw new AdapterError('ADAPTER_NOT_FOUND', `no source ${source.slice(0, 64)}`);
  yield* account.subjects(new Set([source]));
}

function instantOf(text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const at = Date.parse(text);
  if (Number.isNaN(at) || !/^\d{4}-\d\d-\d\d/.test(text))
    throw new AdapterError('ADAPTER_USAGE', 'a time is such as 2026-11-01 or 2026-11-01T08:00:00Z');
  return at;
}
