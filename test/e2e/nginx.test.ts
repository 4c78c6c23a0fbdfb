// A real nginx as the upstream: keep-alive, every framing of a body, ranges, validators, uploads, restarts of connections.
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type ListeningGateway, startGateway } from '../support/gateway.ts';
import { RawClient, rawRequest, requestText } from '../support/raw.ts';
import { type Service, startNginx } from '../support/services.ts';

const large = randomBytes(12 * 1024 * 1024);
const text = 'nginx says hello. '.repeat(20_000);
const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const server = `
  keepalive_requests 5;
  location = /connection { return 200 "$connection $connection_requests"; }
  location = /empty { return 204; }
  location = /moved { return 302 /elsewhere; }
  location = /fields { add_header X-One a; add_header X-One b; return 200 "$http_x_forwarded_for|$http_via|$host"; }
  location /chunked/ { alias html/; gzip on; gzip_proxied any; gzip_types *; gzip_min_length 1; gzip_http_version 1.1; }
  location /closed/ { alias html/; gzip on; gzip_proxied any; gzip_types *; gzip_min_length 1; chunked_transfer_encoding off; }
  location /put/ { alias html/; dav_methods PUT DELETE; create_full_put_path on; }
`;

async function start(): Promise<{ nginx: Service; gateway: ListeningGateway }> {
  const nginx = await startNginx({
    server,
    files: { 'large.bin': large, 'text.txt': text, 'empty.txt': '' },
  });
  const gateway = await startGateway({
    listen: { maxBodyBytes: '64mb', chunkedRequests: 'accept' },
    upstreams: { nginx: { targets: [nginx.url] } },
    routes: [{ id: 'nginx', match: { path: '/*rest' }, upstream: 'nginx' }],
  });
  return { nginx, gateway };
}

describe('through the gateway, nginx', () => {
  it('keeps connections alive, and is asked again on a new one when it ends them', async () => {
    const { gateway } = await start();
    const client = await RawClient.connect(gateway.port);
    const seen: string[] = [];
    for (let round = 0; round < 12; round += 1) {
      const answer = await client.send(requestText('GET', '/connection')).answer();
      expect(answer.status).toBe(200);
      seen.push(answer.body.toString());
    }
    const connections = seen.map((one) => one.split(' ')[0]);
    expect(new Set(connections).size).toBe(3);
    expect(seen.map((one) => Number(one.split(' ')[1]))).toEqual([1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2]);
    expect(gateway.records.every((record) => record.retries === 0)).toBe(true);
  });

  it('sends a large file whole, with its length', async () => {
    const { gateway } = await start();
    const response = await fetch(`${gateway.url}/large.bin`);
    expect(response.headers.get('content-length')).toBe(String(large.length));
    expect(hash(new Uint8Array(await response.arrayBuffer()))).toBe(hash(large));
    expect(await gateway.record(() => true)).toMatchObject({ status: 200, bytes: large.length });
  });

  it('sends a chunked body', async () => {
    const { gateway } = await start();
    const raw = await rawRequest(
      gateway.port,
      requestText('GET', '/chunked/large.bin', ['Accept-Encoding: gzip']),
    );
    expect([raw.header('transfer-encoding'), raw.header('content-encoding')]).toEqual(['chunked', 'gzip']);
    expect(hash(gunzipSync(raw.body))).toBe(hash(large));
    const response = await fetch(`${gateway.url}/chunked/text.txt`);
    expect(await response.text()).toBe(text);
  });

  it('sends a body that the end of the connection ends', async () => {
    const { gateway } = await start();
    for (let round = 0; round < 3; round += 1) {
      const response = await fetch(`${gateway.url}/closed/text.txt`);
      expect(response.headers.get('content-encoding')).toBe('gzip');
      expect(await response.text()).toBe(text);
    }
  });

  it('answers without a body', async () => {
    const { gateway } = await start();
    const client = await RawClient.connect(gateway.port);
    const empty = await client.send(requestText('GET', '/empty')).answer();
    expect([empty.status, empty.header('content-length'), empty.header('transfer-encoding')]).toEqual([
      204,
      undefined,
      undefined,
    ]);
    const head = await client.send(requestText('HEAD', '/large.bin')).answer({ head: true });
    expect([head.status, head.header('content-length')]).toEqual([200, String(large.length)]);
    const file = await client.send(requestText('GET', '/empty.txt')).answer();
    expect([file.status, file.header('content-length')]).toEqual([200, '0']);
    const fresh = await client
      .send(requestText('GET', '/large.bin', [`If-None-Match: ${head.header('etag')}`]))
      .answer();
    expect([fresh.status, fresh.header('etag')]).toEqual([304, head.header('etag')]);
    const moved = await client.send(requestText('GET', '/moved')).answer();
    expect([moved.status, moved.body.length > 0]).toEqual([302, true]);
    expect((await client.send(requestText('GET', '/connection')).answer()).status).toBe(200);
  });

  it('answers ranges', async () => {
    const { gateway } = await start();
    const response = await fetch(`${gateway.url}/large.bin`, { headers: { range: 'bytes=1000-1999' } });
    expect(response.status).toBe(206);
    expect(hash(new Uint8Array(await response.arrayBuffer()))).toBe(hash(large.subarray(1000, 2000)));
  });

  it('sees the fields that the gateway adds, and its own come back', async () => {
    const { gateway } = await start();
    const answer = await rawRequest(gateway.port, requestText('GET', '/fields'));
    expect(answer.body.toString()).toBe(`127.0.0.1|1.1 ferrogate|127.0.0.1`);
    expect(answer.header('x-one')).toBe('a, b');
    expect(answer.header('server')).toMatch(/^nginx/);
  });

  it.each(['with its length', 'in chunks'])('takes an upload %s', async (framing) => {
    const { nginx, gateway } = await start();
    const body = framing === 'in chunks' ? new Blob([large]).stream() : large;
    const options = { method: 'PUT', body, duplex: 'half' } as RequestInit;
    const response = await fetch(`${gateway.url}/put/upload.bin`, options);
    expect([201, 204]).toContain(response.status);
    expect(hash(readFileSync(join(nginx.folder, 'html', 'upload.bin')))).toBe(hash(large));
    expect(await gateway.record(() => true)).toMatchObject({ method: 'PUT', requestBytes: large.length });
  });

  it('serves many at once', async () => {
    const { gateway } = await start();
    const ask = async (at: number): Promise<boolean> => {
      const path = at % 3 === 0 ? '/text.txt' : at % 3 === 1 ? '/chunked/text.txt' : '/connection';
      const response = await fetch(`${gateway.url}${path}`);
      const body = await response.text();
      return response.status === 200 && (path === '/connection' || body === text);
    };
    const answers = await Promise.all(Array.from({ length: 300 }, (_, at) => ask(at)));
    expect(answers.every(Boolean)).toBe(true);
    expect(await gateway.inFlight()).toBe(0);
  });
});
