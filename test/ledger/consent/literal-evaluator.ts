/**
 * A second gate, written from the text (the design's rules, FHIR R4 Consent, IHE PCF) and nothing of the first: slow,
 * literal, for tests alone. Where the first knows three truths, this one asks twice: surely, and possibly.
 */
import type { AccessRequest, DenyReason, Policy, Provision, Span } from '../../../ledger/consent/index.js';

/** `surely`: whatever is not known counts as no; `possibly`: as yes. */
type Asked = 'surely' | 'possibly';

const SYSTEM = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality';
const SCALE = 'ULMNRV';
const BTG = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|BTG';
const UNKNOWN = '?';

/** A provision, and the rules around it from the root on. */
type Chain = readonly Provision[];

export interface LiteralAnswer {
  readonly outcome: 'permit' | DenyReason;
  /** As JSON, sorted. */
  readonly obligations: readonly string[];
}

function denied(outcome: DenyReason): LiteralAnswer {
  return { outcome, obligations: [] };
}

/** Judges a request by the text. */
export function literally(request: AccessRequest, policies: readonly Policy[], nowMs: number): LiteralAnswer {
  // "One purpose of use a request."
  if (request.purposes.length !== 1) return denied('one-purpose');

  const about = policies.filter(
    (p) => p.subject === request.subject || (p.layer === 'custodian' && p.subject === '*'),
  );
  // "After a merge of two patients both policies must permit": each voice by itself, the subject's own first.
  const named = about.flatMap((p) => (p.layer === 'patient' && p.voice !== undefined ? [p.voice] : []));
  const voices = [undefined, ...new Set(named.toSorted())].map((voice) =>
    about.filter((p) => p.layer === 'patient' && p.voice === voice),
  );
  const custodian = about.filter((p) => p.layer === 'custodian');

  // "self: the patient reads, exports and corrects the own record always."
  const own = speaking(latest(voices[0] ?? []), request, nowMs).some(
    ({ policy, type }) =>
      type === 'permit' &&
      policy.kind === 'self' &&
      policy.root.actors !== undefined &&
      policy.root.actions !== undefined &&
      policy.root.actions.every((a) => ['access', 'disclose', 'correct'].includes(a)),
  );
  if (own) return { outcome: 'permit', obligations: [] };

  const no = {
    patient: voices.flatMap((voice) => denials(voice, request, nowMs, 'refused')),
    custodian: denials(custodian, request, nowMs, 'custodian'),
  };

  // "legal-basis, emergency: signed by the custodian, coded, time-limited."
  const duties = speaking(latest(custodian), request, nowMs).filter(
    ({ policy, type }) =>
      type === 'permit' &&
      (policy.kind === 'legal-basis' || policy.kind === 'emergency') &&
      policy.root.actors !== undefined &&
      policy.root.purposes !== undefined &&
      policy.root.period?.endMs !== undefined,
  );
  if (duties.length > 0 && no.custodian.length === 0) {
    const mayHold = no.patient.length === 0 || duties.some(({ policy }) => policy.overRefusal === true);
    if (mayHold) return { outcome: 'permit', obligations: boundBy(duties) };
  }

  const worst = (['unknown-element', 'ambiguous', 'refused', 'custodian'] as const).find((r) =>
    (no.patient.length > 0 ? no.patient : no.custodian).includes(r),
  );
  if (worst !== undefined) return denied(worst);

  // "Two layers, and both must permit."
  const yes = (layer: readonly Policy[]): Speech[] =>
    speaking(latest(layer), request, nowMs).filter(
      ({ policy, type }) => type === 'permit' && policy.kind === 'consent',
    );
  const ofVoices = voices.map(yes);
  const silent = ofVoices.findIndex((permits) => permits.length === 0);
  const ofCustodian = yes(custodian);
  if (silent < 0 && ofCustodian.length > 0)
    return { outcome: 'permit', obligations: boundBy([...ofVoices.flat(), ...ofCustodian]) };
  const patient = voices[silent];
  if (patient !== undefined) {
    const consents = patient.filter((p) => p.kind === 'consent');
    const settled = consents.filter((p) => !contested(patient, p));
    const lapsed = settled.filter((p) => !isLatest(patient, p) || !isActive(p));
    if (lapsed.some((p) => says(p, request))) return denied('refused');
    const elsewhen = settled
      .filter((p) => isLatest(patient, p) && isActive(p) && says(p, request))
      .toSorted((a, b) => b.version - a.version || (a.handle < b.handle ? 1 : -1));
    if (elsewhen[0] !== undefined) {
      const { period } = elsewhen[0].root;
      const start = period?.sureStartMs ?? period?.startMs;
      return denied(start !== undefined && start > nowMs ? 'not-yet-valid' : 'expired');
    }
  }
  return denied(ofCustodian.length === 0 ? 'custodian' : 'no-answer');
}

interface Speech {
  readonly policy: Policy;
  readonly type: 'permit' | 'deny';
  readonly chains: readonly Chain[];
}

function speaking(policies: readonly Policy[], request: AccessRequest, nowMs: number | undefined): Speech[] {
  return policies
    .filter((p) => p.unknown.length === 0)
    .flatMap((policy) => {
      const chains = answersOf(policy.root, request, nowMs);
      if (chains.length === 0) return [];
      const type = chains.some((c) => c.at(-1)?.type !== 'permit') ? 'deny' : 'permit';
      return [{ policy, type, chains }];
    });
}

function denials(
  layer: readonly Policy[],
  request: AccessRequest,
  nowMs: number,
  refusal: 'refused' | 'custodian',
): DenyReason[] {
  const found: DenyReason[] = [];
  const current = latest(layer);
  if (current.some((p) => p.unknown.length > 0)) found.push('unknown-element');
  if (layer.some((p) => contested(layer, p) && says(p, request))) found.push('ambiguous');
  if (speaking(current, request, nowMs).some(({ type }) => type === 'deny')) found.push(refusal);
  return found;
}

/** What a document once said, at any time: no drafts; of a withdrawal only what it takes back. */
function says(policy: Policy, request: AccessRequest): boolean {
  if (!['active', 'inactive', 'rejected'].includes(policy.status)) return false;
  const chains = answersOf(policy.root, request, undefined);
  if (chains.length === 0) return false;
  return policy.status !== 'inactive' || chains.every((c) => c.at(-1)?.type === 'permit');
}

// "Supersession: the same identifier with a later leaf and a later dateTime; equal ones deny."

function siblings(layer: readonly Policy[], policy: Policy): Policy[] {
  return layer.filter((p) => p.identifier === policy.identifier);
}

function isLatest(layer: readonly Policy[], policy: Policy): boolean {
  return siblings(layer, policy).every(
    (p) => p === policy || (policy.version > p.version && policy.dateTimeMs > p.dateTimeMs),
  );
}

function contested(layer: readonly Policy[], policy: Policy): boolean {
  return !siblings(layer, policy).some((p) => isLatest(layer, p));
}

function isActive(policy: Policy): boolean {
  return policy.status === 'active' && policy.withdrawnAtLeaf === undefined;
}

function latest(layer: readonly Policy[]): Policy[] {
  return layer.filter((p) => isLatest(layer, p) && isActive(p));
}

// "The deepest matching exception wins, among siblings deny wins."

/** The matching provisions without a matching exception below them. */
function answersOf(root: Provision, request: AccessRequest, nowMs: number | undefined): Chain[] {
  const matching = chainsOf(root).filter((chain) => matches(chain, request, nowMs));
  return matching.filter(
    (chain) =>
      !matching.some((other) => other.length > chain.length && chain.every((p, i) => other[i] === p)),
  );
}

function chainsOf(provision: Provision, around: Chain = []): Chain[] {
  const chain = [...around, provision];
  return [chain, ...provision.provisions.flatMap((nested) => chainsOf(nested, chain))];
}

function matches(chain: Chain, request: AccessRequest, nowMs: number | undefined): boolean {
  const last = chain.at(-1);
  if (last === undefined) return false;
  const as = last.type === 'permit' ? 'permit' : 'deny';
  // "An unknown never helps a permit nor hinders a denial."
  const asked: Asked = as === 'permit' ? 'surely' : 'possibly';
  const purposes = chain.findLast((p) => p.purposes !== undefined);
  const labels = chain.findLast((p) => p.securityLabels !== undefined);
  return (
    chain.every((p) => narrow(p, request, nowMs, asked)) &&
    purposeFits(purposes, as, request.purposes[0] ?? '', asked) &&
    labelsFit(labels, as, request.resource.labels ?? [], asked)
  );
}

// "Within a provision elements are ANDed, repetitions ORed, absent = no constraint."
function narrow(
  p: Provision,
  { action, actor, resource }: AccessRequest,
  nowMs: number | undefined,
  asked: Asked,
): boolean {
  const possibly = asked === 'possibly';
  const anyOf = (list: readonly string[], values: readonly string[]): boolean =>
    values.some((v) => list.includes(v)) || (possibly && list.includes(UNKNOWN));
  const isKnownAs = (list: readonly string[] | undefined, name: string): boolean =>
    list === undefined ? possibly : list.includes(name);
  return (
    (p.actions === undefined || anyOf(p.actions, [action])) &&
    (p.actors === undefined ||
      p.actors.some(({ reference, roles }) => {
        if (reference === undefined && roles === undefined) return possibly;
        const isHe =
          reference === undefined ||
          (reference === UNKNOWN ? possibly : actor.references.includes(reference));
        const hasRole =
          roles === undefined || (actor.roles === undefined ? possibly : anyOf(roles, actor.roles));
        return isHe && hasRole;
      })) &&
    (p.period === undefined || nowMs === undefined || inSpan(p.period, nowMs, nowMs, asked)) &&
    (p.classes === undefined || anyOf(p.classes, resource.classes)) &&
    (p.codes === undefined || anyOf(p.codes, resource.codes)) &&
    (p.dataPeriod === undefined ||
      (resource.period === undefined
        ? possibly
        : inSpan(p.dataPeriod, resource.period.startMs, resource.period.endMs, asked))) &&
    (p.data === undefined ||
      p.data.some(({ meaning, reference }) => {
        if (meaning === UNKNOWN || reference === UNKNOWN) return possibly;
        if (meaning === 'authoredby') return isKnownAs(resource.authors, reference);
        const isItself =
          resource.references?.includes(reference) === true ||
          (resource.id === undefined
            ? possibly && reference.startsWith(`${resource.type}/`)
            : reference === `${resource.type}/${resource.id}`);
        if (isItself || meaning === 'instance') return isItself;
        if (isKnownAs(resource.refersTo, reference)) return true;
        return meaning === 'related' && isKnownAs(resource.referredBy, reference);
      }))
  );
}

/** A date without a zone has two spans: where it holds somewhere, and where it holds everywhere. */
function inSpan(span: Span, from: number, to: number, asked: Asked): boolean {
  const start = span.startMs ?? -Infinity;
  const end = span.endMs ?? Infinity;
  const touches = to >= start && from <= end;
  return asked === 'possibly'
    ? touches
    : touches && from >= (span.sureStartMs ?? start) && to <= (span.sureEndMs ?? end);
}

// "A permit's purpose matches exactly (subsumption is opt-in and never reaches break-glass); a denial's subsumes."
function purposeFits(
  stating: Provision | undefined,
  as: 'permit' | 'deny',
  purpose: string,
  asked: Asked,
): boolean {
  if (stating?.purposes === undefined) return as === 'deny' || purpose !== BTG;
  const narrower = stating.subsumedPurposes ?? stating.purposes;
  let covered: readonly string[];
  if (as === 'deny') covered = narrower;
  else if (stating.type !== 'permit') covered = stating.purposes;
  else covered = [...stating.purposes, ...narrower.filter((p) => p !== BTG)];
  return covered.includes(purpose) || (asked === 'possibly' && covered.includes(UNKNOWN));
}

// "U<L<M<N<R<V; permits cover ≤, denials ≥." "Unlabelled data counts as restricted."
function labelsFit(
  stating: Provision | undefined,
  as: 'permit' | 'deny',
  labels: readonly string[],
  asked: Asked,
): boolean {
  const stated = stating?.securityLabels;
  if (stated === undefined) return true;
  const ofStating = stating?.type === 'permit' ? 'permit' : 'deny';
  const fits = (side: 'permit' | 'deny'): boolean =>
    stated.some((token) => {
      if (token.startsWith(`${SYSTEM}|`)) {
        const mark = SCALE.indexOf(token.slice(SYSTEM.length + 1));
        if (token.length !== SYSTEM.length + 2 || mark < 0) return asked === 'possibly';
        const height = heightOf(labels);
        return side === 'permit' ? height <= mark : height >= mark;
      }
      if (token === UNKNOWN) return asked === 'possibly';
      if (labels.includes(token)) return true;
      return asked === 'possibly' && (labels.length === 0 || labels.includes(UNKNOWN));
    });
  // An exception in a labelled denial that permits must fit what the denial means, and its own direction.
  return fits(ofStating) && (as === 'deny' || fits('permit'));
}

function heightOf(labels: readonly string[]): number {
  const heights = labels
    .filter((l) => l.startsWith(`${SYSTEM}|`))
    .map((l) => (l.length === SYSTEM.length + 2 ? SCALE.indexOf(l.slice(-1)) : -1))
    .map((height) => (height < 0 ? Infinity : height));
  return heights.length === 0 ? SCALE.indexOf('R') : Math.max(...heights);
}

function boundBy(permits: readonly Speech[]): string[] {
  const all = permits.flatMap(({ chains }) => chains.flatMap((chain) => chain.at(-1)?.obligations ?? []));
  const elements = new Set(all.flatMap((o) => (o.kind === 'redact' ? o.elements : [])));
  const kinds = new Set(all.map(({ kind }) => kind));
  return [...kinds]
    .toSorted()
    .map((kind) => (kind === 'redact' ? `redact ${[...elements].toSorted().join(' ')}` : kind));
}
