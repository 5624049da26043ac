/** The wards' way to the hospital's FHIR server. */
import type { Encounter, Patient, Resource } from 'fhir/r4.js';
import { DemoError } from '../errors.js';
import type { WardPatient } from './plan.js';

/** A version as the server gave it back. */
export interface Version {
  /** `Type/id`. */
  readonly path: string;
  readonly versionId: string;
  /** The server's own bytes. */
  readonly body: string;
}

/** Pages of one type that are read at most: 1,000 of 1,000. */
const PAGES_MAX = 1000;
/** One answer may take this long, ms. */
const TIMEOUT_MS = 30_000;

export class HospitalClient {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(url: string, token: string) {
    this.#url = url.replace(/\/+$/, '');
    this.#headers = { authorization: `Bearer ${token}`, 'content-type': 'application/fhir+json' };
  }

  /** Creates or updates under the resource's own id. */
  async put(resource: Resource): Promise<Version> {
    const path = `${resource.resourceType}/${resource.id ?? ''}`;
    const response = await this.#ask(path, { method: 'PUT', body: JSON.stringify(resource) }, [200, 201]);
    const body = await response.text();
    const { meta } = JSON.parse(body) as Resource;
    return { path, versionId: meta?.versionId ?? '', body };
  }

  /** The present version; `deleted` or `undefined` (never there) otherwise. */
  async get(path: string): Promise<Resource | 'deleted' | undefined> {
    const response = await this.#ask(path, {}, [200, 404, 410]);
    if (response.status === 200) return (await response.json()) as Resource;
    await response.arrayBuffer();
    return response.status === 410 ? 'deleted' : undefined;
  }

  async delete(path: string): Promise<void> {
    const response = await this.#ask(path, { method: 'DELETE' }, [200, 204, 404, 410]);
    await response.arrayBuffer();
  }

  /** Who is in the wards by the hospital's own history (not admitted by the wards), in the order of their ids. */
  async census(isHistory: (encounterId: string) => boolean): Promise<WardPatient[]> {
    const found = new Map<string, WardPatient>();
    for await (const encounter of this.#all<Encounter>('Encounter')) {
      const patientId = encounter.subject?.reference?.replace(/^Patient\//, '');
      const encounterId = encounter.id ?? '';
      if (encounter.status !== 'in-progress' || patientId === undefined || !isHistory(encounterId)) continue;
      found.set(encounterId, { patientId, encounterId });
    }
    return [...found.values()].toSorted((a, b) => (a.encounterId < b.encounterId ? -1 : 1));
  }

  /** Logical ids of all Patients, in order. */
  async patientIds(): Promise<string[]> {
    const ids = new Set<string>();
    for await (const { id } of this.#all<Patient>('Patient')) if (id !== undefined) ids.add(id);
    return [...ids].toSorted();
  }

  /** Everything of a type, page by page. */
  async *#all<T extends Resource>(type: T['resourceType']): AsyncGenerator<T> {
    let next: string | undefined = `${type}?_count=1000&_sort=_lastUpdated`;
    for (let page = 0; next !== undefined && page < PAGES_MAX; page++) {
      const response: Response = await this.#ask(next, {}, [200]);
      const bundle = (await response.json()) as {
        entry?: { resource: T }[];
        link?: { relation: string; url: string }[];
      };
      for (const { resource } of bundle.entry ?? []) yield resource;
      const link: string | undefined = bundle.link?.find(({ relation }) => relation === 'next')?.url;
      next = link?.startsWith(`${this.#url}/`) === true ? link.slice(this.#url.length + 1) : undefined;
    }
  }

  async #ask(path: string, init: RequestInit, expected: readonly number[]): Promise<Response> {
    let response: Response;
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      response = await fetch(`${this.#url}/${path}`, {
        ...init,
        headers: this.#headers,
        redirect: 'error',
        signal,
      });
    } catch (cause) {
      throw new DemoError('DEMO_HOSPITAL_REFUSED', 'the hospital does not answer', { cause });
    }
    if (expected.includes(response.status)) return response;
    await response.arrayBuffer();
    throw new DemoError('DEMO_HOSPITAL_REFUSED', `the hospital answered ${response.status}`);
  }
}
