// Hosts that demand other client authentication than their connection was checked against: 421, and nothing is smuggled in.
import { describe, expect, it } from 'vitest';
import type { Gateway } from '../../src/index.ts';
import { createAuthority } from '../support/certificates.ts';
import type { ListeningGateway } from '../support/gateway.ts';
import { requestText } from '../support/raw.ts';
import { ask, secureClient, startSecure, type TlsConfig, tlsOf } from '../support/secure.ts';
import { until } from '../support/until.ts';

const staff = createAuthority('staff');
const ann = staff.client('/CN=ann');
const optional = { mode: 'optional', ca: staff.ca } as const;
const required = { mode: 'required', ca: staff.ca } as const;

function answering(gateway: Gateway): void {
  gateway.get('/', () => 'hello');
  gateway.post('/', async ({ body }) => `read ${(await body.text()).length}`);
}

const start = (tls: Partial<TlsConfig>): Promise<ListeningGateway> => startSecure(tls, {}, answering);

describe('a host that demands other client authentication than the connection was checked against', () => {
  const serverNames = {
    'admin.test': { clientAuth: required },
    '*.open.test': { clientAuth: false },
  } as const;
  const asking = (host: string): string => requestText('GET', '/', [`Host: ${host}`]);

  it.each([
    ['the listener’s own', 'site.test', {}, ['site.test', 'SITE.test:443', 'other.test', '127.0.0.1']],
    ['a name’s own', 'admin.test', ann, ['admin.test', 'ADMIN.test', 'admin.test:8443']],
    ['none', 'a.open.test', {}, ['a.open.test', 'b.open.test']],
  ] as const)(
    'is 421 on a connection of %s; the others are served on it',
    async (_, servername, shown, fit) => {
      const made = await start({ serverNames, clientAuth: optional });
      const unchecked = { servername, checkServerIdentity: () => undefined };
      const { client } = await secureClient(made, { ...shown, ...unchecked });
      for (const host of [
        'site.test',
        'SITE.test:443',
        'other.test',
        '127.0.0.1',
        'admin.test',
        'ADMIN.test',
      ])
        await statusIs(host);
      for (const host of ['admin.test:8443', 'a.open.test', 'b.open.test', 'admin.test'])
        await statusIs(host);
      async function statusIs(host: string): Promise<void> {
        const expected = (fit as readonly string[]).includes(host) ? 200 : 421;
        expect([host, (await client.send(asking(host)).answer()).status]).toEqual([host, expected]);
      }
    },
  );

  it('is read from the target too', async () => {
    const made = await start({ serverNames });
    const { client } = await secureClient(made);
    const answer = await client.send(requestText('GET', 'https://admin.test/', ['Host: site.test'])).answer();
    expect([answer.status, JSON.parse(String(answer.body)).code]).toEqual([421, 'misdirected_request']);
    expect((await client.send(asking('site.test')).answer()).status).toBe(200);
  });

  it('has its body skipped, which is no request of its own', async () => {
    const made = await start({ serverNames });
    const { client } = await secureClient(made);
    const hidden = asking('site.test');
    client.send(requestText('POST', '/', ['Host: admin.test', `Content-Length: ${hidden.length}`], hidden));
    client.send(requestText('POST', '/', ['Host: site.test', 'Content-Length: 3'], 'abc'));
    expect((await client.answer()).status).toBe(421);
    expect(String((await client.answer()).body)).toBe('read 3');
    await until('two records', () => made.records.length >= 2);
    expect(made.records.map(({ status }) => status)).toEqual([421, 200]);
  });

  it('costs the connection when the length of its body is not known', async () => {
    const made = await start({ serverNames });
    const { client } = await secureClient(made);
    const body = `${asking('site.test').length.toString(16)}\r\n${asking('site.test')}\r\n0\r\n\r\n`;
    client.send(requestText('POST', '/', ['Host: admin.test', 'Transfer-Encoding: chunked'], body));
    const answer = await client.send(asking('site.test')).answer();
    expect([answer.status, answer.header('connection')]).toEqual([421, 'close']);
    expect((await client.ended()).rest.length).toBe(0);
    await until('its record', () => made.records.length > 0);
    expect(made.records.map(({ status }) => status)).toEqual([421]);
  });

  it('is 421 also on a connection from before a reload', async () => {
    const made = await start({ clientAuth: optional });
    const { client } = await secureClient(made, ann);
    expect((await client.send(asking('site.test')).answer()).status).toBe(200);
    await made.gateway.reload({ listen: { tls: tlsOf({ clientAuth: required }) } });
    expect((await client.send(asking('site.test')).answer()).status).toBe(421);
    expect((await ask(made, '/', ann)).status).toBe(200);
  });
});
