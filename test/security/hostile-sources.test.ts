/** Attacks 90 to 96, by servers that really listen. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import type { LookupAddress } from 'node:dns';
import type { ResolveName } from '../../adapter/inbound/connections.js';
import { SourceClient } from '../../adapter/inbound/source-client.js';
import { addSource, syncSource } from '../../adapter/services/source-admin.js';
import { drain } from '../../adapter/services/drain.js';
import { SmartClient } from '../../adapter/services/smart-client.js';
import { eventually } from '../support/firebreak-process.js';
import {
  consenting,
  hook,
  logSize,
  openBench,
  push,
  refusalOf,
  typesSince,
} from '../adapter/support/bench.js';
import type { Bench } from '../adapter/support/bench.js';
import { startFhirServer } from '../adapter/support/fhir-server.js';
import { page, sendJson, startLocalServer } from '../adapter/support/local-server.js';
import type { Answering, LocalServer } from '../adapter/support/local-server.js';
import { heartRate } from '../adapter/support/resources.js';

const BODY_BYTES_MAX = 1024 * 1024;
const MIB = 1024 * 1024;

let bench: Bench;
before(async () => {
  bench = await openBench({ bodyBytesMax: BODY_BYTES_MAX });
  await consenting(bench, 'p1');
});
after(() => bench.close());

/** Runs something with a server, and a client of it. */
async function against(
  answer: Answering,
  use: (client: SourceClient, server: LocalServer) => Promise<void>,
): Promise<void> {
  const server = await startLocalServer(answer);
  const client = new SourceClient({ baseUrl: server.url, requestsPerSecond: 10_000 });
  try {
    await use(client, server);
  } finally {
    client.close();
    await server.close();
  }
}

async function readAll(client: SourceClient): Promise<number> {
  let pages = 0;
  for await (const { length } of client.search('Observation', { _count: '2' })) pages += length > 0 ? 1 : 0;
  return pages;
}

async function drained(body: AsyncGenerator<Buffer>): Promise<number> {
  let size = 0;
  for await (const { length } of body) size += length;
  return size;
}

const refused = { code: 'ADAPTER_SOURCE_REFUSED' };

function addressesOf(...addresses: readonly string[]): LookupAddress[] {
  return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
}

test('90 a server at an address of this machine, the link or the network is not asked', async () => {
  const inner = await startLocalServer((_request, response) => sendJson(response, {}));
  try {
    const bases = [
      `http://127.0.0.2:${inner.port}`,
      'http://169.254.169.254',
      'http://[fe80::1]',
      'http://[::ffff:127.0.0.2]',
      'http://0.0.0.0',
      'http://10.0.0.1',
      'http://192.168.0.1',
      'http://2852039166',
      'http://0xa9fea9fe',
      'http://0251.0376.0251.0376',
      'http://[fd00:ec2::254]',
    ];
    for (const baseUrl of bases) {
      const client = new SourceClient({ baseUrl });
      await assert.rejects(client.capabilities(), refused, baseUrl);
      await assert.rejects(client.stream({ url: 'Binary/1', bytesMax: 1 }), refused, baseUrl);
    }
    const hosts = ['2130706433', '0x7f.1', '127.1', '0177.0.0.1'];
    for (const host of hosts) {
      const args = { id: 'in', url: `https://${host}:${inner.port}`, name: 'in', allowResearch: false };
      await assert.rejects(addSource(bench.instance, args), { code: 'ADAPTER_USAGE' }, host);
    }
    assert.deepEqual(inner.asked, []);
  } finally {
    await inner.close();
  }
});

test('90 a name that stands for such an address is not asked, alone or among others', async () => {
  const inner = await startLocalServer((_request, response) => sendJson(response, {}));
  const bad = [
    '127.0.0.1',
    '::1',
    '::ffff:127.0.0.1',
    '169.254.169.254',
    '10.0.0.1',
    'fe80::1',
    '64:ff9b::7f00:1',
  ];
  try {
    for (const address of bad) {
      for (const addresses of [addressesOf(address), addressesOf('93.184.216.34', address)]) {
        const resolveName: ResolveName = (_name, done) => done(null, addresses);
        const baseUrl = `http://fhir.example:${inner.port}`;
        await assert.rejects(new SourceClient({ baseUrl, resolveName }).capabilities(), refused, address);
      }
    }
    assert.deepEqual(inner.asked, []);
  } finally {
    await inner.close();
  }
});

test('91 a name that stands for another address the next time is refused', async () => {
  const answers = [addressesOf('127.0.0.1'), addressesOf('169.254.169.254')];
  const resolved: string[] = [];
  const resolveName: ResolveName = (name, done) => {
    resolved.push(name);
    done(null, answers.shift() ?? addressesOf('169.254.169.254'));
  };
  const server = await startLocalServer((_request, response) => {
    response.setHeader('connection', 'close');
    sendJson(response, {});
  });
  const client = new SourceClient({ baseUrl: `http://localhost:${server.port}`, resolveName });
  try {
    assert.equal((await client.request({ url: 'metadata' })).status, 200);
    await assert.rejects(client.request({ url: 'metadata' }), refused);
    // Judged is what is connected to: each connection is one look-up, and no more.
    assert.deepEqual(resolved, ['localhost', 'localhost']);
    assert.equal(server.asked.length, 1);
  } finally {
    client.close();
    await server.close();
  }
});

test('92 a redirect is not followed, inward or anywhere', async () => {
  const inner = await startLocalServer((_request, response) => sendJson(response, {}));
  try {
    for (const status of [300, 301, 302, 303, 307, 308]) {
      await against(
        (_request, response) => response.writeHead(status, { location: `${inner.url}/admin` }).end(),
        async (client, server) => {
          await assert.rejects(client.capabilities(), refused);
          await assert.rejects(client.read('Patient', '1'), refused);
          await assert.rejects(client.stream({ url: 'Binary/1', bytesMax: 1000 }), refused);
          assert.equal(server.asked.length, 3);
        },
      );
    }
    assert.deepEqual(inner.asked, []);
  } finally {
    await inner.close();
  }
});

test('93 what resources point to elsewhere is never fetched', async () => {
  const elsewhere = await startLocalServer((_request, response) => sendJson(response, {}));
  const hospital = await startFhirServer();
  try {
    const observation = {
      ...heartRate('abs', 'p1', 70),
      encounter: { reference: `${elsewhere.url}/fhir/Encounter/1` },
      performer: [{ reference: `${elsewhere.url}/fhir/Practitioner?identifier=x|1` }],
    };
    const document = {
      resourceType: 'DocumentReference',
      id: 'doc',
      status: 'current',
      subject: { reference: 'Patient/p1' },
      content: [{ attachment: { contentType: 'image/png', url: `${elsewhere.url}/scan.png` } }],
    };
    const entry = [observation, document].map((resource) => ({ resource }));
    const body = JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry });
    assert.equal((await hook(bench, '', { body })).status, 200);
    await drain(bench.instance);
    hospital.held.set('Observation/abs', observation);
    const args = { id: 'pointing', url: hospital.base, name: 'pointing', allowResearch: false };
    await addSource(bench.instance, args);
    await syncSource(bench.instance, 'pointing');
    await drain(bench.instance);
    assert.deepEqual(elsewhere.asked, []);
  } finally {
    await hospital.close();
    await elsewhere.close();
  }
});

test('94 only https is read, and http on this machine; links of other kinds end the reading', async () => {
  const urls = [
    'http://fhir.example/r4',
    'file:///etc/passwd',
    'gopher://fhir.example',
    'ftp://fhir.example',
    'data:,x',
    'javascript:1',
  ];
  for (const url of urls) {
    const args = { id: 'odd', url, name: 'odd', allowResearch: false };
    await assert.rejects(addSource(bench.instance, args), { code: 'ADAPTER_USAGE' }, url);
  }
  const links = [
    'file:///etc/passwd',
    'gopher://127.0.0.1:6379/_FLUSHALL',
    'data:application/fhir+json,{}',
    'https://fhir.example/x',
    'http://user@127.0.0.1/',
    '//169.254.169.254/latest',
  ];
  for (const link of links) {
    await against(
      (_request, response) => sendJson(response, page(['a', 'b'], link)),
      async (client, server) => {
        await assert.rejects(readAll(client), refused, link);
        assert.equal(server.asked.length, 1);
      },
    );
  }
});

test('95 XML is not read: not in a hook, not from a source', async () => {
  const xml =
    '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><Patient xmlns="http://hl7.org/fhir">&x;</Patient>';
  const pushed = await hook(bench, '', { headers: { 'content-type': 'application/fhir+xml' }, body: xml });
  assert.equal(refusalOf(pushed), '415 not-supported ADAPTER_UNSUPPORTED_MEDIA');
  await against(
    (_request, response) => response.writeHead(200, { 'content-type': 'application/fhir+xml' }).end(xml),
    async (client) => {
      await assert.rejects(client.capabilities(), refused);
      await assert.rejects(readAll(client), refused);
    },
  );
});

test('96 a bomb in a hook is refused by its size when it is unpacked', async () => {
  const bomb = gzipSync(Buffer.alloc(64 * MIB, 0x20));
  assert.ok(bomb.length < BODY_BYTES_MAX / 4);
  const answer = await hook(bench, '', { headers: { 'content-encoding': 'gzip' }, body: bomb });
  assert.equal(refusalOf(answer), '413 too-long ADAPTER_BODY_TOO_LARGE');
});

test('96 a bomb from a source is given up where it is too large, whatever it is packed in', async () => {
  const zeros = Buffer.alloc(256 * MIB, 0x30);
  const bombs = {
    gzip: gzipSync(zeros, { level: 1 }),
    deflate: deflateSync(zeros, { level: 1 }),
    br: brotliCompressSync(zeros.subarray(0, 96 * MIB), { params: { 0: 0, 1: 1 } }),
  };
  for (const [encoding, bomb] of Object.entries(bombs)) {
    await against(
      (_request, response) => response.writeHead(200, { 'content-encoding': encoding }).end(bomb),
      async (client) => {
        const rss = process.memoryUsage().rss;
        await assert.rejects(client.read('Binary', '1'), refused, encoding);
        const streamed = await client.stream({ url: 'x', bytesMax: MIB });
        await assert.rejects(async () => {
          await drained(streamed.body);
        }, refused);
        assert.ok(process.memoryUsage().rss - rss < 200 * MIB, encoding);
      },
    );
  }
  await against(
    (_request, response) => response.writeHead(200, { 'content-encoding': 'gzip, gzip' }).end('x'),
    async (client) => assert.rejects(client.read('Binary', '1'), refused),
  );
});

test('a body without an end is cut off, and its connection closed', async () => {
  const closed: true[] = [];
  await against(
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/fhir+json' });
      response.once('close', () => {
        closed.push(true);
      });
      const chunk = Buffer.alloc(MIB, 0x20);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more);
      more();
    },
    async (client) => {
      await assert.rejects(client.request({ url: 'x', bytesMax: 8 * MIB }), refused);
      for (let waited = 0; closed.length === 0 && waited < 100; waited++) await sleep(20);
      assert.equal(closed.length, 1);
    },
  );
  await against(
    (_request, response) => response.writeHead(200, { 'content-length': '10000000000' }).flushHeaders(),
    async (client) => assert.rejects(client.read('Binary', '1'), refused),
  );
});

test('links that lead back, or on for ever, end the reading of that type', async () => {
  let asked = 0;
  const cases: Readonly<Record<string, () => object>> = {
    'the same link': () => page([`a${asked}`, `b${asked}`], '/Observation?page=2'),
    'two links in turn': () => page([`a${asked}`, `b${asked}`], `/Observation?page=${asked % 2}`),
    'new links to one page': () => page(['a', 'b'], `/Observation?page=${asked}`),
    'new links to empty pages': () => page([], `/Observation?page=${asked}`),
    'a link of a megabyte': () => page(['a', 'b'], `/Observation?page=${'9'.repeat(MIB)}`),
    'a page that is no Bundle': () => ({ resourceType: 'Patient', id: 'x' }),
  };
  for (const [name, next] of Object.entries(cases)) {
    asked = 0;
    await against(
      (_request, response) => {
        asked += 1;
        sendJson(response, next());
      },
      async (client, server) => {
        await assert.rejects(readAll(client), refused, name);
        assert.ok(server.asked.length <= 102, name);
      },
    );
  }
});

test('a server that knows neither links nor offsets is read once, to its end', async () => {
  await against(
    (_request, response) => sendJson(response, page(['a', 'b', 'c'])),
    async (client, server) => {
      assert.equal(await readAll(client), 1);
      assert.equal(server.asked.length, 2);
    },
  );
});

test('a source that lets us wait costs its own time: it is left alone, others are read', async () => {
  const well = await startLocalServer((_request, response) => sendJson(response, {}));
  await against(
    () => undefined,
    async (silent) => {
      const one = { url: 'x', timeoutMs: 100, patienceMs: 250 };
      for (let asked = 0; asked < 3; asked++)
        await assert.rejects(silent.request(one), { code: 'ADAPTER_SOURCE_UNREACHABLE' });
      const startedAt = performance.now();
      await assert.rejects(silent.request(one), { code: 'ADAPTER_SOURCE_UNREACHABLE' });
      assert.ok(performance.now() - startedAt < 50);
      const other = new SourceClient({ baseUrl: well.url });
      assert.equal((await other.request({ url: 'x' })).status, 200);
      other.close();
    },
  );
  await well.close();
});

test('a token address that lets us wait is the source’s silence: nobody waits for it again and again', async () => {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  let asked = 0;
  const hospital = await startLocalServer(() => {
    asked += 1;
  });
  const authorization = new SmartClient({
    clientId: 'us',
    tokenUrl: `${hospital.url}/token`,
    scope: 'system/*.rs',
    signingKey: async () => ({ kid: 'k', algorithm: 'ES384', key: keys.privateKey }),
    nowMs: () => performance.now(),
    timeoutMs: 100,
  });
  const client = new SourceClient({ baseUrl: hospital.url, authorization });
  for (let i = 0; i < 3; i++)
    await assert.rejects(client.request({ url: 'x', timeoutMs: 100, patienceMs: 400 }), {
      code: 'ADAPTER_SOURCE_UNREACHABLE',
    });
  assert.equal(asked, 1);
  const startedAt = performance.now();
  await assert.rejects(client.request({ url: 'x', patienceMs: 400 }), { code: 'ADAPTER_SOURCE_UNREACHABLE' });
  assert.ok(performance.now() - startedAt < 50);
  client.close();
  authorization.close();
  await hospital.close();
});

test('an answer whose body nobody wants leaves neither socket nor timer', async () => {
  let open = 0;
  await against(
    (request, response) => {
      open += 1;
      request.socket.once('close', () => (open -= 1));
      response.writeHead(404, { 'content-type': 'text/plain' }).write('x'.repeat(100_000));
    },
    async (client) => {
      for (let asked = 0; asked < 20; asked++) {
        const { status, body } = await client.stream({ url: 'x', bytesMax: 1_000_000 });
        assert.equal(status, 404);
        await body.return(undefined);
      }
      await eventually('closed sockets', () => open === 0);
    },
  );
});

test('a body that comes drop by drop ends with its time', async () => {
  await against(
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/fhir+json' });
      const timer = setInterval(() => response.write(' '), 20);
      response.once('close', () => clearInterval(timer));
    },
    async (client) => {
      const startedAt = performance.now();
      await assert.rejects(client.request({ url: 'x', timeoutMs: 200, patienceMs: 200 }), {
        code: 'ADAPTER_SOURCE_UNREACHABLE',
      });
      assert.ok(performance.now() - startedAt < 2000);
      const { body } = await client.stream({ url: 'x', bytesMax: 5 });
      await assert.rejects(async () => {
        await drained(body);
      }, refused);
    },
  );
});

test('credentials go to the source’s own origin, and nowhere else', async () => {
  const seen: (string | undefined)[] = [];
  const elsewhere = await startLocalServer((request, response) => {
    seen.push(request.headers.authorization);
    sendJson(response, {});
  });
  const own = await startLocalServer((request, response) => {
    seen.push(request.headers.authorization);
    sendJson(response, page(['a', 'b'], `${elsewhere.url}/Observation?page=2`));
  });
  const authorization = { header: async () => 'Bearer own', refused: () => false };
  const client = new SourceClient({ baseUrl: own.url, authorization });
  try {
    await assert.rejects(readAll(client), refused);
    await assert.rejects(client.request({ url: `${elsewhere.url}/x` }), refused);
    await assert.rejects(client.stream({ url: `${elsewhere.url}/x`, bytesMax: 1 }), refused);
    await assert.rejects(client.stream({ url: `${elsewhere.url}/x`, bytesMax: 1, elsewhere: true }), refused);
    assert.deepEqual(seen, ['Bearer own']);
    assert.deepEqual(elsewhere.asked, []);
  } finally {
    client.close();
    await own.close();
    await elsewhere.close();
  }
});

test('a page in bytes that are no UTF-8, or of 100,000 entries, costs that source its reading alone', async () => {
  const capabilities = {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date: '2026-01-01',
    kind: 'instance',
    fhirVersion: '4.0.1',
    format: ['json'],
    rest: [{ mode: 'server', resource: [{ type: 'Observation', interaction: [{ code: 'search-type' }] }] }],
  };
  const broken = Buffer.from(JSON.stringify(page(['a', 'X'])), 'utf8');
  broken[broken.indexOf('"X"') + 1] = 0xff;
  const many = Buffer.from(JSON.stringify(page(Array.from({ length: 100_000 }, (_, i) => `o${i}`))));
  const well = await startFhirServer();
  try {
    await addSource(bench.instance, { id: 'well', url: well.base, name: 'well', allowResearch: false });
    for (const [id, body, code] of [
      ['broken', broken, 'MAPPING_NOT_UTF8'],
      ['many', many, 'MAPPING_BUNDLE_TOO_LARGE'],
    ] as const) {
      const hostile = await startLocalServer((request, response) => {
        if (request.url?.startsWith('/metadata') === true) sendJson(response, capabilities);
        else if (request.url?.startsWith('/Observation') === true)
          response.writeHead(200, { 'content-type': 'application/fhir+json' }).end(body);
        else sendJson(response, { resourceType: 'Bundle', type: 'searchset', total: 0 });
      });
      try {
        await addSource(bench.instance, { id, url: hostile.url, name: id, allowResearch: false });
        const begun = logSize(bench.instance);
        well.held.set(`Observation/w-${id}`, heartRate(`w-${id}`, 'p1', 70));
        const [bad, good] = await Promise.allSettled([
          syncSource(bench.instance, id),
          syncSource(bench.instance, 'well'),
        ]);
        assert.ok(good.status === 'fulfilled' && good.value.accepted > 0, id);
        assert.equal(bad.status, 'rejected', id);
        assert.equal((bad.reason as { code?: string }).code, code, id);
        await drain(bench.instance);
        assert.deepEqual(
          (await typesSince(bench.instance, begun)).filter((type) => type.startsWith('record.')),
          [],
          id,
        );
        assert.ok(bench.instance.sources.get(id) !== undefined);
      } finally {
        await hostile.close();
      }
    }
  } finally {
    await well.close();
  }
});

test('ids that differ by case are two resources', async () => {
  const begun = logSize(bench.instance);
  for (const id of ['case', 'CASE', 'Case']) await push(bench, heartRate(id, 'p1', 70));
  assert.deepEqual(
    (await typesSince(bench.instance, begun)).filter((type) => type.startsWith('record.')),
    ['record.stored', 'record.stored', 'record.stored'],
  );
  await hook(bench, '/Observation/CASE', { method: 'DELETE' });
  await drain(bench.instance);
  const { records, subjects } = bench.instance;
  const names = ['case', 'CASE', 'Case'].map((id) => records.facadeId(bench.source.id, 'Observation', id));
  assert.equal(new Set(names).size, 3);
  assert.ok((await subjects.find(subjects.keyOf(bench.source.id, 'p1'))) !== undefined);
  const gone = (await typesSince(bench.instance, begun)).filter((type) => type === 'record.deleted');
  assert.equal(gone.length, 1);
});
