/**
 * Which network addresses a source may be reached at. A source names its host; what that name stands for is judged when
 * the connection is made, so that a name which changes its mind gains nothing.
 *
 * @see RFC 1918, RFC 4193, RFC 6598, RFC 6890
 */
import { BlockList, isIP } from 'node:net';
import { AdapterError } from '../errors.js';

/** `forbidden`: link-local (metadata services), multicast, documentation, tunnels and what is no host's address. */
export type AddressClass = 'public' | 'private' | 'loopback' | 'forbidden';

/** The ranges of a hospital's own network. */
export const PRIVATE_RANGES: readonly string[] = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  'fc00::/7',
];
const LOOPBACK_RANGES = ['127.0.0.0/8', '::1/128'];
const FORBIDDEN_RANGES = [
  '0.0.0.0/8',
  '169.254.0.0/16',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  '::/96',
  '::ffff:0:0:0/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/32',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  'fe80::/9',
  'ff00::/8',
  // A metadata service that sits in a private range.
  'fd00:ec2::254/128',
];
const LOOPBACK = blockListOf(LOOPBACK_RANGES);
const FORBIDDEN = blockListOf(FORBIDDEN_RANGES);
const PRIVATE = blockListOf(PRIVATE_RANGES);
/** IPv6 prefixes whose last 32 bits are an IPv4 address that is meant: mapped, and NAT64's. */
const EMBEDDING = ['0:0:0:0:0:ffff', '64:ff9b:0:0:0:0'];
const V4_BITS_MIN = 8;
const V6_BITS_MIN = 7;

/** What kind of address one is; text that is no IP address is `forbidden`. */
export function classOf(address: string): AddressClass {
  const plain = withoutEmbedding(address);
  const version = isIP(plain);
  if (version === 0) return 'forbidden';
  const family = version === 4 ? 'ipv4' : 'ipv6';
  if (LOOPBACK.check(plain, family)) return 'loopback';
  if (FORBIDDEN.check(plain, family)) return 'forbidden';
  return PRIVATE.check(plain, family) ? 'private' : 'public';
}

/** Which addresses are taken: public ones always, others where that was said. */
export class AddressGate {
  readonly #loopback: boolean;
  readonly #allowed: BlockList;

  /**
   * @param allowPrivate - Ranges such as `10.1.0.0/16`, as {@link checkedRange} takes them.
   */
  constructor(rule: { readonly loopback: boolean; readonly allowPrivate: readonly string[] }) {
    this.#loopback = rule.loopback;
    this.#allowed = blockListOf(rule.allowPrivate.map(checkedRange));
  }

  permits(address: string): boolean {
    const plain = withoutEmbedding(address);
    const is = classOf(plain);
    if (is === 'private') return this.#allowed.check(plain, isIP(plain) === 4 ? 'ipv4' : 'ipv6');
    return is === 'public' || (is === 'loopback' && this.#loopback);
  }
}

/**
 * A range of private addresses, as text.
 *
 * @throws AdapterError ADAPTER_USAGE when it is no range, or not one of private addresses alone.
 */
export function checkedRange(text: string): string {
  const [network = '', bits = ''] = text.split('/');
  const version = isIP(network);
  const prefix = /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
  const least = version === 4 ? V4_BITS_MIN : V6_BITS_MIN;
  const most = version === 4 ? 32 : 128;
  const isRange = version !== 0 && prefix >= least && prefix <= most;
  // A range of at least these bits lies in one block of its kind or sticks out of it at its last address.
  if (!isRange || classOf(network) !== 'private' || (version === 4 && !endsPrivate(network, prefix))) {
    throw new AdapterError(
      'ADAPTER_USAGE',
      `${text.slice(0, 64)} is not a range of private addresses such as 10.1.0.0/16`,
    );
  }
  return text;
}

function endsPrivate(network: string, prefix: number): boolean {
  const value = network.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - prefix);
  const first = Math.floor(value / size) * size;
  return [first, first + size - 1].every((one) => classOf(v4Text(one)) === 'private');
}

function v4Text(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

/** `::ffff:7f00:1` is 127.0.0.1; a zone is dropped. */
function withoutEmbedding(address: string): string {
  const bare = address.split('%')[0] ?? '';
  if (isIP(bare) !== 6) return bare;
  const groups = groupsOf(bare);
  if (!EMBEDDING.includes(groups.slice(0, 6).join(':'))) return bare;
  const [high = '0', low = '0'] = groups.slice(6);
  return v4Text(Number.parseInt(high, 16) * 65_536 + Number.parseInt(low, 16));
}

/** The eight groups of an IPv6 address, without leading zeros. */
function groupsOf(address: string): string[] {
  // The URL parser writes one address one way: no dotted tail, `::` at one place at most.
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = text.split('::');
  const before = head === '' ? [] : head.split(':');
  if (tail === undefined) return before;
  const after = tail === '' ? [] : tail.split(':');
  return [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after];
}

function blockListOf(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', bits = ''] = range.split('/');
    list.addSubnet(network, Number(bits), isIP(network) === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}
