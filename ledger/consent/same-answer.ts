/**
 * Which resources the gate answers alike. A policy looks at a resource through the elements that its provisions state;
 * where none states an element, resources that differ in it alone get one answer.
 */
import type { Policy, Provision } from './policy.js';
import type { RequestResource } from './request.js';

/** What of a resource any of the policies looks at. */
export interface Matters {
  readonly classes: boolean;
  readonly codes: boolean;
  readonly labels: boolean;
  readonly period: boolean;
  /** Names, references and authors: then each resource is one of a kind. */
  readonly data: boolean;
}

const ALL: Matters = { classes: true, codes: true, labels: true, period: true, data: true };

/** Reads the provisions of all policies, to any depth. Of one that cannot be read, all might matter. */
export function mattersOf(policies: readonly Policy[]): Matters {
  try {
    return readMatters(policies);
  } catch {
    return ALL;
  }
}

function readMatters(policies: readonly Policy[]): Matters {
  const matters = { classes: false, codes: false, labels: false, period: false, data: false };
  const look = ({ classes, codes, data, dataPeriod, provisions, securityLabels }: Provision): void => {
    matters.classes ||= classes !== undefined;
    matters.codes ||= codes !== undefined;
    matters.labels ||= securityLabels !== undefined;
    matters.period ||= dataPeriod !== undefined;
    matters.data ||= data !== undefined;
    provisions.forEach(look);
  };
  for (const { root } of policies) look(root);
  return matters;
}

/** Two resources of one key get one answer; `undefined` for one that must be judged by itself. */
export function sameAnswerKey(matters: Matters, resource: RequestResource): string | undefined {
  if (matters.data) return undefined;
  try {
    return keyOf(matters, resource);
  } catch {
    return undefined;
  }
}

function keyOf(matters: Matters, resource: RequestResource): string {
  const { classes, codes, labels, period } = resource;
  let key = '';
  if (matters.classes) key += JSON.stringify(classes);
  if (matters.codes) key += JSON.stringify(codes);
  if (matters.labels) key += JSON.stringify(labels ?? null);
  if (matters.period) key += period === undefined ? 'none' : `${period.startMs} ${period.endMs}`;
  return key;
}
