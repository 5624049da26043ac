/** Random policies and requests over a small world, so that they meet often. */
import assert from 'node:assert/strict';
import type {
  AccessRequest,
  ActorMatch,
  DataMatch,
  Obligation,
  Policy,
  Provision,
  Span,
} from '../../../ledger/consent/index.js';
import { ACTIONS, EVERY_SUBJECT, UNREADABLE } from '../../../ledger/consent/index.js';
import {
  asks,
  BTG,
  conf,
  consent,
  CRP,
  CUSTODIAN,
  DAY_MS,
  ENCOUNTER,
  ETREAT,
  HEART_RATE,
  HIV,
  HOSPITAL,
  HRESCH,
  NOW_MS,
  OBSERVATION,
  PATIENT,
  PSY,
  RESEARCHER,
  SUBJECT,
  TREAT,
} from './fixtures.js';

export type Draw = (below: number) => number;

/** Mulberry32: a fixed sequence, so that a failure can be looked at again. */
export function random(seed: number): Draw {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below;
  };
}

export function some<T>(draw: Draw, values: readonly T[]): T[] {
  return values.filter(() => draw(10) < 5);
}

export function one<T>(draw: Draw, values: readonly T[]): T {
  const value = values[Math.floor(draw(values.length))];
  assert(value !== undefined);
  return value;
}

const DOCTOR = 'urn:role|doctor';
const CONFIDENTIAL = [conf('U'), conf('L'), conf('M'), conf('N'), conf('R'), conf('V'), conf('X')];

function spanOf(draw: Draw): Span {
  const startMs = NOW_MS - DAY_MS * Math.floor(draw(20) - 4);
  const endMs = startMs + DAY_MS * Math.floor(draw(20));
  return {
    ...(draw(10) < 8 ? { startMs } : {}),
    ...(draw(10) < 8 ? { endMs } : {}),
    ...(draw(4) < 1 ? { sureStartMs: startMs + DAY_MS } : {}),
    ...(draw(4) < 1 ? { sureEndMs: endMs - DAY_MS } : {}),
  };
}

function actorOf(draw: Draw): ActorMatch {
  return {
    ...(draw(10) < 9 ? { reference: one(draw, [HOSPITAL, HOSPITAL, RESEARCHER, PATIENT, UNREADABLE]) } : {}),
    ...(draw(10) < 2 ? { roles: some(draw, [DOCTOR, UNREADABLE]) } : {}),
  };
}

function datumOf(draw: Draw): DataMatch {
  return {
    meaning: one(draw, ['instance', 'related', 'dependents', 'authoredby', UNREADABLE] as const),
    reference: one(draw, ['Observation/o1', 'Observation/o2', 'Encounter/e1', 'Practitioner/d1', UNREADABLE]),
  };
}

function purposesOf(draw: Draw): Pick<Provision, 'purposes' | 'subsumedPurposes'> {
  const purposes = some(draw, [TREAT, HRESCH, BTG, UNREADABLE]);
  if (draw(2) < 1) return { purposes };
  const narrower = purposes.includes(TREAT) ? [ETREAT, BTG] : [];
  return { purposes, subsumedPurposes: [...purposes, ...narrower] };
}

function obligationOf(draw: Draw): Obligation {
  return one(draw, [
    { kind: 'redact', elements: ['note'] },
    { kind: 'redact', elements: ['text', 'code'] },
    { kind: 'pseudonymise' },
    { kind: 'no-onward-use' },
  ] as const);
}

/** A rule of any elements, and exceptions to it. */
export function provision(draw: Draw, depth = 0): Provision {
  const given = (): boolean => draw(10) < 1.7;
  return {
    type: draw(10) < 6.5 ? 'permit' : 'deny',
    ...(given() ? { period: spanOf(draw) } : {}),
    ...(given() ? { actors: Array.from({ length: Math.floor(draw(3)) }, () => actorOf(draw)) } : {}),
    ...(given() ? { actions: some(draw, [...ACTIONS, UNREADABLE]) } : {}),
    ...(given() ? purposesOf(draw) : {}),
    ...(given() ? { securityLabels: some(draw, [...CONFIDENTIAL.slice(1), PSY, HIV, UNREADABLE]) } : {}),
    ...(given() ? { classes: some(draw, [OBSERVATION, ENCOUNTER, UNREADABLE]) } : {}),
    ...(given() ? { codes: some(draw, [HEART_RATE, CRP, UNREADABLE]) } : {}),
    ...(given() ? { dataPeriod: spanOf(draw) } : {}),
    ...(given() ? { data: [datumOf(draw), datumOf(draw)] } : {}),
    ...(given() ? { obligations: [obligationOf(draw)] } : {}),
    provisions:
      depth < 4 ? Array.from({ length: Math.floor(draw(2.5)) }, () => provision(draw, depth + 1)) : [],
  };
}

export function policy(draw: Draw): Policy {
  const layer = draw(10) < 7 ? 'patient' : 'custodian';
  const root = provision(draw);
  const kind = one(draw, ['consent', 'consent', 'consent', 'self', 'legal-basis', 'emergency'] as const);
  // Often as these kinds must be, else they would hardly ever hold.
  const usual = kind !== 'consent' && draw(10) < 6;
  const must: Partial<Provision> =
    kind === 'self'
      ? { type: 'permit', actors: [{ reference: PATIENT }], actions: ['access', 'disclose', 'correct'] }
      : {
          type: 'permit',
          actors: [{ reference: HOSPITAL }],
          purposes: [TREAT, BTG],
          period: { endMs: NOW_MS + DAY_MS },
        };
  const { subsumedPurposes: _, ...bare } = root;
  return consent(usual ? { ...bare, ...must } : root, {
    layer: usual ? (kind === 'self' ? 'patient' : 'custodian') : layer,
    version: Math.floor(draw(6)),
    dateTimeMs: NOW_MS - DAY_MS * Math.floor(draw(6)),
    kind,
    status:
      draw(10) < 8
        ? 'active'
        : one(draw, ['inactive', 'rejected', 'draft', 'proposed', 'entered-in-error'] as const),
    ...(draw(10) < 4 ? { identifier: `shared|${Math.floor(draw(3))}` } : {}),
    ...(draw(10) < 1 ? { withdrawnAtLeaf: 9 } : {}),
    ...(draw(10) < 1 ? { subject: one(draw, [EVERY_SUBJECT, 'patient-2']) } : {}),
    ...(draw(10) < 0.7 ? { voice: one(draw, ['x', 'y']) } : {}),
    ...(draw(10) < 0.4 ? { unknown: ['Consent.modifierExtension'] } : {}),
    ...(draw(10) < 3 ? { overRefusal: draw(2) < 1 } : {}),
  });
}

export function request(draw: Draw): AccessRequest {
  const asked = asks({
    subject: SUBJECT,
    actor: {
      references: [one(draw, [HOSPITAL, HOSPITAL, RESEARCHER, PATIENT])],
      ...(draw(2) < 1 ? { roles: some(draw, [DOCTOR]) } : {}),
    },
    action: one(draw, ACTIONS),
    purposes: draw(50) < 1 ? some(draw, [TREAT, HRESCH]) : [one(draw, [TREAT, TREAT, ETREAT, HRESCH, BTG])],
    resource: {
      classes: some(draw, [OBSERVATION, ENCOUNTER]),
      codes: some(draw, [HEART_RATE, CRP]),
      labels: draw(10) < 3 ? undefined : some(draw, [...CONFIDENTIAL, PSY, HIV, UNREADABLE]).slice(0, 3),
      ...(draw(2) < 1 ? { authors: some(draw, ['Practitioner/d1']) } : {}),
      ...(draw(2) < 1 ? { refersTo: some(draw, ['Encounter/e1']) } : {}),
      ...(draw(2) < 1 ? { referredBy: some(draw, ['Observation/o2']) } : {}),
      ...(draw(4) < 1 ? { references: ['Observation/o2'] } : {}),
    },
  });
  if (draw(10) < 8) return asked;
  const { id: _, period: __, ...resource } = asked.resource;
  return { ...asked, resource };
}

export function policies(draw: Draw): Policy[] {
  return [CUSTODIAN, ...Array.from({ length: Math.floor(draw(6)) }, () => policy(draw))];
}
