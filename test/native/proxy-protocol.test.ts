// The PROXY protocol, versions 1 and 2: who the client is when a trusted peer says so, and what is no header of it.
import { describe, expect, it } from 'vitest';
import { byteClient } from '../listener/client.ts';
import type { ListeningGateway } from '../support/gateway.ts';
import { requestText } from '../support/raw.ts';
import { startNative, statusesOf, untilClosed } from './support.ts';

const SIGNATURE = '\r\n\r\n\0\r\nQUIT\n';
const get = requestText('GET', '/ip', ['X-Forwarded-For: 192.0.2.99']);

/** A header of version 2 as Latin-1 text. */
function v2(
  versionAndCommand: number,
  family: number,
  addresses: readonly number[],
  length = addresses.length,
) {
  const start = [versionAndCommand, family, length >> 8, length & 255];
  return SIGNATURE + String.fromCharCode(...start, ...addresses);
}

const ports = [0x0f, 0xa0, 0, 80];
const ipv4 = [203, 0, 113, 7, 192, 0, 2, 1, ...ports];
const ipv6 = [0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 7, ...Array<number>(15).fill(0), 1, ...ports];
const unknownField = [0xe0, 0, 3, 97, 98, 99];

const start = (trusted: readonly string[] = ['127.0.0.1/32']): Promise<ListeningGateway> =>
  startNative({ proxyProtocol: true }, { listen: { trustedProxies: trusted } }, (gateway) => {
    gateway.get('/ip', ({ ip }) => `ip ${ip}.`);
  });

const accepted: readonly (readonly [name: string, header: string, ip: string])[] = [
  ['version 1, IPv4', 'PROXY TCP4 203.0.113.7 192.0.2.1 4000 80\r\n', '203.0.113.7'],
  ['version 1, IPv6', 'PROXY TCP6 2001:db8::7 2001:db8::1 4000 80\r\n', '2001:db8::7'],
  ['version 2, IPv4', v2(0x21, 0x11, ipv4), '203.0.113.7'],
  ['version 2, IPv6', v2(0x21, 0x21, ipv6), '2001:db8::7'],
  ['version 2, with a field that nobody knows', v2(0x21, 0x11, [...ipv4, ...unknownField]), '203.0.113.7'],
];

/** The peer speaks for itself, as a trusted proxy: its X-Forwarded-For is believed. */
const own: readonly (readonly [name: string, header: string])[] = [
  ['version 1, UNKNOWN', 'PROXY UNKNOWN\r\n'],
  ['version 1, UNKNOWN with addresses', 'PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n'],
  ['version 2, LOCAL', v2(0x20, 0, [])],
];

describe('a header of a trusted peer', () => {
  it.each(accepted)('%s names the client', async (_, header, ip) => {
    const { port } = await start();
    const client = await byteClient(port);
    client.send(header + get);
    await client.until(`ip ${ip}.`);
    client.send(get);
    await client.until((text) => text.split(`ip ${ip}.`).length === 3);
  });

  it.each(accepted)('%s, byte by byte', async (_, header, ip) => {
    const { port } = await start();
    const client = await byteClient(port);
    client.socket.setNoDelay(true);
    for (const byte of header + get) {
      client.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await client.until(`ip ${ip}.`);
  });

  it.each(own)('%s leaves the peer what it is', async (_, header) => {
    const { port } = await start();
    const client = await byteClient(port);
    client.send(header + get);
    await client.until('ip 192.0.2.99.');
  });
});

describe('refused and closed, and nothing is served:', () => {
  it.each([
    ['no header', ''],
    ['lines that end in LF', 'PROXY TCP4 203.0.113.7 192.0.2.1 4000 80\n'],
    ['version 1 of more than 107 bytes', `PROXY UNKNOWN ${'a'.repeat(100)}\r\n`],
    ['an address that is none', 'PROXY TCP4 203.0.113.256 192.0.2.1 4000 80\r\n'],
    ['an address of the other family', 'PROXY TCP4 2001:db8::7 2001:db8::1 4000 80\r\n'],
    ['a port that is none', 'PROXY TCP4 203.0.113.7 192.0.2.1 70000 80\r\n'],
    ['one address', 'PROXY TCP4 203.0.113.7\r\n'],
    ['lower case', 'proxy TCP4 203.0.113.7 192.0.2.1 4000 80\r\n'],
    ['version 3', v2(0x31, 0x11, ipv4)],
    ['a command that nobody knows', v2(0x2f, 0x11, ipv4)],
    ['addresses cut short', v2(0x21, 0x11, ipv4.slice(0, 8))],
    ['two headers', 'PROXY TCP4 203.0.113.7 192.0.2.1 4000 80\r\n'.repeat(2)],
  ])('%s', async (_, header) => {
    const { port, records } = await start();
    const text = await untilClosed(port, header + get);
    expect(statusesOf(text).filter((status) => status !== 400)).toEqual([]);
    expect(records.filter(({ status }) => status < 400)).toEqual([]);
  });

  it('a header that does not come to its end', async () => {
    const { port } = await startNative(
      { proxyProtocol: true, headerTimeout: '150ms' },
      { listen: { trustedProxies: ['127.0.0.1/32'] } },
    );
    expect(statusesOf(await untilClosed(port, 'PROXY TC')).filter((status) => status !== 408)).toEqual([]);
  });

  it('a header of a peer that is not trusted', async () => {
    const { port } = await start(['192.0.2.1/32']);
    const text = await untilClosed(port, (accepted[0]?.[1] ?? '') + get);
    expect(statusesOf(text)).toEqual([400]);
  });
});

it('a peer that is not trusted is served without a header', async () => {
  const { port } = await start(['192.0.2.1/32']);
  const client = await byteClient(port);
  client.send(get);
  await client.until('ip 127.0.0.1.');
});
