// https upstreams: a private authority is trusted where it is named, everything else is refused before a byte of the request is sent.
import { describe, expect, it } from 'vitest';
import { createAuthority } from '../support/certificates.ts';
import { startGateway } from '../support/gateway.ts';
import { rawRequest, requestText } from '../support/raw.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';

const authority = createAuthority();

const gatewayTo = (url: string, ca?: string) =>
  startGateway({
    upstreams: { back: { targets: [url], ...(ca === undefined ? {} : { tls: { ca } }) } },
    routes: [{ match: { path: '/*rest' }, upstream: 'back' }],
  });

const secure = (...names: string[]): Promise<Upstream> =>
  startUpstream(undefined, { tls: authority.issue(...names) });

describe('an https upstream', () => {
  it('whose certificate its authority signed is used, and its connections are kept', async () => {
    const up = await secure('IP:127.0.0.1');
    const { url } = await gatewayTo(up.url, authority.ca);
    const big = 'x'.repeat(500_000);
    for (let round = 0; round < 5; round += 1) {
      const response = await fetch(`${url}/a`, { method: 'POST', body: big });
      expect(response.status).toBe(200);
      expect(((await response.json()) as { body: string }).body).toBe(big);
    }
    expect(up.accepted).toBe(1);
  });

  it('by name: the name is checked and sent as Host', async () => {
    const up = await secure('DNS:localhost');
    const { url } = await gatewayTo(`https://localhost:${up.port}`, authority.ca);
    expect(await (await fetch(url)).json()).toMatchObject({ headers: { host: `localhost:${up.port}` } });
  });

  it.each([
    ['of an authority that is not trusted', 'IP:127.0.0.1', createAuthority().ca],
    ['without an authority: the roots of the system do not know it', 'IP:127.0.0.1', undefined],
    ['for another name', 'DNS:other.test', authority.ca],
  ])('%s: 502 upstream_tls_failed, and it sees no request', async (_, name, ca) => {
    const up = await secure(name);
    const { port, record } = await gatewayTo(up.url, ca);
    const answer = await rawRequest(port, requestText('GET', '/', ['Authorization: Bearer secret']));
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'upstream_tls_failed' });
    expect(up.seen).toEqual([]);
    expect(await record(() => true)).toMatchObject({ status: 502 });
  });

  it('that does not speak TLS: 502', async () => {
    const up = await startUpstream();
    const { port } = await gatewayTo(up.url.replace('http:', 'https:'), authority.ca);
    expect((await rawRequest(port, requestText('GET', '/'))).status).toBe(502);
    expect(up.seen).toEqual([]);
  });

  it('with an authority that is no certificate is a configuration error', async () => {
    await expect(gatewayTo('https://127.0.0.1:1', 'not a certificate')).rejects.toMatchObject({
      code: 'ERR_FG_CONFIG_INVALID',
    });
  });
});
