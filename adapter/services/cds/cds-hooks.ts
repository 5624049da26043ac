/**
 * The decision support service: an EHR that opens a chart, or begins a stay, is told the patient's severity level where
 * the patient permits it. Whether nothing is kept, known or permitted, it is told the same: no cards.
 *
 * @see https://cds-hooks.hl7.org/2.0/
 */
import { randomUUID } from 'node:crypto';
import { isJsonObject, parseJson } from '../../../mappings/index.js';
import { AdapterError } from '../../errors.js';
import type { Facade } from '../facade/index.js';
import { isInScope } from '../tokens/index.js';
import type { Caller } from '../tokens/index.js';
import { cardOf } from './card.js';
import type { Card } from './card.js';

/** A service as discovery tells it. */
export interface CdsService {
  readonly id: string;
  readonly hook: string;
  readonly title: string;
  readonly description: string;
}

/** Nothing is asked to be sent along: what a score stands on came by the ways that consents are asked on. */
export const CDS_SERVICES: readonly CdsService[] = [
  { id: 'firebreak-severity', hook: 'patient-view' },
  { id: 'firebreak-severity-encounter-start', hook: 'encounter-start' },
].map((service) => ({
  ...service,
  title: 'Severity level',
  description:
    'The severity level of a patient who permits it, by the model published on the log, with its proof.',
}));

/** Ids are compared and never shown, but nothing makes one so long. */
const ID_CHARS_MAX = 256;
const FEEDBACK_MAX = 100;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export interface CdsOptions {
  readonly facade: Pick<Facade, 'severity'>;
  /** Address of the FHIR endpoint. */
  readonly fhirUrl: () => string;
}

export class CdsHooks {
  readonly #options: CdsOptions;

  constructor(options: CdsOptions) {
    this.#options = options;
  }

  /**
   * Answers a call of a hook.
   *
   * @param body - The request. `fhirAuthorization` and `prefetch` are not read: nobody's token is used or kept, and no data
   * is taken that did not pass the gate.
   * @throws AdapterError ADAPTER_NOT_FOUND for another service, ADAPTER_BAD_REQUEST, ADAPTER_FORBIDDEN for a client whose
   * registration does not reach so far.
   */
  async call(caller: Caller, id: string, body: Buffer): Promise<{ cards: Card[] }> {
    const service = serviceOf(id);
    const { hook, hookInstance, context } = objectOf(body);
    if (hook !== service.hook) throw bad(`this service answers the hook ${service.hook}`);
    if (typeof hookInstance !== 'string' || !UUID.test(hookInstance)) throw bad('hookInstance is no UUID');
    const patient = isJsonObject(context) ? context['patientId'] : undefined;
    if (typeof patient !== 'string' || patient === '' || patient.length > ID_CHARS_MAX)
      throw bad('context.patientId is missing');
    if (!isInScope(caller.scopes, 'RiskAssessment', 'r'))
      throw new AdapterError('ADAPTER_FORBIDDEN', 'the client’s scopes do not go so far');
    const { facade, fhirUrl } = this.#options;
    const shown = await facade.severity(caller, service.hook, patient.replace(/^Patient\//, ''));
    if (shown.kind !== 'resource') return { cards: [] };
    const assessment = parseJson(shown.bytes);
    const url = `${fhirUrl()}/RiskAssessment/${shown.id}`;
    const card = isJsonObject(assessment) ? cardOf(assessment, url, randomUUID()) : undefined;
    return { cards: card === undefined ? [] : [card] };
  }

  /**
   * Takes what became of cards. Nothing of it is kept: reasons may be words about a patient.
   *
   * @throws AdapterError ADAPTER_NOT_FOUND, ADAPTER_BAD_REQUEST.
   */
  feedback(id: string, body: Buffer): { readonly taken: number } {
    serviceOf(id);
    const { feedback } = objectOf(body);
    const isGood =
      Array.isArray(feedback) &&
      feedback.length <= FEEDBACK_MAX &&
      feedback.every(
        (one) =>
          isJsonObject(one) &&
          typeof one['card'] === 'string' &&
          (one['outcome'] === 'accepted' || one['outcome'] === 'overridden') &&
          typeof one['outcomeTimestamp'] === 'string',
      );
    if (!isGood) throw bad('feedback names card, outcome and outcomeTimestamp of each');
    return { taken: feedback.length };
  }
}

function serviceOf(id: string): CdsService {
  const service = CDS_SERVICES.find((one) => one.id === id);
  if (service === undefined) throw new AdapterError('ADAPTER_NOT_FOUND', 'no such decision support service');
  return service;
}

function objectOf(body: Buffer): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = parseJson(body);
  } catch (cause) {
    throw new AdapterError('ADAPTER_BAD_REQUEST', 'the body is not JSON', { cause });
  }
  if (!isJsonObject(value)) throw bad('the body is no JSON object');
  return value;
}

function bad(message: string): AdapterError {
  return new AdapterError('ADAPTER_BAD_REQUEST', message);
}
