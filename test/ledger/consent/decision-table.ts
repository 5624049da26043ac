/** Decisions with the clause each comes from. Synthetic. */
import type { AccessRequest, DenyReason, Policy } from '../../../ledger/consent/index.js';
import { custodianPolicy, selfPolicy, UNREADABLE } from '../../../ledger/consent/index.js';
import {
  asks,
  BTG,
  CLINTRL,
  conf,
  consent,
  CRP,
  CUSTODIAN,
  DAY_MS,
  denies,
  DSRCH,
  ENCOUNTER,
  ETREAT,
  HEART_RATE,
  HIV,
  HOSPITAL,
  HRESCH,
  NOW_MS,
  OBSERVATION,
  PATIENT,
  PATRQT,
  permits,
  PSY,
  PUBHLTH,
  RESEARCHER,
  SUBJECT,
  TREAT,
} from './fixtures.js';

export interface Row {
  readonly clause: string;
  readonly name: string;
  readonly request: AccessRequest;
  /** The patient's layer; the custodian's standing permission is added unless `bare`. */
  readonly policies: readonly Policy[];
  readonly bare?: boolean;
  readonly expect: 'permit' | DenyReason;
}

const toHospital = { actors: [{ reference: HOSPITAL }], purposes: [TREAT] };
const research = consent(
  permits({ actors: [{ reference: RESEARCHER }], actions: ['use'], purposes: [HRESCH] }),
);
const asksResearch = asks({ actor: { references: [RESEARCHER] }, action: 'use', purposes: [HRESCH] });
const labelled = (...labels: string[]): AccessRequest => asks({ resource: { labels } });
const unlabelled = asks({ resource: { labels: undefined } });
const dated = (fromMs: number, toMs: number): AccessRequest =>
  asks({ resource: { period: { startMs: fromMs, endMs: toMs } } });
const undated = ((): AccessRequest => {
  const { period: _, ...resource } = asks().resource;
  return { ...asks(), resource };
})();
const versions = (first: Partial<Policy>, second: Partial<Policy>): Policy[] => [
  consent(permits(toHospital), { identifier: 'v|1', version: 10, dateTimeMs: NOW_MS - 2 * DAY_MS, ...first }),
  consent(permits(toHospital), { identifier: 'v|1', version: 20, dateTimeMs: NOW_MS - DAY_MS, ...second }),
];
const self = selfPolicy({
  handle: 'self',
  version: 5,
  dateTimeMs: 0,
  subject: SUBJECT,
  references: [PATIENT],
});
const asksSelf = asks({ actor: { references: [PATIENT] }, purposes: [PATRQT] });
const duty = (more: Partial<Policy> = {}, end = true): Policy =>
  consent(
    permits({
      actors: [{ reference: 'Organization/ministry' }],
      purposes: [PUBHLTH],
      ...(end ? { period: { endMs: NOW_MS + DAY_MS } } : {}),
    }),
    { kind: 'legal-basis', layer: 'custodian', ...more },
  );
const asksDuty = asks({
  actor: { references: ['Organization/ministry'] },
  action: 'disclose',
  purposes: [PUBHLTH],
});
const breakGlass = (more: Partial<Policy> = {}): Policy =>
  consent(
    permits({ actors: [{ reference: HOSPITAL }], purposes: [BTG], period: { endMs: NOW_MS + DAY_MS } }),
    { kind: 'emergency', layer: 'custodian', ...more },
  );
const asksBreakGlass = asks({ purposes: [BTG] });
const january = { startMs: Date.UTC(2026, 0, 1), endMs: Date.UTC(2026, 1, 1) - 1 };

const DEFAULT = 'DESIGN Consent: with nothing matched the answer is deny';
const LAYERS = 'DESIGN Consent: two layers, and both must permit';
const PURPOSE = 'DESIGN Consent: one purpose of use a request';
const EXACT = "DESIGN Consent: a permit's purpose matches exactly, never reaches break-glass";
const OPT_IN = 'DESIGN Consent: subsumption is opt-in in a permit, and never reaches break-glass';
const SUBSUMES = "DESIGN Consent: a denial's purpose subsumes";
const ANDED = 'STANDARDS 3: elements are ANDed, repetitions ORed, absent = no constraint';
const NESTED = 'DESIGN Consent: deepest matching exception wins, among siblings deny wins';
const NOT_FLIPPED = 'STANDARDS 3: honour the explicit type of nested provisions, never flip';
const MATCHED = 'DESIGN Consent: only matched denies count';
const PERIOD = 'ATTACKS 53: expired, future';
const STATUS = 'ATTACKS 54: any status but active';
const SUPERSEDE =
  'DESIGN Consent: same identifier, later leaf and later dateTime; equal ones deny (ATTACKS 62)';
const LABELS = 'STANDARDS 3: U<L<M<N<R<V, permits cover <=, denials >=';
const UNLABELLED = 'DESIGN Consent: unlabelled data counts as restricted (ATTACKS 66)';
const DATA_PERIOD = 'STANDARDS 3: dataPeriod';
const DATA = 'FHIR R4 Consent.provision.data.meaning';
const UNKNOWN = 'ATTACKS 65: an unknown modifierExtension denies';
const ACTOR = 'ATTACKS 60, 61: actor that cannot be resolved, or differs';
const SUBJECTS = 'ATTACKS 69: consent of A used for B';
const BOUND = 'DESIGN Consent, obligations: what is permitted is bound by all that permits it';
const KINDS = 'DESIGN Consent: Policy.kind';

function row(
  clause: string,
  name: string,
  expect: Row['expect'],
  request: AccessRequest,
  ...policies: Policy[]
): Row {
  return { clause, name, request, policies, expect };
}

function bare(
  clause: string,
  name: string,
  expect: Row['expect'],
  request: AccessRequest,
  ...policies: Policy[]
): Row {
  return { ...row(clause, name, expect, request, ...policies), bare: true };
}

const withNarrower = consent(permits({ purposes: [TREAT], subsumedPurposes: [TREAT, ETREAT, CLINTRL, BTG] }));

export const DECISIONS: readonly Row[] = [
  row(OPT_IN, 'the purpose itself', 'permit', asks(), withNarrower),
  row(OPT_IN, 'a narrower purpose', 'permit', asks({ purposes: [ETREAT] }), withNarrower),
  row(OPT_IN, 'another purpose', 'no-answer', asks({ purposes: [HRESCH] }), withNarrower),
  row(OPT_IN, 'ATTACKS 56: break-glass, though it is narrower', 'no-answer', asksBreakGlass, withNarrower),
  row(
    OPT_IN,
    'break-glass where it is named beside',
    'permit',
    asksBreakGlass,
    consent(permits({ purposes: [TREAT, BTG], subsumedPurposes: [TREAT, ETREAT, BTG] })),
  ),
  row(
    OPT_IN,
    'an exception within that denies covers the narrower too',
    'refused',
    asks({ purposes: [ETREAT] }),
    consent(
      permits({ purposes: [TREAT], subsumedPurposes: [TREAT, ETREAT] }, denies({ codes: [HEART_RATE] })),
    ),
  ),
  row(
    OPT_IN,
    'a permit within a denial takes what the denial names, exactly',
    'refused',
    asks({ purposes: [ETREAT] }),
    consent(
      denies({ purposes: [TREAT], subsumedPurposes: [TREAT, ETREAT] }, permits({ codes: [HEART_RATE] })),
    ),
  ),
  row(
    OPT_IN,
    'nothing of the kind without being asked for',
    'no-answer',
    asks({ purposes: [ETREAT] }),
    consent(permits({ purposes: [TREAT] })),
  ),
  row(
    UNLABELLED,
    'labels found by codes alone: a denial of another label may hold',
    'refused',
    labelled(PSY, conf('R'), UNREADABLE),
    consent(permits({}, denies({ securityLabels: [HIV] }))),
  ),
  row(
    UNLABELLED,
    'labels found by codes alone: a permit of another label does not',
    'no-answer',
    labelled(PSY, conf('R'), UNREADABLE),
    consent(permits({ securityLabels: [HIV] })),
  ),
  row(
    UNLABELLED,
    'labels found by codes alone: a permit of N does not reach them',
    'no-answer',
    labelled(PSY, conf('R'), UNREADABLE),
    consent(permits({ securityLabels: [conf('N')] })),
  ),
  row(
    BOUND,
    'obligations do not stand in the way of a permit',
    'permit',
    asks(),
    consent(permits({ ...toHospital, obligations: [{ kind: 'pseudonymise' }] })),
  ),
  row(
    BOUND,
    'an obligation of no known kind: nobody could carry it out',
    'error',
    asks(),
    consent(permits({ ...toHospital, obligations: [{ kind: 'shred' as 'pseudonymise' }] })),
  ),
  row(DEFAULT, 'nobody signed anything', 'no-answer', asks()),
  bare(DEFAULT, 'no policies at all', 'custodian', asks()),
  row(DEFAULT, 'a consent to something else', 'no-answer', asks(), research),
  row(
    DEFAULT,
    'a draft is no answer',
    'no-answer',
    asks(),
    consent(permits(toHospital), { status: 'draft' }),
  ),
  row(LAYERS, 'both permit', 'permit', asks(), consent(permits(toHospital))),
  bare(LAYERS, 'the patient alone', 'custodian', asks(), consent(permits(toHospital))),
  bare(LAYERS, 'the custodian alone', 'no-answer', asks(), CUSTODIAN),
  row(
    LAYERS,
    'the custodian denies',
    'custodian',
    asks(),
    consent(permits(toHospital)),
    consent(denies(), { layer: 'custodian' }),
  ),
  bare(
    LAYERS,
    "a custodian's permission that ended",
    'custodian',
    asks(),
    consent(permits(toHospital)),
    custodianPolicy({
      handle: 'c',
      version: 1,
      dateTimeMs: 0,
      references: [HOSPITAL],
      actions: ['access'],
      purposes: [TREAT],
      endMs: NOW_MS - 1,
    }),
  ),
  bare(
    LAYERS,
    "a patient's policy for every subject means nothing",
    'no-answer',
    asks(),
    CUSTODIAN,
    consent(permits(toHospital), { subject: '*' }),
  ),
  row(PURPOSE, 'no purpose', 'one-purpose', asks({ purposes: [] }), consent(permits())),
  row(PURPOSE, 'two purposes', 'one-purpose', asks({ purposes: [TREAT, HRESCH] }), consent(permits())),
  row(PURPOSE, 'one purpose twice', 'one-purpose', asks({ purposes: [TREAT, TREAT] }), consent(permits())),
  row(PURPOSE, 'an empty purpose', 'one-purpose', asks({ purposes: [''] }), consent(permits())),
  row(EXACT, 'ATTACKS 56: BTG under TREAT', 'no-answer', asksBreakGlass, consent(permits(toHospital))),
  row(
    EXACT,
    'ATTACKS 57: CLINTRL as TREAT',
    'no-answer',
    asks({ purposes: [CLINTRL] }),
    consent(permits({ purposes: [TREAT] })),
  ),
  row(EXACT, 'a permit of no purpose does not reach BTG', 'no-answer', asksBreakGlass, consent(permits())),
  row(EXACT, 'a permit of no purpose reaches TREAT', 'permit', asks(), consent(permits())),
  row(EXACT, 'BTG by its name', 'permit', asksBreakGlass, consent(permits({ purposes: [BTG] }))),
  row(
    EXACT,
    'a permit within a denial of TREAT does not reach BTG',
    'refused',
    asksBreakGlass,
    consent(
      denies(
        { purposes: [TREAT], subsumedPurposes: [TREAT, ETREAT, BTG] },
        permits({ actors: toHospital.actors }),
      ),
    ),
  ),
  row(
    SUBSUMES,
    'no treatment, so no emergency treatment',
    'refused',
    asks({ purposes: [ETREAT] }),
    consent(permits({ purposes: [ETREAT] })),
    consent(denies({ purposes: [TREAT], subsumedPurposes: [TREAT, ETREAT, BTG, CLINTRL] })),
  ),
  row(
    SUBSUMES,
    'no research, so no disease-specific research',
    'refused',
    asks({ purposes: [DSRCH] }),
    consent(permits({ purposes: [DSRCH] })),
    consent(denies({ purposes: [HRESCH], subsumedPurposes: [HRESCH, DSRCH] })),
  ),
  row(
    SUBSUMES,
    'no disease-specific research leaves research',
    'permit',
    asks({ purposes: [HRESCH] }),
    consent(permits({ purposes: [HRESCH] })),
    consent(denies({ purposes: [DSRCH], subsumedPurposes: [DSRCH] })),
  ),
  row(
    MATCHED,
    'a denial of another purpose',
    'permit',
    asks(),
    consent(permits()),
    consent(denies({ purposes: [HRESCH] })),
  ),
  row(
    MATCHED,
    'a denial that matches wins',
    'refused',
    asks(),
    consent(permits()),
    consent(denies({ purposes: [TREAT] })),
  ),
  row(MATCHED, 'a denial of everything', 'refused', asks(), consent(permits(toHospital)), consent(denies())),
  row(MATCHED, 'a refusal alone', 'refused', asks(), consent(denies({ purposes: [TREAT] }))),
  row(
    ANDED,
    'actor and purpose, other actor',
    'no-answer',
    asks({ actor: { references: [RESEARCHER] } }),
    consent(permits(toHospital)),
  ),
  row(
    ANDED,
    'one of two actors',
    'permit',
    asks(),
    consent(permits({ actors: [{ reference: RESEARCHER }, { reference: HOSPITAL }] })),
  ),
  row(
    ANDED,
    'one of two purposes',
    'permit',
    asksResearchOf(HRESCH),
    consent(permits({ purposes: [TREAT, HRESCH] })),
  ),
  row(
    ANDED,
    'the action asked',
    'permit',
    asks({ action: 'collect' }),
    consent(permits({ actions: ['collect', 'access'] })),
  ),
  row(
    ANDED,
    'another action',
    'no-answer',
    asks({ action: 'disclose' }),
    consent(permits({ actions: ['collect', 'access'] })),
  ),
  row(ANDED, 'the class', 'permit', asks(), consent(permits({ classes: [ENCOUNTER, OBSERVATION] }))),
  row(ANDED, 'another class', 'no-answer', asks(), consent(permits({ classes: [ENCOUNTER] }))),
  row(ANDED, 'the code', 'permit', asks(), consent(permits({ codes: [HEART_RATE] }))),
  row(ANDED, 'another code', 'no-answer', asks(), consent(permits({ codes: [CRP] }))),
  row(
    ANDED,
    'class and code, code differs',
    'no-answer',
    asks(),
    consent(permits({ classes: [OBSERVATION], codes: [CRP] })),
  ),
  row(ANDED, 'an empty list matches nothing', 'no-answer', asks(), consent(permits({ classes: [] }))),
  row(
    ANDED,
    'a denied code',
    'refused',
    asks(),
    consent(permits()),
    consent(denies({ codes: [HEART_RATE] })),
  ),
  row(
    NESTED,
    'permit, but not this code',
    'refused',
    asks(),
    consent(permits({}, denies({ codes: [HEART_RATE] }))),
  ),
  row(
    NESTED,
    'permit, but not another code',
    'permit',
    asks(),
    consent(permits({}, denies({ codes: [CRP] }))),
  ),
  row(
    NESTED,
    'deny, except this actor',
    'permit',
    asks(),
    consent(denies({}, permits({ actors: [{ reference: HOSPITAL }] }))),
  ),
  row(
    NESTED,
    'deny, except another actor',
    'refused',
    asks(),
    consent(denies({}, permits({ actors: [{ reference: RESEARCHER }] }))),
  ),
  row(
    NESTED,
    'ATTACKS 59: third level permits',
    'permit',
    asks(),
    consent(permits({}, denies({ classes: [OBSERVATION] }, permits({ codes: [HEART_RATE] })))),
  ),
  row(
    NESTED,
    'third level does not match',
    'refused',
    asks(),
    consent(permits({}, denies({ classes: [OBSERVATION] }, permits({ codes: [CRP] })))),
  ),
  row(
    NESTED,
    'fourth level denies',
    'refused',
    asks(),
    consent(permits({}, denies({}, permits({}, denies({ codes: [HEART_RATE] }))))),
  ),
  row(
    NESTED,
    'siblings: permit and deny',
    'refused',
    asks(),
    consent(denies({}, permits({ codes: [HEART_RATE] }), denies({ classes: [OBSERVATION] }))),
  ),
  row(
    NESTED,
    'siblings in the other order',
    'refused',
    asks(),
    consent(denies({}, denies({ classes: [OBSERVATION] }), permits({ codes: [HEART_RATE] }))),
  ),
  row(
    NESTED,
    'an exception to a rule for another actor',
    'no-answer',
    asks(),
    consent(permits({ actors: [{ reference: RESEARCHER }] }, permits({ codes: [HEART_RATE] }))),
  ),
  row(
    NOT_FLIPPED,
    'ATTACKS 58: permit nested in permit',
    'permit',
    labelled(conf('R')),
    consent(
      permits(
        { securityLabels: [conf('N')] },
        permits({ securityLabels: [conf('R')], actors: [{ reference: HOSPITAL }] }),
      ),
    ),
  ),
  row(
    NOT_FLIPPED,
    'permit nested in permit, another actor',
    'no-answer',
    labelled(conf('R')),
    consent(
      permits(
        { securityLabels: [conf('N')] },
        permits({ securityLabels: [conf('R')], actors: [{ reference: RESEARCHER }] }),
      ),
    ),
  ),
  row(
    NOT_FLIPPED,
    'deny nested in deny',
    'refused',
    asks(),
    consent(denies({}, denies({ codes: [HEART_RATE] }))),
  ),
  row(
    NOT_FLIPPED,
    'break-glass nested in treatment',
    'permit',
    asksBreakGlass,
    consent(permits({ purposes: [TREAT] }, permits({ purposes: [BTG], actors: [{ reference: HOSPITAL }] }))),
  ),
  row(
    PERIOD,
    'within',
    'permit',
    asks(),
    consent(permits({ period: { startMs: NOW_MS - 1, endMs: NOW_MS + 1 } })),
  ),
  row(PERIOD, 'at the last instant', 'permit', asks(), consent(permits({ period: { endMs: NOW_MS } }))),
  row(PERIOD, 'just over', 'expired', asks(), consent(permits({ period: { endMs: NOW_MS - 1 } }))),
  row(PERIOD, 'not begun', 'not-yet-valid', asks(), consent(permits({ period: { startMs: NOW_MS + 1 } }))),
  row(
    PERIOD,
    'a date that is over in some zone',
    'expired',
    asks(),
    consent(permits({ period: { endMs: NOW_MS + 1, sureEndMs: NOW_MS - 1 } })),
  ),
  row(
    PERIOD,
    'a refusal that is over in some zone only',
    'refused',
    asks(),
    consent(permits()),
    consent(denies({ period: { endMs: NOW_MS + 1, sureEndMs: NOW_MS - 1 } })),
  ),
  row(
    PERIOD,
    'a refusal that is over',
    'permit',
    asks(),
    consent(permits()),
    consent(denies({ period: { endMs: NOW_MS - 1 } })),
  ),
  row(
    PERIOD,
    'an exception that is over',
    'permit',
    asks(),
    consent(permits({}, denies({ period: { endMs: NOW_MS - 1 } }))),
  ),
  row(STATUS, 'withdrawn', 'refused', asks(), consent(permits(toHospital), { withdrawnAtLeaf: 12 })),
  row(STATUS, 'a withdrawn consent to something else', 'no-answer', asks(), {
    ...research,
    withdrawnAtLeaf: 12,
  }),
  row(STATUS, 'inactive', 'refused', asks(), consent(permits(toHospital), { status: 'inactive' })),
  row(STATUS, 'rejected', 'refused', asks(), consent(permits(toHospital), { status: 'rejected' })),
  row(STATUS, 'proposed', 'no-answer', asks(), consent(permits(toHospital), { status: 'proposed' })),
  row(
    STATUS,
    'entered in error',
    'no-answer',
    asks(),
    consent(permits(toHospital), { status: 'entered-in-error' }),
  ),
  row(
    STATUS,
    'withdrawn, and another consent stands',
    'permit',
    asks(),
    consent(permits(toHospital), { withdrawnAtLeaf: 12 }),
    consent(permits(toHospital)),
  ),
  row(
    STATUS,
    'a withdrawn refusal does not permit',
    'refused',
    asks(),
    consent(denies(), { withdrawnAtLeaf: 12 }),
  ),
  row(SUPERSEDE, 'the later version holds', 'permit', asks(), ...versions({ root: denies() }, {})),
  row(
    SUPERSEDE,
    'the earlier one does not',
    'refused',
    asks(),
    ...versions({}, { root: denies(toHospital) }),
  ),
  row(
    SUPERSEDE,
    'narrowed by the later version',
    'refused',
    asks(),
    ...versions({}, { root: permits({ purposes: [HRESCH] }) }),
  ),
  row(
    SUPERSEDE,
    'withdrawn by the later version',
    'refused',
    asks(),
    ...versions({}, { status: 'inactive' }),
  ),
  row(
    SUPERSEDE,
    'withdrawn by a document without provisions',
    'refused',
    asks(),
    ...versions({}, { status: 'inactive', root: denies() }),
  ),
  row(
    SUPERSEDE,
    'that document speaks to nothing else',
    'no-answer',
    asksResearch,
    ...versions({}, { status: 'inactive', root: denies() }),
  ),
  row(SUPERSEDE, 'replaced by a draft', 'refused', asks(), ...versions({}, { status: 'draft' })),
  row(SUPERSEDE, 'equal dateTimes', 'ambiguous', asks(), ...versions({ dateTimeMs: NOW_MS - DAY_MS }, {})),
  row(SUPERSEDE, 'equal leaves', 'ambiguous', asks(), ...versions({ version: 20 }, {})),
  row(
    SUPERSEDE,
    'later leaf, earlier dateTime',
    'ambiguous',
    asks(),
    ...versions({ dateTimeMs: NOW_MS - DAY_MS / 2 }, {}),
  ),
  row(
    SUPERSEDE,
    'a backdated withdrawal',
    'ambiguous',
    asks(),
    ...versions({}, { status: 'inactive', dateTimeMs: 0 }),
  ),
  row(
    SUPERSEDE,
    'a third version settles it',
    'permit',
    asks(),
    ...versions({ dateTimeMs: NOW_MS - DAY_MS }, {}),
    consent(permits(toHospital), { identifier: 'v|1', version: 30, dateTimeMs: NOW_MS - 1 }),
  ),
  row(
    SUPERSEDE,
    'ties in what is not asked',
    'permit',
    asksResearch,
    research,
    ...versions({ dateTimeMs: NOW_MS - DAY_MS }, {}),
  ),
  row(
    LABELS,
    'permit N, data N',
    'permit',
    labelled(conf('N')),
    consent(permits({ securityLabels: [conf('N')] })),
  ),
  row(
    LABELS,
    'permit N, data L',
    'permit',
    labelled(conf('L')),
    consent(permits({ securityLabels: [conf('N')] })),
  ),
  row(
    LABELS,
    'permit N, data R',
    'no-answer',
    labelled(conf('R')),
    consent(permits({ securityLabels: [conf('N')] })),
  ),
  row(
    LABELS,
    'permit N or R, data R',
    'permit',
    labelled(conf('R')),
    consent(permits({ securityLabels: [conf('N'), conf('R')] })),
  ),
  row(
    LABELS,
    'permit R, data V',
    'no-answer',
    labelled(conf('V')),
    consent(permits({ securityLabels: [conf('R')] })),
  ),
  row(
    LABELS,
    'permit N, data N and V',
    'no-answer',
    labelled(conf('N'), conf('V')),
    consent(permits({ securityLabels: [conf('N')] })),
  ),
  row(
    LABELS,
    'permit V, data of a code that is none',
    'no-answer',
    labelled(conf('X')),
    consent(permits({ securityLabels: [conf('V')] })),
  ),
  row(
    LABELS,
    'deny R, data N',
    'permit',
    labelled(conf('N')),
    consent(permits({}, denies({ securityLabels: [conf('R')] }))),
  ),
  row(
    LABELS,
    'deny R, data R',
    'refused',
    labelled(conf('R')),
    consent(permits({}, denies({ securityLabels: [conf('R')] }))),
  ),
  row(
    LABELS,
    'ATTACKS 67: deny R, data V',
    'refused',
    labelled(conf('V')),
    consent(permits({}, denies({ securityLabels: [conf('R')] }))),
  ),
  row(
    LABELS,
    'deny a code that is none',
    'refused',
    labelled(conf('U')),
    consent(permits({}, denies({ securityLabels: [conf('X')] }))),
  ),
  row(
    LABELS,
    'deny PSY, data PSY',
    'refused',
    labelled(conf('N'), PSY),
    consent(permits({}, denies({ securityLabels: [PSY] }))),
  ),
  row(
    LABELS,
    'deny PSY, data HIV',
    'permit',
    labelled(conf('N'), HIV),
    consent(permits({}, denies({ securityLabels: [PSY] }))),
  ),
  row(
    LABELS,
    'permit PSY, data HIV',
    'no-answer',
    labelled(conf('R'), HIV),
    consent(permits({ securityLabels: [PSY] })),
  ),
  row(
    LABELS,
    'a denial for one actor within permit N reaches down',
    'refused',
    labelled(conf('U')),
    consent(permits({ securityLabels: [conf('N')] }, denies({ actors: [{ reference: HOSPITAL }] }))),
  ),
  row(UNLABELLED, 'permit N', 'no-answer', unlabelled, consent(permits({ securityLabels: [conf('N')] }))),
  row(UNLABELLED, 'permit R', 'permit', unlabelled, consent(permits({ securityLabels: [conf('R')] }))),
  row(
    UNLABELLED,
    'deny R',
    'refused',
    unlabelled,
    consent(permits({}, denies({ securityLabels: [conf('R')] }))),
  ),
  row(
    UNLABELLED,
    'deny V',
    'permit',
    unlabelled,
    consent(permits({}, denies({ securityLabels: [conf('V')] }))),
  ),
  row(UNLABELLED, 'deny PSY', 'refused', unlabelled, consent(permits({}, denies({ securityLabels: [PSY] })))),
  row(UNLABELLED, 'no policy speaks of labels', 'permit', unlabelled, consent(permits())),
  row(
    UNLABELLED,
    'labels, but none of confidentiality',
    'no-answer',
    labelled(HIV),
    consent(permits({ securityLabels: [conf('N')] })),
  ),
  row(
    DATA_PERIOD,
    'data within',
    'permit',
    dated(january.startMs, january.endMs),
    consent(permits({ dataPeriod: january })),
  ),
  row(
    DATA_PERIOD,
    'data that began before',
    'no-answer',
    dated(january.startMs - 1, january.endMs),
    consent(permits({ dataPeriod: january })),
  ),
  row(DATA_PERIOD, 'data of unknown date', 'no-answer', undated, consent(permits({ dataPeriod: january }))),
  row(
    DATA_PERIOD,
    'denied data that overlaps',
    'refused',
    dated(0, january.startMs),
    consent(permits({}, denies({ dataPeriod: january }))),
  ),
  row(
    DATA_PERIOD,
    'denied data elsewhere',
    'permit',
    dated(0, january.startMs - 1),
    consent(permits({}, denies({ dataPeriod: january }))),
  ),
  row(
    DATA_PERIOD,
    'denied, of unknown date',
    'refused',
    undated,
    consent(permits({}, denies({ dataPeriod: january }))),
  ),
  row(
    DATA,
    'the instance',
    'permit',
    asks(),
    consent(permits({ data: [{ meaning: 'instance', reference: 'Observation/o1' }] })),
  ),
  row(
    DATA,
    'another instance',
    'no-answer',
    asks(),
    consent(permits({ data: [{ meaning: 'instance', reference: 'Observation/o2' }] })),
  ),
  row(
    DATA,
    'authored by, author known',
    'permit',
    asks({ resource: { authors: ['Practitioner/a'] } }),
    consent(permits({ data: [{ meaning: 'authoredby', reference: 'Practitioner/a' }] })),
  ),
  row(
    DATA,
    'authored by, author not known',
    'no-answer',
    asks(),
    consent(permits({ data: [{ meaning: 'authoredby', reference: 'Practitioner/a' }] })),
  ),
  row(
    DATA,
    'denied author not known',
    'refused',
    asks(),
    consent(permits({}, denies({ data: [{ meaning: 'authoredby', reference: 'Practitioner/a' }] }))),
  ),
  row(
    DATA,
    'denied author, another wrote it',
    'permit',
    asks({ resource: { authors: ['Practitioner/b'] } }),
    consent(permits({}, denies({ data: [{ meaning: 'authoredby', reference: 'Practitioner/a' }] }))),
  ),
  row(
    DATA,
    'dependents: what refers to it',
    'permit',
    asks({ resource: { refersTo: ['Encounter/e'] } }),
    consent(permits({ data: [{ meaning: 'dependents', reference: 'Encounter/e' }] })),
  ),
  row(
    DATA,
    'dependents: not what it refers to',
    'no-answer',
    asks({ resource: { refersTo: [], referredBy: ['Encounter/e'] } }),
    consent(permits({ data: [{ meaning: 'dependents', reference: 'Encounter/e' }] })),
  ),
  row(
    DATA,
    'related',
    'permit',
    asks({ resource: { refersTo: [], referredBy: ['Encounter/e'] } }),
    consent(permits({ data: [{ meaning: 'related', reference: 'Encounter/e' }] })),
  ),
  row(
    UNKNOWN,
    'in the consent that would permit',
    'unknown-element',
    asks(),
    consent(permits(), { unknown: ['Consent.modifierExtension'] }),
  ),
  row(
    UNKNOWN,
    'in another consent',
    'unknown-element',
    asks(),
    consent(permits()),
    consent(permits({ purposes: [HRESCH] }), { unknown: ['Consent.modifierExtension'] }),
  ),
  row(
    UNKNOWN,
    'in a consent that was withdrawn',
    'permit',
    asks(),
    consent(permits()),
    consent(permits(), { unknown: ['Consent.modifierExtension'], withdrawnAtLeaf: 3 }),
  ),
  row(
    UNKNOWN,
    "in the custodian's",
    'unknown-element',
    asks(),
    consent(permits()),
    consent(permits(), { layer: 'custodian', unknown: ['x'] }),
  ),
  row(
    ACTOR,
    'permit to one that cannot be resolved',
    'no-answer',
    asks(),
    consent(permits({ actors: [{ reference: UNREADABLE }] })),
  ),
  row(
    ACTOR,
    'denial to one that cannot be resolved',
    'refused',
    asks(),
    consent(permits()),
    consent(denies({ actors: [{ reference: UNREADABLE }] })),
  ),
  row(ACTOR, 'an actor that states nothing', 'no-answer', asks(), consent(permits({ actors: [{}] }))),
  row(
    ACTOR,
    'a role the actor has',
    'permit',
    asks({ actor: { references: [HOSPITAL], roles: ['r|doctor'] } }),
    consent(permits({ actors: [{ reference: HOSPITAL, roles: ['r|doctor'] }] })),
  ),
  row(
    ACTOR,
    'a role the actor has not',
    'no-answer',
    asks({ actor: { references: [HOSPITAL], roles: ['r|clerk'] } }),
    consent(permits({ actors: [{ reference: HOSPITAL, roles: ['r|doctor'] }] })),
  ),
  row(ACTOR, 'roles not known', 'no-answer', asks(), consent(permits({ actors: [{ roles: ['r|doctor'] }] }))),
  row(
    ACTOR,
    'denied role not known',
    'refused',
    asks(),
    consent(permits()),
    consent(denies({ actors: [{ roles: ['r|doctor'] }] })),
  ),
  row(
    ACTOR,
    'ATTACKS 61: the root names another',
    'no-answer',
    asks(),
    consent(permits({ actors: [{ reference: RESEARCHER }] }, permits({ actors: [{ reference: HOSPITAL }] }))),
  ),
  row(ACTOR, 'an unreadable purpose', 'no-answer', asks(), consent(permits({ purposes: [UNREADABLE] }))),
  row(
    ACTOR,
    'an unreadable purpose denied',
    'refused',
    asks(),
    consent(permits()),
    consent(denies({ purposes: [UNREADABLE] })),
  ),
  row(
    SUBJECTS,
    "another patient's consent",
    'no-answer',
    asks(),
    consent(permits(toHospital), { subject: 'patient-2' }),
  ),
  row(
    SUBJECTS,
    "another patient's refusal",
    'permit',
    asks(),
    consent(permits(toHospital)),
    consent(denies(), { subject: 'patient-2' }),
  ),
  row(SUBJECTS, 'a request on every subject', 'error', asks({ subject: '*' }), consent(permits(toHospital))),
  bare(KINDS, 'self: the patient reads, the custodian not asked', 'permit', asksSelf, self),
  row(KINDS, 'self: over a refusal of everything', 'permit', asksSelf, self, consent(denies())),
  row(KINDS, 'self: exports', 'permit', { ...asksSelf, action: 'disclose' }, self),
  row(KINDS, 'self: corrects', 'permit', { ...asksSelf, action: 'correct' }, self),
  row(
    KINDS,
    'self: is no leave to train models',
    'no-answer',
    { ...asksResearch, actor: { references: [PATIENT, RESEARCHER] } },
    self,
  ),
  row(KINDS, 'self: nobody else', 'no-answer', asks(), self),
  row(KINDS, "self: not another patient's", 'custodian', asksSelf, { ...self, subject: 'patient-2' }),
  row(KINDS, 'self: needs references', 'custodian', asksSelf, { ...self, root: permits() }),
  bare(KINDS, "self: not in the custodian's layer", 'custodian', asksSelf, { ...self, layer: 'custodian' }),
  row(KINDS, 'legal basis: where the patient is silent', 'permit', asksDuty, duty()),
  row(
    KINDS,
    'legal basis: over a refusal only if it says so',
    'refused',
    asksDuty,
    duty(),
    consent(denies()),
  ),
  row(
    KINDS,
    'legal basis: over a refusal',
    'permit',
    asksDuty,
    duty({ overRefusal: true }),
    consent(denies()),
  ),
  row(KINDS, 'legal basis: not without an end', 'custodian', asksDuty, duty({}, false)),
  row(
    KINDS,
    'legal basis: over when over',
    'custodian',
    asksDuty,
    duty({ root: { ...duty().root, period: { endMs: NOW_MS - 1 } } }),
  ),
  row(KINDS, "legal basis: not in the patient's layer", 'custodian', asksDuty, duty({ layer: 'patient' })),
  row(KINDS, 'legal basis: for its own purpose only', 'no-answer', asks(), duty()),
  row(
    KINDS,
    'legal basis: not past a denial of the custodian',
    'custodian',
    asksDuty,
    duty({ overRefusal: true }),
    consent(denies(), { layer: 'custodian' }),
  ),
  row(KINDS, 'emergency: breaks the glass', 'permit', asksBreakGlass, breakGlass()),
  row(
    KINDS,
    'emergency: the patient ruled it out',
    'refused',
    asksBreakGlass,
    breakGlass(),
    consent(denies({ purposes: [BTG] })),
  ),
  row(KINDS, 'emergency: does not serve treatment at large', 'no-answer', asks(), breakGlass()),
  row(
    KINDS,
    'overRefusal on a consent means nothing',
    'refused',
    asks(),
    consent(permits(), { overRefusal: true }),
    consent(denies()),
  ),
];

function asksResearchOf(purpose: string): AccessRequest {
  return asks({ actor: { references: [RESEARCHER] }, action: 'use', purposes: [purpose] });
}
