/** Attacks on the token endpoint and on tokens, by number of the catalogue of attacks; each over HTTP. */
import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it, mock } from 'node:test';
import { revokeClient } from '../../adapter/services/client-admin.js';
import { serveHttp } from '../../adapter/services/server.js';
import type { HttpServer } from '../../adapter/services/server.js';
import { readEntry } from '../../ledger/engines/index.js';
import { LedgerError } from '../../ledger/errors.js';
import { storeReader, verifyLog } from '../../ledger/verify/index.js';
import {
  assertionClaims,
  assertionOf,
  compactJws,
  enrolClient,
  furtherKey,
  postForm,
  signer,
  tokenFor,
  tokenForm,
} from '../support/client.js';
import type { TestClient } from '../support/client.js';
import { openTestInstance, removeFolder, temporaryFolder } from '../support/instance.js';
import type { TestInstance } from '../support/instance.js';

const nowS = (): number => Math.floor(Date.now() / 1000);

describe('tokens', () => {
  const dir = temporaryFolder();
  let opened: TestInstance;
  let http: HttpServer;
  let client: TestClient;
  let tokenUrl: string;

  const open = async (): Promise<void> => {
    opened = await openTestInstance(dir);
    http = await serveHttp(opened.instance, () => undefined);
    tokenUrl = `${http.address}/auth/token`;
  };
  const close = async (): Promise<void> => {
    await http.close();
    await opened.close();
  };

  before(async () => {
    await open();
    client = await enrolClient(opened.instance);
  });
  after(async () => {
    await close();
    removeFolder(dir);
  });

  /** Each attack comes from an address of its own as far as the limits go: they are tried by themselves. */
  const ask = async (
    assertion: string,
    more: Readonly<Record<string, string>> = {},
  ): Promise<{ status: number; body: Record<string, unknown> }> => {
    const answer = await postForm(tokenUrl, tokenForm(assertion, more));
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };

  /** The client learns nothing; our log says why. */
  const expectRefused = async (assertion: string, ...reasons: readonly string[]): Promise<void> => {
    assert.deepEqual(await ask(assertion), {
      status: 401,
      body: {
        error: 'invalid_client',
        error_description: 'the client is unknown, or its assertion does not hold',
      },
    });
    const line = opened
      .logged()
      .trimEnd()
      .split('\n')
      .findLast((text) => text.includes('assertion refused'));
    const { reason } = JSON.parse(line ?? '{}') as { reason?: string };
    assert.ok(reasons.includes(reason ?? ''), `refused for ${reason}, not for ${reasons.join(' or ')}`);
  };

  const good = (more: Readonly<Record<string, unknown>> = {}): string => assertionOf(client, tokenUrl, more);
  const withHeader = (more: object): string =>
    compactJws(
      { alg: 'EdDSA', kid: client.kid, ...more },
      assertionClaims(client, tokenUrl),
      signer('EdDSA', client.key),
    );

  /** Asks about no token, which uses an assertion up. */
  const introspectNothing = async (): Promise<unknown> =>
    (await postForm(`${http.address}/auth/introspect`, { ...tokenForm(good()), token: 'none' })).json();

  it('gives a token for a good assertion, bound to scopes and one purpose, for five minutes', async () => {
    const { status, body } = await ask(good(), { scope: 'system/Observation.read system/Patient.rs launch' });
    assert.equal(status, 200);
    const { access_token: token, expires_in: expires, ...rest } = body;
    assert.ok(typeof token === 'string' && /^[A-Za-z0-9_-]{43}$/.test(token));
    assert.ok(typeof expires === 'number' && expires > 290 && expires <= 300);
    assert.deepEqual(rest, {
      token_type: 'bearer',
      scope: 'system/Observation.rs system/Patient.rs',
      purpose_of_use: 'TREAT',
    });
  });

  it('takes P-384 and RSA keys that were registered, and none that are weak', async () => {
    const ec = furtherKey('P-384', 'ec');
    const rsa = furtherKey('RSA', 'rsa');
    const other = await enrolClient(opened.instance, { jwks: { keys: [ec.jwk, rsa.jwk] } });
    for (const [alg, kid, key] of [
      ['ES384', 'ec', ec.key],
      ['RS384', 'rsa', rsa.key],
    ] as const) {
      const assertion = compactJws({ alg, kid }, assertionClaims(other, tokenUrl), signer(alg, key));
      assert.equal((await ask(assertion)).status, 200, alg);
    }
    const weak = furtherKey('RSA-1024', 'weak');
    await assert.rejects(enrolClient(opened.instance, { jwks: { keys: [weak.jwk] } }), {
      code: 'ADAPTER_USAGE',
    });
  });

  it('1: no token, no assertion', async () => {
    const { status, body } = await ask('');
    assert.deepEqual([status, body['error']], [400, 'invalid_request']);
    assert.equal(opened.instance.clients.list().length, 2);
  });

  it('2: alg none', async () => {
    for (const alg of ['none', 'None', 'NONE'])
      await expectRefused(
        compactJws({ alg, kid: client.kid }, assertionClaims(client, tokenUrl), () =>
          Buffer.alloc(0),
        ).replace(/\.$/, '.AA'),
        'algorithm',
      );
    await expectRefused(
      compactJws({ alg: 'none' }, assertionClaims(client, tokenUrl), () => Buffer.alloc(0)),
      'not-compact',
    );
  });

  it('3: a public key as the secret of an HMAC', async () => {
    const secret = Buffer.from(JSON.stringify(opened.instance.clients.get(client.id)?.keys[0]));
    for (const alg of ['HS256', 'HS384']) {
      await expectRefused(
        compactJws({ alg, kid: client.kid }, assertionClaims(client, tokenUrl), (input) =>
          createHmac(alg === 'HS256' ? 'sha256' : 'sha384', secret)
            .update(input)
            .digest(),
        ),
        'algorithm',
      );
    }
  });

  it('4: a key that came with the assertion', async () => {
    const own = furtherKey('P-384', 'mine');
    const claims = assertionClaims(client, tokenUrl);
    await expectRefused(
      compactJws({ alg: 'ES384', kid: 'mine', jwk: own.jwk }, claims, signer('ES384', own.key)),
      'embedded-key',
    );
    await expectRefused(withHeader({ jwk: own.jwk }), 'embedded-key');
    await expectRefused(withHeader({ x5c: ['AAAA'] }), 'embedded-key');
  });

  it('5: a foreign jku or x5u, which is not fetched', async () => {
    let fetched = 0;
    const server = createServer((_request, response) => {
      fetched += 1;
      response.end('{"keys":[]}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
    await expectRefused(withHeader({ jku: url }), 'foreign-key-url', 'embedded-key');
    await expectRefused(withHeader({ x5u: url }), 'foreign-key-url', 'embedded-key');
    server.close();
    assert.equal(fetched, 0);
  });

  it('6: a kid that is a path', async () => {
    for (const kid of ['../../keys/log.key', '/dev/null', '__proto__', `${client.kid}/../x`, ''])
      await expectRefused(withHeader({ kid }), 'unknown-key', 'bad-header');
  });

  it('7: expired, not yet valid, and absurd times', async () => {
    const now = nowS();
    await expectRefused(
      good({ exp: now - 120, iat: now - 300 }),
      'expired',
      'not-yet-valid',
      'bad-claims',
      'lives-too-long',
    );
    await expectRefused(good({ nbf: now + 600 }), 'expired', 'not-yet-valid', 'bad-claims', 'lives-too-long');
    await expectRefused(
      good({ iat: now + 600, exp: now + 700 }),
      'expired',
      'not-yet-valid',
      'bad-claims',
      'lives-too-long',
    );
    await expectRefused(good({ iat: 0 }), 'expired', 'not-yet-valid', 'bad-claims', 'lives-too-long');
    await expectRefused(
      good({ exp: String(now + 100) }),
      'expired',
      'not-yet-valid',
      'bad-claims',
      'lives-too-long',
    );
    await expectRefused(good({ exp: 1e300 }), 'expired', 'not-yet-valid', 'bad-claims', 'lives-too-long');
    await expectRefused(good({ exp: undefined }), 'expired', 'not-yet-valid', 'bad-claims', 'lives-too-long');
  });

  it('8: another audience', async () => {
    for (const aud of [
      `${http.address}/auth`,
      'https://other.example/auth/token',
      [tokenUrl, 'https://other.example'],
      undefined,
      {},
    ])
      await expectRefused(good({ aud }), 'audience');
    assert.equal((await ask(good({ aud: [tokenUrl] }))).status, 200);
  });

  it('9: another issuer', async () => {
    const other = await enrolClient(opened.instance);
    await expectRefused(good({ iss: other.id, sub: other.id }), 'issuer', 'unknown-key', 'unknown-client');
    await expectRefused(good({ iss: other.id }), 'issuer', 'unknown-key', 'unknown-client');
    await expectRefused(good({ sub: other.id }), 'issuer', 'unknown-key', 'unknown-client');
    await expectRefused(
      good({ iss: 'p-nobody', sub: 'p-nobody' }),
      'issuer',
      'unknown-key',
      'unknown-client',
    );
    const { status } = await ask(good(), { client_id: other.id });
    assert.equal(status, 401);
  });

  it('10: an assertion as access token', async () => {
    const { introspection_endpoint: url } = (await (
      await fetch(`${http.address}/.well-known/smart-configuration`)
    ).json()) as { introspection_endpoint: string };
    const answer = await postForm(url, { ...tokenForm(good()), token: good() });
    assert.deepEqual([answer.status, await answer.json()], [200, { active: false }]);
  });

  it('11: a jti used again: at once, side by side, and after a restart', async () => {
    const once = good();
    assert.equal((await ask(once)).status, 200);
    await expectRefused(once, 'replayed');
    await expectRefused(
      good({
        jti: JSON.parse(Buffer.from(once.split('.')[1] ?? '', 'base64url').toString('utf8')).jti as string,
      }),
      'replayed',
    );
    const racing = good();
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(racing)));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    await close();
    await open();
    // The audience is the address, which has another port now: this is about the jti alone.
    const jti = randomUUID();
    assert.equal((await ask(good({ jti }))).status, 200);
    await close();
    await open();
    await expectRefused(good({ jti }), 'replayed');
  });

  it('12: one that lives longer than five minutes', async () => {
    const now = nowS();
    await expectRefused(good({ iat: now, exp: now + 301 }), 'lives-too-long');
    await expectRefused(good({ iat: undefined, exp: now + 1000 }), 'lives-too-long');
  });

  it('13: other spellings: padding, JSON serialisation, spaces, surplus bits', async () => {
    const [head = '', body = '', signature = ''] = good().split('.');
    for (const text of [
      `${head}.${body}.${signature}=`,
      `${head}=.${body}.${signature}`,
      ` ${head}.${body}.${signature}`,
      `${head}.${body}.${signature}.`,
      JSON.stringify({ protected: head, payload: body, signature }),
      `${head}.${body}.${signature.slice(0, -1)}${String.fromCharCode((signature.at(-1) ?? 'A').charCodeAt(0) + 1)}`,
      `${head}.${body}.${signature.replaceAll('-', '+').replaceAll('_', '/')}~`,
    ])
      await expectRefused(text, 'not-compact');
    assert.equal((await ask(`${head}.${body}.${signature}`)).status, 200);
  });

  it('14: an unknown crit', async () => {
    await expectRefused(withHeader({ crit: ['exp'], exp: 1 }), 'critical-extension');
    await expectRefused(withHeader({ crit: [] }), 'critical-extension');
    await expectRefused(withHeader({ b64: false }), 'critical-extension');
  });

  it('15: claims or header members that occur twice', async () => {
    const claims = JSON.stringify(assertionClaims(client, tokenUrl));
    const header = `{"alg":"EdDSA","kid":"${client.kid}"}`;
    const sign = signer('EdDSA', client.key);
    await expectRefused(
      compactJws(header, claims.replace('{', '{"sub":"p-other",'), sign),
      'bad-header',
      'bad-claims',
    );
    await expectRefused(
      compactJws(header.replace('{', '{"alg":"none",'), claims, sign),
      'bad-header',
      'bad-claims',
    );
    await expectRefused(
      compactJws(header, claims.replace('{', '{"__proto__":{},'), sign),
      'bad-header',
      'bad-claims',
    );
  });

  it('55: no purpose of use, or two', async () => {
    const assertion = (): string =>
      good({ extensions: { 'hl7-b2b': { purpose_of_use: ['urn:oid:2.16.840.1.113883.5.8#TREAT'] } } });
    const { purpose_of_use: _beside, ...withoutPurpose } = tokenForm(good());
    assert.equal((await postForm(tokenUrl, withoutPurpose)).status, 400);
    assert.equal((await ask(assertion(), { purpose_of_use: 'COC' })).status, 400);
    assert.equal((await ask(assertion(), { purpose_of_use: 'TREAT' })).status, 200);
    const insurer = await ask(good(), { purpose_of_use: 'HPAYMT' });
    assert.deepEqual([insurer.status, insurer.body['error']], [400, 'invalid_scope']);
  });

  it('24: a revoked client gets no token, and those that it has are void at once', async () => {
    const leaving = await enrolClient(opened.instance);
    const token = await tokenFor(leaving, http.address);
    const introspect = async (): Promise<unknown> =>
      (
        await postForm(`${http.address}/auth/introspect`, {
          ...tokenForm(assertionOf(leaving, tokenUrl)),
          token,
        })
      ).json();
    assert.equal(((await introspect()) as { active?: boolean }).active, true);
    await revokeClient(opened.instance, leaving.id);
    assert.equal(((await introspect()) as { error?: string }).error, 'invalid_client');
    await expectRefused(assertionOf(leaving, tokenUrl), 'unknown-client');
  });

  it('24: the log tells of a revoked client, once, also when storing it failed the first time', async () => {
    const { instance } = opened;
    const leaving = await enrolClient(instance);
    const handle = instance.clients.get(leaving.id)?.participant ?? '';
    const revocations = (): string[] =>
      Array.from({ length: instance.engine.head().size }, (_, leaf) => readEntry(instance.store, leaf))
        .map((bytes) => bytes?.toString('utf8') ?? '')
        .filter((text) => text.includes('"type":"participant.revoked"') && text.includes(handle));
    const failing = mock.method(instance.appender, 'appendControl', () =>
      Promise.reject(new LedgerError('LEDGER_BUSY', 'as the test asked')),
    );
    await assert.rejects(revokeClient(instance, leaving.id), { code: 'LEDGER_BUSY' });
    failing.mock.restore();
    // Refused all the same, and asked again it is stored: else it would be good again at the next start.
    await expectRefused(assertionOf(leaving, tokenUrl), 'unknown-client');
    await assert.rejects(revokeClient(instance, leaving.id, 'boredom'), { code: 'ADAPTER_USAGE' });
    assert.equal((await revokeClient(instance, leaving.id, 'keyCompromise')).state, 'revoked');
    await Promise.all([revokeClient(instance, leaving.id), revokeClient(instance, leaving.id)]);
    assert.equal(revocations().length, 1);
    assert.match(revocations()[0] ?? '', /"reason":"keyCompromise"/);
    const { checks } = await verifyLog(storeReader(instance.store));
    assert.deepEqual(
      checks.filter(({ ok }) => !ok),
      [],
    );
    await close();
    await open();
    assert.equal(opened.instance.clients.active(leaving.id, Date.now()), undefined);
  });

  it('what was used up does not stay for ever, however it was used', async () => {
    const { store } = opened.instance;
    const over = Array.from({ length: 40 }, (_, i) => `auth-jti/over-${i}`);
    const expiry = String(Date.now() - 1000).padStart(15, '0');
    await store.batch(
      over.flatMap((key) => [
        { type: 'put' as const, key, value: Buffer.alloc(0) },
        { type: 'put' as const, key: `auth-expiry/${expiry}/${key}`, value: Buffer.alloc(0) },
      ]),
    );
    const left = (): number => over.filter((key) => store.getSync(key) !== undefined).length;
    assert.deepEqual(await introspectNothing(), { active: false });
    assert.equal(left(), 8);
    await introspectNothing();
    assert.equal(left(), 0);
  });

  it('a token is told of, and ended, by its own client alone', async () => {
    const other = await enrolClient(opened.instance);
    const token = await tokenFor(client, http.address);
    const about = async (who: TestClient): Promise<unknown> =>
      (
        await postForm(`${http.address}/auth/introspect`, { ...tokenForm(assertionOf(who, tokenUrl)), token })
      ).json();
    assert.equal(((await about(client)) as { active?: boolean }).active, true);
    assert.deepEqual(await about(other), { active: false });
    const end = (who: TestClient): Promise<Response> =>
      postForm(`${http.address}/auth/revoke`, { ...tokenForm(assertionOf(who, tokenUrl)), token });
    assert.equal((await end(other)).status, 200);
    assert.equal(((await about(client)) as { active?: boolean }).active, true);
    assert.equal((await end(client)).status, 200);
    assert.deepEqual(await about(client), { active: false });
  });

  it('105: a flood is slowed down, and told for how long', async () => {
    const answers = await Promise.all(
      Array.from({ length: 90 }, () => postForm(tokenUrl, tokenForm('x.y.z'))),
    );
    const slowed = answers.filter(({ status }) => status === 429);
    assert.ok(slowed.length > 0);
    assert.ok(slowed.every(({ headers }) => Number(headers.get('retry-after')) >= 1));
  });

  it('repeated parameters, another media type and large bodies are refused', async () => {
    await close();
    await open();
    const body = `${new URLSearchParams(tokenForm(good())).toString()}&scope=system/*.cruds`;
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    assert.equal((await fetch(tokenUrl, { method: 'POST', headers: form, body })).status, 400);
    const empty = `scope=&${new URLSearchParams(tokenForm(good())).toString()}`;
    assert.equal((await fetch(tokenUrl, { method: 'POST', headers: form, body: empty })).status, 400);
    const json = await fetch(tokenUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(tokenForm(good())),
    });
    assert.equal(json.status, 400);
    const large = await fetch(tokenUrl, { method: 'POST', headers: form, body: 'a='.padEnd(100_000, 'x') });
    assert.equal(large.status, 413);
    assert.equal((await fetch(tokenUrl)).status, 405);
  });

  it('nothing of a token or assertion is logged', () => {
    assert.doesNotMatch(opened.logged(), /eyJ|access_token|Bearer/);
    assert.match(opened.logged(), /.*/);
  });
});
