/** Paths of certificates that OpenSSL made, for keys of every kind, and each way in which one does not count. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { allFromPem, verifyPath } from '../../../ledger/participants/index.js';
import type { PathRefusal } from '../../../ledger/participants/index.js';

const found = spawnSync('openssl', ['version']).status === 0;
const DAY_MS = 86_400_000;

const CA = 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n';
const LEAF = 'basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n';

describe('paths to a trust anchor', { skip: found ? false : 'openssl is not on PATH' }, () => {
  const dir = mkdtempSync(join(tmpdir(), 'firebreak-path-'));
  after(() => rmSync(dir, { recursive: true, force: true }));
  const openssl = (...args: string[]): void => {
    const { status, stderr } = spawnSync('openssl', args, { cwd: dir, encoding: 'utf8' });
    assert.equal(status, 0, stderr);
  };
  /** A certificate by an issuer, or by itself. */
  function make(
    name: string,
    options: {
      by?: string;
      key?: string[];
      subject?: string;
      extensions?: string;
      hash?: string;
      days?: number;
    } = {},
  ): void {
    const { by, key = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], hash = 'sha256', days = 30 } = options;
    const [algorithm = '', ...more] = key;
    openssl('genpkey', '-algorithm', algorithm, ...more, '-out', `${name}.key`);
    writeFileSync(join(dir, `${name}.ext`), options.extensions ?? CA);
    openssl(
      'req',
      '-new',
      '-key',
      `${name}.key`,
      '-subj',
      options.subject ?? `/O=${name}/CN=${name}`,
      '-out',
      `${name}.csr`,
    );
    const issuer =
      by === undefined
        ? ['-signkey', `${name}.key`]
        : ['-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial'];
    const rest = ['-days', String(days), `-${hash}`, '-extfile', `${name}.ext`, '-out', `${name}.pem`];
    openssl('x509', '-req', '-in', `${name}.csr`, ...issuer, ...rest);
  }
  const der = (name: string): Buffer => {
    const [one] = allFromPem('CERTIFICATE', readFileSync(join(dir, `${name}.pem`), 'utf8'), 1) ?? [];
    assert.ok(one !== undefined);
    return one;
  };
  const check = (leaf: string, chain: string[], anchors: string[], day = 1): string => {
    const nowMs = Date.now() + day * DAY_MS;
    const result = verifyPath({
      certificate: der(leaf),
      chain: chain.map(der),
      anchors: anchors.map(der),
      nowMs,
    });
    return result.ok ? result.name : result.code;
  };

  const RSA = ['rsa', '-pkeyopt', 'rsa_keygen_bits:2048'];
  before(() => {
    make('root', { key: RSA });
    make('between', { by: 'root' });
    make('leaf', {
      by: 'between',
      key: ['ed25519'],
      extensions: LEAF,
      subject: '/C=DE/O=City Insurance/OU=Claims/CN=claims.example',
    });
    make('plain', { by: 'root', extensions: LEAF, subject: '/CN=Only a name' });
    make('other');
    make('short', { by: 'root', extensions: CA.replace('TRUE', 'TRUE,pathlen:0') });
    make('below', { by: 'short' });
    make('deep', { by: 'below', extensions: LEAF });
    make('under-leaf', { by: 'leaf', extensions: LEAF });
    make('cannot', {
      by: 'root',
      extensions: 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature\n',
    });
    make('under-cannot', { by: 'cannot', extensions: LEAF });
    make('weak', { by: 'root', key: ['rsa', '-pkeyopt', 'rsa_keygen_bits:1024'], extensions: LEAF });
    make('sha1', { by: 'root', extensions: LEAF, hash: 'sha1' });
    make('named', { by: 'root', extensions: `${CA}nameConstraints=critical,permitted;DNS:.example\n` });
    make('under-named', { by: 'named', extensions: LEAF });
    make('critical', { by: 'root', extensions: `${LEAF}1.2.3.4=critical,ASN1:NULL\n` });
    make('brief', { by: 'root', extensions: LEAF, days: 2 });
  });

  it('is found over what lies between, in any order; the name is O, else CN', () => {
    assert.equal(check('leaf', ['between'], ['root']), 'City Insurance');
    assert.equal(check('leaf', ['other', 'short', 'between', 'leaf'], ['other', 'root']), 'City Insurance');
    assert.equal(check('leaf', [], ['between']), 'City Insurance', 'an anchor need not be a root');
    assert.equal(check('plain', [], ['root']), 'Only a name');
  });

  const REFUSED: readonly [
    leaf: string,
    chain: string[],
    anchors: string[],
    code: PathRefusal,
    day?: number,
  ][] = [
    ['leaf', [], ['root'], 'untrusted'],
    ['leaf', ['between'], ['other'], 'untrusted'],
    ['leaf', ['between'], [], 'untrusted'],
    ['other', [], ['root'], 'untrusted'],
    ['leaf', ['between'], ['root'], 'not-valid', 31],
    ['leaf', ['between'], ['root'], 'not-valid', -2],
    ['brief', [], ['root'], 'not-valid', 3],
    ['between', [], ['root'], 'not-permitted'],
    ['deep', ['below', 'short'], ['root'], 'not-permitted'],
    ['under-leaf', ['leaf', 'between'], ['root'], 'untrusted'],
    ['under-cannot', ['cannot'], ['root'], 'untrusted'],
    ['weak', [], ['root'], 'weak-crypto'],
    ['sha1', [], ['root'], 'weak-crypto'],
    ['under-named', ['named'], ['root'], 'not-judged'],
    ['critical', [], ['root'], 'not-judged'],
  ];
  for (const [leaf, chain, anchors, code, day] of REFUSED)
    it(`${leaf} under ${[...chain, ...anchors].join(', ') || 'nothing'}${day === undefined ? '' : `, day ${day}`}: ${code}`, () => {
      assert.equal(check(leaf, chain, anchors, day), code);
    });

  it('an altered certificate, cut bytes or bytes behind it lead nowhere', () => {
    const good = der('plain');
    const at = { chain: [], anchors: [der('root')], nowMs: Date.now() };
    for (const bad of [
      good.subarray(0, -1),
      Buffer.concat([good, Buffer.of(0)]),
      Buffer.alloc(0),
      Buffer.from('x'),
    ])
      assert.deepEqual(verifyPath({ ...at, certificate: bad }), { ok: false, code: 'malformed' });
    for (let i = 0; i < good.length; i += 7) {
      const altered = Buffer.from(good);
      altered[i] = (altered[i] ?? 0) ^ 1;
      assert.equal(verifyPath({ ...at, certificate: altered }).ok, false, `byte ${i}`);
    }
    assert.deepEqual(verifyPath({ ...at, certificate: good, chain: Array<Buffer>(9).fill(good) }), {
      ok: false,
      code: 'malformed',
    });
  });
});
