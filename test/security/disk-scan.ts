/** Looking for bytes in everything that lies under a folder, in the ways in which bytes are written as text. */
import { createDecipheriv } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Instance } from '../../adapter/instance/instance.js';
import type { Subject } from '../../adapter/instance/subjects.js';

/** Something that must not be found, and what it is. */
export interface Secret {
  readonly what: string;
  readonly bytes: Buffer;
}

/** Where secrets are found: `path: what (form)`. Files that vanish while they are looked for are gone. */
export function findSecrets(folder: string, secrets: readonly Secret[]): string[] {
  const forms = secrets.flatMap(({ what, bytes }) => formsOf(bytes).map((form) => ({ what, ...form })));
  const found: string[] = [];
  for (const path of filesUnder(folder)) {
    const bytes = readIfThere(path);
    for (const { what, name, form } of forms)
      if (bytes.includes(form)) found.push(`${path.slice(folder.length + 1)}: ${what} (${name})`);
  }
  return found;
}

/** Raw, hex, and base64 of both alphabets at each of the three places where the bytes may begin in a longer text. */
function formsOf(bytes: Buffer): { name: string; form: Buffer }[] {
  const forms = [
    { name: 'raw', form: bytes },
    { name: 'hex', form: Buffer.from(bytes.toString('hex')) },
    { name: 'HEX', form: Buffer.from(bytes.toString('hex').toUpperCase()) },
  ];
  for (let shift = 0; shift < 3; shift++) {
    // Characters that depend on the bytes before or behind are cut off.
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const own = text.slice(shift === 0 ? 0 : shift + 1, -1);
    forms.push({ name: `base64+${shift}`, form: Buffer.from(own) });
    forms.push({
      name: `base64url+${shift}`,
      form: Buffer.from(own.replaceAll('+', '-').replaceAll('/', '_')),
    });
  }
  return forms;
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      return stat?.isFile() === true;
    });
}

function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}

/** Data key, salt and pieces of the sealed row of each kept version of a patient, and the record key. */
export async function secretsOf(instance: Instance, subject: Subject): Promise<Secret[]> {
  const secrets: Secret[] = [{ what: 'record key', bytes: subject.recordKey }];
  for await (const { handle, version, row } of instance.records.cards(instance.store, subject)) {
    const headEnd = 5 + row.readUInt32BE(1);
    const head = row.subarray(5, headEnd);
    const decipher = createDecipheriv('aes-256-gcm', subject.recordKey, head.subarray(0, 12));
    decipher.setAAD(
      Buffer.from(`firebreak/record-head/v1\n${instance.identity.origin}\n${handle}\n${version}`),
    );
    decipher.setAuthTag(head.subarray(-16));
    const plain = Buffer.concat([decipher.update(head.subarray(12, -16)), decipher.final()]);
    secrets.push(
      { what: `data key of ${handle}`, bytes: plain.subarray(0, 32) },
      { what: `salt of ${handle}`, bytes: plain.subarray(32, 64) },
      { what: `head of ${handle}`, bytes: Buffer.from(head.subarray(0, 24)) },
      { what: `body of ${handle}`, bytes: Buffer.from(row.subarray(headEnd, headEnd + 24)) },
    );
  }
  return secrets;
}
