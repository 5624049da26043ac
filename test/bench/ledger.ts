/** A ledger in a folder of its own: store, engine, state map and appender as an instance has them, without queue and server. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootstrap } from '../../adapter/instance/bootstrap.js';
import { openIdentity } from '../../adapter/instance/identity.js';
import { openStore } from '../../adapter/instance/store.js';
import { custodianPolicy, decide } from '../../ledger/consent/index.js';
import type { AccessRequest, Permitted, Policy } from '../../ledger/consent/index.js';
import { Appender, consentStatusWrite, GROUP_UNITS_MAX } from '../../ledger/custody/index.js';
import type { Signer, TaggedSubject } from '../../ledger/custody/index.js';
import { openEmbedded } from '../../ledger/engines/index.js';
import type { EmbeddedEngine } from '../../ledger/engines/index.js';
import type { JsonObject } from '../../ledger/log/index.js';
import { openStateMap } from '../../ledger/state/index.js';
import type { Store } from '../../ledger/store.js';
import { openKeys } from '../../ledger/vault/index.js';

export interface BenchLedger {
  readonly store: Store;
  readonly engine: EmbeddedEngine;
  /** Of the instance: what carries tags is submitted by it. */
  readonly signer: Signer;
  /** Appends `record.stored` entries of these bodies under the gate's permits; resolves when all are committed. */
  readonly append: (bodies: readonly JsonObject[]) => Promise<void>;
  close(): Promise<void>;
}

/** Patients whose entries they are. */
const SUBJECTS = 100;
/** Callers at once, each with a group's worth of entries: while one group is written, the next ones are waiting. */
const CALLERS = 3;
const TREATMENT = 'http://terminology.hl7.org/CodeSystem/v3-ActReason|TREAT';
const HOSPITAL = 'Organization/hospital';

interface Patient {
  readonly subject: TaggedSubject;
  readonly permit: Permitted;
}

/** @param withMap - Whether the state map rides along, as it does in an instance. */
export async function openLedger(withMap = true): Promise<BenchLedger> {
  const dataDir = mkdtempSync(join(tmpdir(), 'firebreak-bench-'));
  const identity = openIdentity(dataDir, { demo: undefined }, Date.now());
  const store = await openStore(dataDir);
  const keys = openKeys(join(dataDir, 'keys'));
  const nowMs = Date.now;
  const state = withMap ? await openStateMap(store) : undefined;
  const engine = await openEmbedded(store, {
    origin: identity.origin,
    logKeySeed: keys.logSeed,
    nowMs,
    ...(state === undefined ? {} : { state }),
  });
  const { instanceSigner } = await bootstrap({ store, keys, engine, identity, nowMs });
  const appender = new Appender({ store, engine, origin: identity.origin, instance: instanceSigner });
  const patients = await consentingPatients(appender);
  const appendAll = async (bodies: readonly JsonObject[]): Promise<void> => {
    const appended = bodies.map((body, i) => {
      const { subject, permit } = patients[i % SUBJECTS] as Patient;
      return appender.append(permit, 0, subject, () => ({
        drafts: [{ type: 'record.stored', body }],
        writes: [],
        value: undefined,
      }));
    });
    for (const { outcome } of await Promise.all(appended)) {
      if (outcome !== 'committed') throw new Error('an entry was refused');
    }
  };
  const append = async (bodies: readonly JsonObject[]): Promise<void> => {
    let next = 0;
    const call = async (): Promise<void> => {
      while (next < bodies.length) {
        const from = next;
        next += GROUP_UNITS_MAX;
        await appendAll(bodies.slice(from, from + GROUP_UNITS_MAX));
      }
    };
    await Promise.all(Array.from({ length: CALLERS }, call));
  };
  return {
    store,
    engine,
    signer: instanceSigner,
    append,
    close: async () => {
      await appender.close();
      await engine.close();
      await store.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** Bodies of `record.stored`, each of a record of its own. */
export function recordBodies(count: number): JsonObject[] {
  return Array.from({ length: count }, () => {
    const random = randomBytes(128);
    const part = (i: number): string => random.toString('base64url', 32 * i, 32 * (i + 1));
    return { handle: part(0), commitment: part(1), ciphertext: part(2), facts: part(3) };
  });
}

async function consentingPatients(appender: Appender): Promise<Patient[]> {
  const custodian = randomBytes(32).toString('base64url');
  const patients: Patient[] = [];
  const standing = [consentStatusWrite(custodian, { version: 1, status: 'in-force' })];
  for (let i = 0; i < SUBJECTS; i++) {
    const key = randomBytes(16).toString('base64url');
    const handle = randomBytes(32).toString('base64url');
    standing.push(consentStatusWrite(handle, { version: 1, status: 'in-force' }));
    const decision = decide(careRequest(key), carePolicies(key, custodian, handle), Date.now());
    if (decision.outcome !== 'permit') throw new Error(`the gate denies: ${decision.reason}`);
    patients.push({ subject: { key, tagKey: randomBytes(32) }, permit: decision.permit });
  }
  await appender.writeRows(() => ({ writes: standing, value: undefined }));
  return patients;
}

/** A hospital enters an Observation of its patient's. */
export function careRequest(subject: string): AccessRequest {
  return {
    subject,
    actor: { references: [HOSPITAL] },
    action: 'collect',
    purposes: [TREATMENT],
    resource: {
      type: 'Observation',
      id: 'o1',
      classes: [
        'http://hl7.org/fhir/resource-types|Observation',
        'http://terminology.hl7.org/CodeSystem/observation-category|vital-signs',
      ],
      codes: ['http://loinc.org|8867-4'],
      period: { startMs: Date.UTC(2024, 0, 1), endMs: Date.UTC(2024, 0, 1) },
      labels: undefined,
    },
  };
}

/** The hospital's standing permission, and the patient's: care, but nothing that is labelled psychiatric. */
export function carePolicies(subject: string, custodian: string, handle: string): Policy[] {
  const dateTimeMs = Date.UTC(2024, 0, 1);
  return [
    custodianPolicy({
      handle: custodian,
      version: 1,
      dateTimeMs,
      references: [HOSPITAL],
      actions: ['collect', 'access', 'use'],
      purposes: [TREATMENT],
    }),
    {
      kind: 'consent',
      layer: 'patient',
      handle,
      version: 1,
      identifier: `urn:ietf:rfc:3986|urn:uuid:${handle}`,
      dateTimeMs,
      subject,
      status: 'active',
      unknown: [],
      root: {
        type: 'permit',
        actors: [{ reference: HOSPITAL }],
        actions: ['collect', 'access', 'use'],
        purposes: [TREATMENT],
        provisions: [
          { type: 'deny', classes: ['http://hl7.org/fhir/resource-types|Media'], provisions: [] },
          { type: 'deny', codes: ['http://loinc.org|75618-9'], provisions: [] },
        ],
      },
    },
  ];
}
