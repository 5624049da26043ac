/** An instance with two hospitals, and a clock that can be put forward. */
import { openInstance } from '../../../../adapter/instance/instance.js';
import type { Instance } from '../../../../adapter/instance/instance.js';
import { createLogger } from '../../../../adapter/logger.js';
import { addImportSource, testConfig } from '../../../support/instance.js';
import { enrolOrganisation, enrolPerson } from '../../../support/person.js';
import type { TestPerson } from '../../../support/person.js';

export interface Hospitals {
  instance: Instance;
  /** Of the hospital whose source is `ward`; the third belongs to that of `clinic`. */
  readonly staff: readonly [TestPerson, TestPerson, TestPerson];
  /** Puts the clock forward. */
  readonly pass: (ms: number) => void;
  readonly reopen: () => Promise<Instance>;
}

export const DAY_MS = 86_400_000;

export async function openHospitals(dir: string): Promise<Hospitals> {
  let ahead = 0;
  const open = (): Promise<Instance> =>
    openInstance({
      config: testConfig(dir),
      demo: false,
      logger: createLogger('error', () => undefined),
      nowMs: () => Date.now() + ahead,
    });
  const instance = await open();
  await addImportSource(instance);
  const clinic = await enrolOrganisation(instance, 'The other clinic');
  await instance.sources.add(
    {
      id: 'clinic',
      kind: 'import',
      name: 'test',
      custodian: { participant: clinic.participant, id: clinic.id, name: 'The other clinic' },
      allowResearch: false,
    },
    instance.nowMs(),
  );
  const found: Hospitals = {
    instance,
    staff: [
      await enrolPerson(instance, 'staff'),
      await enrolPerson(instance, 'clinician'),
      await enrolPerson(instance, 'staff', clinic.id),
    ],
    pass: (ms) => {
      ahead += ms;
    },
    reopen: async () => {
      await found.instance.close();
      found.instance = await open();
      return found.instance;
    },
  };
  return found;
}
