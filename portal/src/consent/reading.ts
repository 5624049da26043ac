/**
 * What a consent says, taken from the very bytes that are signed. Whatever these readers do not know is named: a form
 * with anything in it that cannot be shown is not offered for signing.
 */
import { textOf } from '../../../ledger/proofs/index.js';

export interface ReadParty {
  readonly reference: string;
  readonly display: string | undefined;
}

export interface ReadProvision {
  readonly type: 'permit' | 'deny';
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly actors: readonly ReadParty[];
  readonly actions: readonly string[];
  readonly purposes: readonly string[];
  /** Resource types or document types. */
  readonly classes: readonly string[];
  readonly codes: readonly string[];
  readonly labels: readonly string[];
  /** What it is about: one resource, and perhaps what belongs to it. */
  readonly data: readonly { readonly meaning: string; readonly reference: string }[];
  readonly dataFrom: string | undefined;
  readonly dataTo: string | undefined;
  readonly obligations: readonly { readonly code: string; readonly elements: readonly string[] }[];
  readonly except: readonly ReadProvision[];
}

export interface ConsentReading {
  readonly status: string;
  readonly patient: string;
  readonly hospital: ReadParty | undefined;
  readonly signedAt: string;
  readonly identifier: string;
  /** XHTML of the form; to be sanitised before it is shown. */
  readonly narrative: string;
  readonly isOptIn: boolean;
  readonly provision: ReadProvision | undefined;
  /** Paths of what is not shown. */
  readonly unknown: readonly string[];
}

type Json = Readonly<Record<string, unknown>>;

const OBLIGATION = 'urn:firebreak:consent:obligation';
/** Two answers of the form, which change nothing of what the provision says. */
const TICKS = 'urn:firebreak:consent:ticks';
const KNOWN = new Set([
  'resourceType',
  'language',
  'text',
  'extension',
  'identifier',
  'status',
  'scope',
  'category',
  'patient',
  'dateTime',
  'performer',
  'organization',
  'policyRule',
  'provision',
]);
const KNOWN_IN_PROVISION = new Set([
  'type',
  'period',
  'actor',
  'action',
  'purpose',
  'class',
  'code',
  'securityLabel',
  'data',
  'dataPeriod',
  'modifierExtension',
  'provision',
]);

/** Reads the bytes; `undefined` for what is no FHIR Consent. */
export function readConsentBytes(bytes: Uint8Array): ConsentReading | undefined {
  let value: unknown;
  try {
    value = JSON.parse(textOf(bytes) ?? '');
  } catch {
    return undefined;
  }
  if (!isJson(value) || value['resourceType'] !== 'Consent') return undefined;
  const unknown: string[] = Object.keys(value).filter((name) => !KNOWN.has(name));
  for (const [i, extension] of list(value['extension']).entries())
    if (isJson(extension) && extension['url'] !== TICKS) unknown.push(`extension[${i}]`);
  const provision = value['provision'];
  const [hospital] = list(value['organization']);
  const text = isJson(value['text']) ? value['text'] : {};
  return {
    status: said(value['status']),
    patient: referenceOf(value['patient']),
    hospital: hospital === undefined ? undefined : partyOf(hospital),
    signedAt: said(value['dateTime']),
    identifier: list(value['identifier'])
      .map((one) => (isJson(one) ? said(one['value']) : ''))
      .join(' '),
    narrative: said(text['div']),
    isOptIn: codesOf([value['policyRule']]).includes('OPTIN'),
    provision: isJson(provision) ? provisionOf(provision, 'provision', unknown) : undefined,
    unknown,
  };
}

function provisionOf(provision: Json, path: string, unknown: string[]): ReadProvision {
  for (const name of Object.keys(provision))
    if (!KNOWN_IN_PROVISION.has(name)) unknown.push(`${path}.${name}`);
  const type = provision['type'];
  if (type !== 'permit' && type !== 'deny') unknown.push(`${path}.type`);
  const period = isJson(provision['period']) ? provision['period'] : {};
  const dataPeriod = isJson(provision['dataPeriod']) ? provision['dataPeriod'] : {};
  return {
    type: type === 'permit' ? 'permit' : 'deny',
    from: maybe(period['start']),
    to: maybe(period['end']),
    actors: list(provision['actor']).map((actor) =>
      partyOf(isJson(actor) ? (actor['reference'] ?? roleAsParty(actor)) : undefined),
    ),
    actions: codesOf(list(provision['action'])),
    purposes: list(provision['purpose']).map(codeOf),
    classes: list(provision['class']).map(codeOf),
    codes: list(provision['code']).map(wordsOf),
    labels: list(provision['securityLabel']).map(codeOf),
    data: list(provision['data']).map((one) => ({
      meaning: isJson(one) ? said(one['meaning']) : '',
      reference: isJson(one) ? referenceOf(one['reference']) : '',
    })),
    dataFrom: maybe(dataPeriod['start']),
    dataTo: maybe(dataPeriod['end']),
    obligations: list(provision['modifierExtension']).map((one, i) => {
      const obligation = obligationOf(one);
      if (obligation === undefined) unknown.push(`${path}.modifierExtension[${i}]`);
      return obligation ?? { code: '', elements: [] };
    }),
    except: list(provision['provision']).map((one, i) =>
      provisionOf(isJson(one) ? one : {}, `${path}.provision[${i}]`, unknown),
    ),
  };
}

function obligationOf(
  value: unknown,
): { readonly code: string; readonly elements: readonly string[] } | undefined {
  if (!isJson(value) || value['url'] !== OBLIGATION) return undefined;
  const parts = list(value['extension']).filter(isJson);
  const code = parts.find(({ url }) => url === 'code');
  return {
    code: codeOf(code?.['valueCoding']),
    elements: parts.filter(({ url }) => url === 'element').map((part) => said(part['valueString'])),
  };
}

/** An actor named by role alone: everybody who has it. */
function roleAsParty(actor: Json): unknown {
  const [code] = codesOf([actor['role']]);
  return { reference: '', display: code };
}

function partyOf(value: unknown): ReadParty {
  return { reference: referenceOf(value), display: isJson(value) ? maybe(value['display']) : undefined };
}

function referenceOf(value: unknown): string {
  return isJson(value) ? said(value['reference']) : '';
}

/** Codes of CodeableConcepts. */
function codesOf(concepts: readonly unknown[]): string[] {
  return concepts.flatMap((concept) => (isJson(concept) ? list(concept['coding']).map(codeOf) : []));
}

function codeOf(coding: unknown): string {
  return isJson(coding) ? said(coding['code']) : '';
}

function wordsOf(concept: unknown): string {
  if (!isJson(concept)) return '';
  const [coding] = list(concept['coding']);
  return said(concept['text']) || (isJson(coding) ? said(coding['display']) || said(coding['code']) : '');
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function maybe(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function said(value: unknown): string {
  return maybe(value) ?? '';
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
