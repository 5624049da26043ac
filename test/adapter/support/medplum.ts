/** Medplum's server in memory as a hospital's, written to over HTTP as its own clients would. */
import assert from 'node:assert/strict';
import type { Bundle, Resource } from 'fhir/r4.js';
import { startHospital } from '../../../demo/index.js';
import type { Hospital } from '../../../demo/index.js';
import { removeFolder, temporaryFolder } from '../../support/instance.js';

const TOKEN = 'a-secret-of-this-test';

export interface MedplumServer {
  readonly base: string;
  readonly token: string;
  /** Creates or updates; the server's answer. */
  put(resource: { readonly resourceType: string; readonly id?: string }): Promise<Resource>;
  remove(name: string): Promise<void>;
  /** All that it holds, by search, as `Type/id/version`. */
  listing(): Promise<string[]>;
  close(): Promise<void>;
  /** Stops it, and starts it again at the same address. */
  restart(): Promise<void>;
}

export async function startMedplum(patients = 1): Promise<MedplumServer> {
  const dataDir = temporaryFolder();
  let hospital: Hospital = await startHospital({ dataDir, token: TOKEN, patients });
  const ask = async (path: string, method: string, body?: object): Promise<Response> =>
    fetch(`${hospital.url}/${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/fhir+json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  return {
    base: hospital.url,
    token: TOKEN,
    put: async (resource) => {
      const { resourceType, id } = resource;
      const answer = await ask(
        id === undefined ? resourceType : `${resourceType}/${id}`,
        id === undefined ? 'POST' : 'PUT',
        resource,
      );
      assert.ok(answer.ok, `${answer.status} ${await answer.clone().text()}`);
      return (await answer.json()) as Resource;
    },
    remove: async (name) => {
      assert.equal((await ask(name, 'DELETE')).status, 204);
    },
    listing: async () => {
      const statement = (await (await ask('metadata', 'GET')).json()) as {
        rest: { resource: { type: string }[] }[];
      };
      const names: string[] = [];
      for (const { type } of statement.rest[0]?.resource ?? []) {
        const bundle = (await (await ask(`${type}?_count=1000`, 'GET')).json()) as Bundle;
        assert.ok((bundle.entry?.length ?? 0) < 1000);
        for (const { resource } of bundle.entry ?? [])
          names.push(`${resource?.resourceType}/${resource?.id}/${resource?.meta?.versionId}`);
      }
      return names.toSorted();
    },
    close: async () => {
      await hospital.close();
      removeFolder(dataDir);
    },
    restart: async () => {
      const { port } = hospital;
      await hospital.close();
      hospital = await startHospital({ dataDir, token: TOKEN, port });
    },
  };
}
