/**
 * Dry run: what a requester could see of the own record today, and what if the patient signed a consent or approved a
 * request. Nothing is opened or shown but types and counts, to the patient alone.
 */
import { isJsonObject, parseJson } from '../../../mappings/index.js';
import type { JsonObject } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type { OwnExplained, OwnSeen } from '../../http/contract/index.js';
import type { Instance } from '../../instance/instance.js';
import { wouldPermit } from '../access/index.js';
import { explainAccess } from '../explain/index.js';
import type { ExplainArgs, ExplainedRecord } from '../explain/index.js';
import type { Person } from '../people/index.js';

/**
 * @param body - JSON: `{requester, purpose, action?, consent?}`, or `{request, types?, until?}` for an access request.
 * @throws AdapterError ADAPTER_FORBIDDEN for who is no patient, ADAPTER_BAD_REQUEST, ADAPTER_NOT_FOUND for a request that is
 * not about this patient; as `explainAccess` does.
 */
export async function explainOwn(instance: Instance, person: Person, body: Buffer): Promise<OwnExplained> {
  const { patient } = person;
  if (patient === undefined)
    throw new AdapterError('ADAPTER_FORBIDDEN', 'only patients have a record of their own');
  const asked = bodyOf(body);
  const common = { patient: patient.reference.replace('Patient/', '') };
  const request = textOf(asked, 'request');
  const args: ExplainArgs =
    request === undefined
      ? { ...common, ...consentAsked(asked) }
      : { ...common, ...(await requestAsked(instance, patient.subjectKey, request, asked)) };
  const { records, ifSigned, requester, purpose } = await explainAccess(instance, args);
  return {
    requester,
    purpose,
    now: seenOf(records),
    ...(ifSigned === undefined
      ? {}
      : {
          signed: seenOf(ifSigned.records),
          gained: ifSigned.gained.length,
          lost: ifSigned.lost.length,
          changed: ifSigned.changed.length,
        }),
  };
}

function consentAsked(asked: JsonObject): Pick<ExplainArgs, 'requester' | 'purpose' | 'action' | 'unsigned'> {
  const requester = textOf(asked, 'requester');
  const purpose = textOf(asked, 'purpose');
  const action = textOf(asked, 'action');
  const { consent } = asked;
  if (requester === undefined || purpose === undefined)
    throw bad('say who asks and what for: {"requester": …, "purpose": …}');
  return {
    requester,
    purpose,
    ...(action === undefined ? {} : { action }),
    ...(consent === undefined ? {} : { unsigned: consent }),
  };
}

async function requestAsked(
  instance: Instance,
  subjectKey: string,
  handle: string,
  asked: JsonObject,
): Promise<Pick<ExplainArgs, 'requester' | 'purpose' | 'unsignedPolicies'>> {
  const own = await instance.accessRequests.concerning({ participant: '', subjectKey });
  const row = own.find((one) => one.handle === handle);
  if (row === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such request');
  const types = asked['types'];
  const until = textOf(asked, 'until');
  const isList = Array.isArray(types) && types.every((type) => typeof type === 'string');
  if (types !== undefined && !isList) throw bad('types is a list of resource types');
  return {
    requester: row.requester.id,
    purpose: row.asked.purpose,
    unsignedPolicies: wouldPermit(row, {
      ...(isList ? { types } : {}),
      ...(until === undefined ? {} : { until }),
    }),
  };
}

/** Counts by type, and each reason once. */
function seenOf(records: readonly ExplainedRecord[]): OwnSeen {
  const types = new Map<string, { visible: number; hidden: number }>();
  const reasons = new Map<string, number>();
  for (const { reference, outcome, sentence } of records) {
    const type = reference.slice(0, reference.indexOf('/'));
    const count = types.get(type) ?? { visible: 0, hidden: 0 };
    types.set(type, count);
    if (outcome === 'permit') count.visible += 1;
    else count.hidden += 1;
    reasons.set(sentence, (reasons.get(sentence) ?? 0) + 1);
  }
  return {
    visible: records.filter(({ outcome }) => outcome === 'permit').length,
    total: records.length,
    types: [...types]
      .map(([type, count]) => ({ type, ...count }))
      .toSorted((a, b) => b.visible - a.visible || (a.type < b.type ? -1 : 1)),
    reasons: [...reasons]
      .map(([sentence, count]) => ({ sentence, count }))
      .toSorted((a, b) => b.count - a.count),
  };
}

function bodyOf(body: Buffer): JsonObject {
  const value = parseJson(body);
  if (!isJsonObject(value)) throw bad('the question is a JSON object');
  return value;
}

function textOf(asked: JsonObject, name: string): string | undefined {
  const value = asked[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw bad(`${name} is text`);
  return value;
}

function bad(text: string): AdapterError {
  return new AdapterError('ADAPTER_BAD_REQUEST', text);
}
