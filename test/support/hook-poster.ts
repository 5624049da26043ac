/** Sends hooks as a hospital's server does: again and again until they are acknowledged. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Observation, Patient } from 'fhir/r4.js';
import { versionName } from './ward-data.js';

/** A version to put, or a `Type/id` to delete. */
export type HookStep = Observation | Patient | { readonly deleted: string };

const LANES = 8;
/** Between tries that were refused for want of space or while stopping, ms. */
const RETRY_MS = 20;

export class HookPoster {
  /** Versions that were answered 2xx, as an audit names them. */
  readonly acknowledged = new Set<string>();
  /** `Type/id` whose deletion was answered 2xx. */
  readonly deleted = new Set<string>();
  /** Hooks sent whose answer never came. */
  lostAnswers = 0;
  /** Answers other than 2xx, by status. */
  readonly refused = new Map<number, number>();
  readonly #hooks: string;
  readonly #secret: string;
  readonly #source: Iterator<readonly HookStep[], void>;
  /** What each lane has begun and not seen acknowledged. */
  readonly #open: HookStep[][] = Array.from({ length: LANES }, () => []);

  /** @param steps - Each item's steps in order: one begins once the one before is acknowledged. */
  constructor(source: string, secret: string, steps: Iterator<readonly HookStep[], void>) {
    this.#hooks = `/hooks/${source}`;
    this.#secret = secret;
    this.#source = steps;
  }

  /** Sends as long as it may. */
  async run(address: string, goesOn: () => boolean): Promise<void> {
    await Promise.all(
      this.#open.map(async (open) => {
        while (goesOn()) {
          if (open.length === 0) open.push(...(this.#source.next().value ?? []));
          if (open.length === 0) return;
          await this.#step(address, open);
        }
      }),
    );
  }

  /** Sends what was begun, and nothing new. */
  async finish(address: string): Promise<void> {
    await Promise.all(
      this.#open.map(async (open) => {
        while (open.length > 0) await this.#step(address, open);
      }),
    );
  }

  async #step(address: string, open: HookStep[]): Promise<void> {
    const [step] = open;
    assert.ok(step !== undefined);
    const status = await this.#send(address, step);
    if (status === undefined) {
      this.lostAnswers += 1;
      return;
    }
    if (status < 200 || status > 299) {
      this.refused.set(status, (this.refused.get(status) ?? 0) + 1);
      await sleep(RETRY_MS);
      return;
    }
    open.shift();
    if ('deleted' in step) this.deleted.add(step.deleted);
    else this.acknowledged.add(versionName(step));
  }

  /** @returns `undefined` when there was no answer. */
  async #send(address: string, step: HookStep): Promise<number | undefined> {
    const isDelete = 'deleted' in step;
    const path = isDelete ? step.deleted : `${step.resourceType}/${step.id ?? ''}`;
    try {
      const response = await fetch(`${address}${this.#hooks}/${path}`, {
        method: isDelete ? 'DELETE' : 'PUT',
        headers: { authorization: `Bearer ${this.#secret}`, 'content-type': 'application/fhir+json' },
        ...(isDelete ? {} : { body: JSON.stringify(step) }),
      });
      await response.arrayBuffer();
      return response.status;
    } catch {
      await sleep(1);
      return undefined;
    }
  }
}
