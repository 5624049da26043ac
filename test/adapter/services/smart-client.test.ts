import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import type { JSONWebKeySet } from 'jose';
import { addSource, exploreSource, showSource } from '../../../adapter/services/source-admin.js';
import { testSource } from '../../../adapter/services/source-check.js';
import { findSecrets } from '../../security/disk-scan.js';
import { ask, openBench } from '../support/bench.js';
import type { Bench } from '../support/bench.js';
import { bodyOf, page, sendJson, startLocalServer } from '../support/local-server.js';
import type { LocalServer } from '../support/local-server.js';

/** A hospital's server with a token endpoint, as SMART Backend Services describes it. */
interface Hospital extends LocalServer {
  readonly base: string;
  /** The token endpoint's next answers; then good tokens. */
  readonly answers: { status: number; body: unknown }[];
  /** Assertions that it took. */
  readonly assertions: string[];
  /** Values of `Authorization` at the FHIR base. */
  readonly shown: (string | undefined)[];
  readonly settings: { expiresIn: number; algorithms: string[]; tokenUrl: string | undefined };
  /** Tokens given so far are no longer taken. */
  forget(): void;
}

let bench: Bench;
before(async () => {
  bench = await openBench();
});
after(() => bench.close());

async function startHospital(): Promise<Hospital> {
  const answers: Hospital['answers'] = [];
  const assertions: string[] = [];
  const shown: Hospital['shown'] = [];
  const settings: Hospital['settings'] = {
    expiresIn: 300,
    algorithms: ['RS384', 'ES384'],
    tokenUrl: undefined,
  };
  let valid = new Set<string>();
  let given = 0;
  const statement = {
    resourceType: 'CapabilityStatement',
    fhirVersion: '4.0.1',
    rest: [{ mode: 'server', resource: [{ type: 'Patient', interaction: [{ code: 'search-type' }] }] }],
  };
  const server: LocalServer = await startLocalServer((request, response) => {
    void (async () => {
      switch (request.url ?? '') {
        case '/fhir/metadata':
        case '/fhir/metadata?_summary=true':
          return sendJson(response, statement);
        case '/fhir/.well-known/smart-configuration':
          return sendJson(response, {
            token_endpoint: settings.tokenUrl ?? `${server.url}/token`,
            token_endpoint_auth_methods_supported: ['private_key_jwt'],
            token_endpoint_auth_signing_alg_values_supported: settings.algorithms,
          });
        case '/token': {
          const form = new URLSearchParams(await bodyOf(request));
          assert.equal(form.get('grant_type'), 'client_credentials');
          assert.equal(
            form.get('client_assertion_type'),
            'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          );
          const assertion = form.get('client_assertion') ?? '';
          assertions.push(assertion);
          const answer = answers.shift();
          if (answer !== undefined) return sendJson(response, answer.body, answer.status);
          const published = await ask(bench.url, '/.well-known/jwks.json');
          const keys = createLocalJWKSet(JSON.parse(published.body.toString('utf8')) as JSONWebKeySet);
          const { payload } = await jwtVerify(assertion, keys, {
            issuer: 'us',
            subject: 'us',
            audience: `${server.url}/token`,
            requiredClaims: ['jti', 'exp', 'iat'],
          });
          assert.ok((payload.exp ?? 0) - (payload.iat ?? 0) <= 300);
          const token = `secret-token-${++given}`;
          valid.add(`Bearer ${token}`);
          const { expiresIn } = settings;
          return sendJson(response, {
            access_token: token,
            token_type: 'Bearer',
            expires_in: expiresIn,
            scope: form.get('scope'),
          });
        }
        default:
          shown.push(request.headers.authorization);
          return valid.has(request.headers.authorization ?? '')
            ? sendJson(response, page(['p1']))
            : sendJson(response, { resourceType: 'OperationOutcome' }, 401);
      }
    })().catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  return {
    ...server,
    base: `${server.url}/fhir`,
    answers,
    assertions,
    shown,
    settings,
    forget: () => {
      valid = new Set();
    },
  };
}

let added = 0;
/** Adds a hospital's server as a source. */
async function add(hospital: Hospital, credential: object = {}): Promise<string> {
  const id = `smart-${++added}`;
  const smart = { kind: 'smart' as const, clientId: 'us', ...credential };
  const args = { id, url: hospital.base, name: id, allowResearch: false, credential: smart };
  await addSource(bench.instance, args);
  return id;
}

async function withHospital(use: (hospital: Hospital) => Promise<void>): Promise<void> {
  const hospital = await startHospital();
  try {
    await use(hospital);
  } finally {
    await hospital.close();
  }
}

const read = async (id: string): Promise<unknown> => bench.instance.client(id)?.match('Patient', '_count=1');

test('a token is asked for by an assertion of our published key, ES384 and RS384', async () => {
  for (const algorithm of ['ES384', 'RS384']) {
    await withHospital(async (hospital) => {
      hospital.settings.algorithms = [algorithm];
      const id = await add(hospital);
      await read(id);
      const [assertion = ''] = hospital.assertions;
      const { alg, kid, typ } = decodeProtectedHeader(assertion);
      assert.deepEqual([alg, typ], [algorithm, 'JWT']);
      const { keys } = bench.instance.sourceKeys.published();
      assert.equal(keys.find((key) => key.kid === kid)?.alg, algorithm);
      assert.ok(hospital.shown.every((value) => value?.startsWith('Bearer secret-token-')));
      assert.equal((await testSource(bench.instance, id)).ok, true);
    });
  }
});

test('the published set holds public halves only', async () => {
  await bench.instance.sourceKeys.make();
  const { headers, body } = await ask(bench.url, '/.well-known/jwks.json');
  assert.match(headers['content-type'] ?? '', /^application\/json/);
  const { keys } = JSON.parse(body.toString('utf8')) as { keys: Record<string, unknown>[] };
  assert.deepEqual(
    keys.map(({ alg, kty }) => `${String(alg)} ${String(kty)}`),
    ['ES384 EC', 'RS384 RSA'],
  );
  for (const key of keys)
    for (const name of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) assert.ok(!(name in key));
  assert.equal((await ask(bench.url, '/.well-known/jwks.json', { method: 'POST' })).status, 405);
});

test('a token is asked for once, by many at a time too, and again shortly before its end', async () => {
  await withHospital(async (hospital) => {
    const id = await add(hospital);
    hospital.assertions.length = 0;
    await Promise.all(Array.from({ length: 20 }, () => read(id)));
    await read(id);
    assert.equal(hospital.assertions.length, 1);
    hospital.settings.expiresIn = 0.2;
    const short = await add(hospital);
    hospital.assertions.length = 0;
    await read(short);
    await new Promise((resolve) => setTimeout(resolve, 250));
    await read(short);
    assert.equal(hospital.assertions.length, 2);
    const ids = hospital.assertions.map(
      (text) => JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString('utf8')).jti as string,
    );
    assert.equal(new Set(ids).size, 2);
  });
});

test('a token that is refused is replaced, once', async () => {
  await withHospital(async (hospital) => {
    const id = await add(hospital);
    await read(id);
    hospital.forget();
    hospital.assertions.length = 0;
    await read(id);
    assert.equal(hospital.assertions.length, 1);
    // One that gives tokens and takes none.
    hospital.answers.push(
      ...Array.from({ length: 5 }, () => ({
        status: 200,
        body: { access_token: 'no', token_type: 'bearer', expires_in: 300 },
      })),
    );
    hospital.forget();
    hospital.assertions.length = 0;
    await assert.rejects(read(id), { code: 'ADAPTER_SOURCE_REFUSED' });
    assert.ok(hospital.assertions.length <= 1);
  });
});

test('a refusal says what is wrong and nothing of the answer; the address is then left alone for a moment', async () => {
  await withHospital(async (hospital) => {
    hospital.answers.push({
      status: 400,
      body: { error: 'invalid_client', error_description: 'canary-text' },
    });
    await assert.rejects(add(hospital), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'ADAPTER_SOURCE_REFUSED');
      assert.match(error.message, /400, invalid_client/);
      assert.ok(!error.message.includes('canary'));
      return true;
    });
    const wrong: unknown[] = [
      { access_token: 'a b', token_type: 'bearer' },
      { access_token: 'a\r\nx: y', token_type: 'bearer' },
      { access_token: 'a', token_type: 'mac' },
      { access_token: 7, token_type: 'bearer' },
      {},
      [],
      null,
    ];
    for (const body of wrong) {
      hospital.answers.push({ status: 200, body });
      await assert.rejects(add(hospital), { code: 'ADAPTER_SOURCE_REFUSED' }, JSON.stringify(body));
    }
    hospital.answers.push({ status: 503, body: {} });
    await assert.rejects(add(hospital), { code: 'ADAPTER_SOURCE_UNREACHABLE' });
    const id = await add(hospital);
    hospital.forget();
    hospital.answers.push({ status: 401, body: { error: '<script>' } });
    hospital.assertions.length = 0;
    for (let asked = 0; asked < 5; asked++)
      await assert.rejects(read(id), { code: 'ADAPTER_SOURCE_REFUSED' });
    assert.equal(hospital.assertions.length, 1);
  });
});

test('a server cannot send our assertions to another place, and a token endpoint cannot redirect them', async () => {
  await withHospital(async (hospital) => {
    const other = await startLocalServer((_request, response) =>
      sendJson(response, { access_token: 'stolen', token_type: 'bearer' }),
    );
    try {
      hospital.settings.tokenUrl = `${other.url}/token`;
      await assert.rejects(add(hospital), { code: 'ADAPTER_USAGE' });
      for (const tokenUrl of [
        'http://fhir.example/token',
        'file:///etc/passwd',
        'https://u:p@fhir.example/token',
        'x',
      ])
        await assert.rejects(add(hospital, { tokenUrl }), { code: 'ADAPTER_USAGE' }, tokenUrl);
      const redirecting = await startLocalServer((_request, response) =>
        response.writeHead(307, { location: `${other.url}/token` }).end(),
      );
      await assert.rejects(add(hospital, { tokenUrl: `${redirecting.url}/token` }), {
        code: 'ADAPTER_SOURCE_REFUSED',
      });
      await redirecting.close();
      await assert.rejects(add(hospital, { tokenUrl: 'https://169.254.169.254/token' }), {
        code: 'ADAPTER_SOURCE_REFUSED',
      });
      assert.deepEqual(other.asked, []);
      // Named by whoever adds the source, another place is right.
      const id = await add(hospital, { tokenUrl: `${hospital.url}/token` });
      hospital.settings.tokenUrl = `${other.url}/token`;
      hospital.forget();
      await read(id);
      assert.deepEqual(other.asked, []);
    } finally {
      await other.close();
    }
  });
});

test('exploring asks for no token, and says what the server takes', async () => {
  await withHospital(async (hospital) => {
    const { found } = await exploreSource(bench.instance, {
      id: 'x',
      url: hospital.base,
      name: 'x',
      allowResearch: false,
    });
    assert.deepEqual(found.smart, {
      tokenUrl: `${hospital.url}/token`,
      algorithms: ['ES384', 'RS384'],
      hasPrivateKeyJwt: true,
    });
    assert.deepEqual(hospital.assertions, []);
  });
});

test('neither key nor token is on the disk, in the log or in what is shown', async () => {
  await withHospital(async (hospital) => {
    const id = await add(hospital);
    await read(id);
    const shown = JSON.stringify(showSource(bench.instance, id));
    assert.ok(!shown.includes('secret-token') && shown.includes('"clientId":"us"'));
    assert.ok(!bench.logged().includes('secret-token'));
    const key = (await bench.instance.sourceKeys.signing('ES384')).key.export({ format: 'jwk' });
    const secret = Buffer.from(key.d ?? '', 'base64url');
    assert.equal(secret.length, 48);
    assert.deepEqual(
      findSecrets(bench.dir, [
        { what: 'key', bytes: secret },
        { what: 'token', bytes: Buffer.from('secret-token') },
      ]),
      [],
    );
    assert.ok((bench.instance.store.getSync('source-keys')?.length ?? 0) > 1000);
  });
});
