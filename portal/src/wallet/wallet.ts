/** What a wallet holds, and its form as bytes. */
import { fromBase64url, textOf, toBase64url, utf8 } from '../../../ledger/proofs/index.js';
import type { Application, Enrolled } from '../../../adapter/http/contract/index.js';
import type { WalletKeys } from './keys.js';

/** The certificate of somebody who works in an organisation. */
export interface MemberCertificate {
  readonly pem: string;
  readonly fingerprint: string;
  /** Id in it. */
  readonly id: string;
  readonly group: 'provider' | 'authority' | 'payer';
  readonly organisation: string;
  /** `organisation`, or that of a person of it; absent in wallets of an earlier version. */
  readonly role?: string;
}

export interface Wallet {
  readonly keys: WalletKeys;
  /** Not yet used for sure: asking again with it gets the same answer. */
  readonly invitation?: string;
  /** A patient's, once enrolled. */
  readonly enrolled?: Enrolled;
  /** A patient's, at other hospitals. */
  readonly links?: readonly Enrolled[];
  /** Invitation of another hospital whose answer has not arrived: asking again with it gets the same answer. */
  readonly linking?: string;
  /** Anybody's else, once the authority has certified the keys. */
  readonly certificate?: MemberCertificate;
  /** What the authority was asked for, until it has answered: the same asked again gets its answer. */
  readonly application?: Omit<Application, 'csr'>;
}

const KEY_BYTES = 32;

/** base64url SHA-256 of the certificate that speaks for the wallet; `undefined` before there is one. */
export function fingerprintOf({ enrolled, certificate }: Wallet): string | undefined {
  return enrolled?.fingerprint ?? certificate?.fingerprint;
}

/** Whose the wallet is: a patient's, somebody's of an organisation, an organisation's; `undefined` before it is certified. */
export function roleOf({ enrolled, certificate }: Wallet): string | undefined {
  if (enrolled !== undefined) return 'patient';
  const role = certificate?.role;
  return role === undefined || role === 'organisation' ? certificate?.group : role;
}

export function walletBytes({ keys, ...known }: Wallet): Uint8Array {
  return utf8(
    JSON.stringify({
      format: 'firebreak-wallet/1',
      signing: toBase64url(keys.signing),
      opening: toBase64url(keys.opening),
      ...known,
    }),
  );
}

/** The wallet that bytes hold; `undefined` for other bytes. */
export function readWallet(bytes: Uint8Array): Wallet | undefined {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(textOf(bytes) ?? '') as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const [signing, opening] = [value['signing'], value['opening']].map((part) =>
    typeof part === 'string' ? fromBase64url(part) : undefined,
  );
  if (value['format'] !== 'firebreak-wallet/1') return undefined;
  if (signing?.length !== KEY_BYTES || opening?.length !== KEY_BYTES) return undefined;
  const { invitation, enrolled, links, linking, certificate, application } = value as Omit<Wallet, 'keys'>;
  return {
    keys: { signing, opening },
    ...(typeof invitation === 'string' ? { invitation } : {}),
    ...(enrolled === undefined ? {} : { enrolled }),
    ...(Array.isArray(links) ? { links } : {}),
    ...(typeof linking === 'string' ? { linking } : {}),
    ...(certificate === undefined ? {} : { certificate }),
    ...(application === undefined ? {} : { application }),
  };
}
