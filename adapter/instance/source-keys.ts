/**
 * The keys by which this instance proves to hospitals' servers who it is, as a client of SMART Backend Services. One pair
 * for each algorithm, made when they are first asked for; the private halves lie sealed and go nowhere.
 *
 * @see https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html
 */
import { createPrivateKey, createPublicKey, generateKeyPair } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { calculateJwkThumbprint } from 'jose';
import type { JWK } from 'jose';
import type { Appender } from '../../ledger/custody/index.js';
import type { Store } from '../../ledger/store.js';
import { openRow, sealRow } from '../../ledger/vault/index.js';

/** What SMART asks clients to be able to sign with. */
export const SOURCE_ALGORITHMS = ['ES384', 'RS384'] as const;
export type SourceAlgorithm = (typeof SOURCE_ALGORITHMS)[number];

export interface SigningKey {
  readonly kid: string;
  readonly algorithm: SourceAlgorithm;
  readonly key: KeyObject;
}

interface KeptKey {
  readonly kid: string;
  readonly algorithm: SourceAlgorithm;
  /** Base64. */
  readonly pkcs8: string;
}

const ROW = 'source-keys';
const RSA_BITS = 3072;
const makePair = promisify(generateKeyPair);

export class SourceKeys {
  readonly #key: Buffer;
  readonly #appender: () => Appender;
  #keys: readonly SigningKey[] = [];
  #making: Promise<readonly SigningKey[]> | undefined;

  private constructor(key: Buffer, appender: () => Appender) {
    this.#key = key;
    this.#appender = appender;
  }

  static open(store: Store, indexKey: Buffer, appender: () => Appender): SourceKeys {
    const keys = new SourceKeys(indexKey, appender);
    const row = store.getSync(ROW);
    if (row !== undefined) {
      const kept = JSON.parse(openRow(indexKey, ROW, row).toString('utf8')) as readonly KeptKey[];
      keys.#keys = kept.map(({ kid, algorithm, pkcs8 }) => ({
        kid,
        algorithm,
        key: createPrivateKey({ key: Buffer.from(pkcs8, 'base64'), format: 'der', type: 'pkcs8' }),
      }));
    }
    return keys;
  }

  /** The key of an algorithm; all are made where there are none. */
  async signing(algorithm: SourceAlgorithm): Promise<SigningKey> {
    const found = (await this.#made()).find((key) => key.algorithm === algorithm);
    if (found === undefined) throw new Error(`no key for ${algorithm}`);
    return found;
  }

  /** Makes the keys where there are none, and shows their public halves. */
  async make(): Promise<{ keys: JWK[] }> {
    await this.#made();
    return this.published();
  }

  /** The public keys, as a JWK set; empty while none were made. */
  published(): { keys: JWK[] } {
    return {
      keys: this.#keys.map(({ kid, algorithm, key }) => ({
        ...createPublicKey(key).export({ format: 'jwk' }),
        kid,
        alg: algorithm,
        use: 'sig',
        key_ops: ['verify'],
      })) as JWK[],
    };
  }

  async #made(): Promise<readonly SigningKey[]> {
    if (this.#keys.length > 0) return this.#keys;
    this.#making ??= this.#makeAll().finally(() => {
      this.#making = undefined;
    });
    return this.#making;
  }

  async #makeAll(): Promise<readonly SigningKey[]> {
    const made = await Promise.all(SOURCE_ALGORITHMS.map(makeKey));
    const kept: KeptKey[] = made.map(({ kid, algorithm, key }) => ({
      kid,
      algorithm,
      pkcs8: key.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
    }));
    const value = sealRow(this.#key, ROW, Buffer.from(JSON.stringify(kept), 'utf8'));
    await this.#appender().writeRows(() => ({
      writes: [{ type: 'put', key: ROW, value }],
      value: undefined,
    }));
    this.#keys = made;
    return made;
  }
}

async function makeKey(algorithm: SourceAlgorithm): Promise<SigningKey> {
  const { privateKey, publicKey } =
    algorithm === 'ES384'
      ? await makePair('ec', { namedCurve: 'P-384' })
      : await makePair('rsa', { modulusLength: RSA_BITS });
  const kid = await calculateJwkThumbprint(publicKey.export({ format: 'jwk' }));
  return { kid, algorithm, key: privateKey };
}
