import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AddressGate, checkedRange, classOf, PRIVATE_RANGES } from '../../../adapter/inbound/addresses.js';

const CASES: readonly (readonly [string, ReturnType<typeof classOf>])[] = [
  ['93.184.216.34', 'public'],
  ['2606:4700::1111', 'public'],
  ['10.0.0.1', 'private'],
  ['172.15.255.255', 'public'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['172.32.0.0', 'public'],
  ['192.168.1.1', 'private'],
  ['100.64.0.1', 'private'],
  ['fd12::1', 'private'],
  ['fc00::1', 'private'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['::1', 'loopback'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:7f00:1', 'loopback'],
  ['0:0:0:0:0:ffff:7f00:0001', 'loopback'],
  ['64:ff9b::7f00:1', 'loopback'],
  ['64:ff9b::a00:1', 'private'],
  ['64:ff9b::5db8:d822', 'public'],
  ['::ffff:10.1.2.3', 'private'],
  ['0.0.0.0', 'forbidden'],
  ['::', 'forbidden'],
  ['::127.0.0.1', 'forbidden'],
  ['::ffff:0:127.0.0.1', 'forbidden'],
  ['169.254.169.254', 'forbidden'],
  ['::ffff:169.254.169.254', 'forbidden'],
  ['fe80::1', 'forbidden'],
  ['fe80::1%eth0', 'forbidden'],
  ['fec0::1', 'forbidden'],
  ['fd00:ec2::254', 'forbidden'],
  ['2002:7f00:1::', 'forbidden'],
  ['2001:0:1::', 'forbidden'],
  ['2001:db8::1', 'forbidden'],
  ['224.0.0.1', 'forbidden'],
  ['255.255.255.255', 'forbidden'],
  ['ff02::1', 'forbidden'],
  ['198.18.0.1', 'forbidden'],
  ['localhost', 'forbidden'],
  ['2130706433', 'forbidden'],
  ['', 'forbidden'],
];

test('each address is of one class, however it is written', () => {
  assert.deepEqual(
    CASES.map(([address]) => [address, classOf(address)]),
    CASES,
  );
});

test('a gate takes public addresses, and others only where that was said', () => {
  const shut = new AddressGate({ loopback: false, allowPrivate: [] });
  const own = new AddressGate({ loopback: false, allowPrivate: ['10.1.0.0/16', 'fd12::/16'] });
  const here = new AddressGate({ loopback: true, allowPrivate: [] });
  const all = new AddressGate({ loopback: true, allowPrivate: PRIVATE_RANGES });
  const permitted = (address: string): boolean[] =>
    [shut, own, here, all].map((gate) => gate.permits(address));
  assert.deepEqual(permitted('93.184.216.34'), [true, true, true, true]);
  assert.deepEqual(permitted('10.1.2.3'), [false, true, false, true]);
  assert.deepEqual(permitted('::ffff:10.1.2.3'), [false, true, false, true]);
  assert.deepEqual(permitted('10.2.0.1'), [false, false, false, true]);
  assert.deepEqual(permitted('fd12::7'), [false, true, false, true]);
  assert.deepEqual(permitted('127.0.0.1'), [false, false, true, true]);
  for (const [address, is] of CASES)
    if (is === 'forbidden') assert.deepEqual(permitted(address), [false, false, false, false], address);
});

test('only ranges of private addresses can be allowed', () => {
  for (const range of [...PRIVATE_RANGES, '10.1.2.3/32', '172.16.0.0/13', 'fd00::/8'])
    assert.equal(checkedRange(range), range);
  const refused = [
    '0.0.0.0/0',
    '10.0.0.0/7',
    '8.8.8.0/24',
    '127.0.0.0/8',
    '169.254.0.0/16',
    '172.16.0.0/11',
    '192.168.0.0/15',
  ];
  for (const range of [
    ...refused,
    '100.64.0.0/9',
    'fe80::/10',
    '::/0',
    'fc00::/6',
    '10.0.0.1',
    '10.0.0.0/x',
    '10.0.0.0/33',
    '',
  ]) {
    assert.throws(() => checkedRange(range), { code: 'ADAPTER_USAGE' }, range);
  }
});
