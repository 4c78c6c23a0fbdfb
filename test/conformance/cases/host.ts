// The Host field: how many, which grammar, and how routes see it.
import { type Case, denied, forwarded, refused } from '../case.ts';

const get = (...lines: string[]): string =>
  `GET /public/a HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

const bad: readonly (readonly [name: string, ...lines: string[]])[] = [
  ['no Host'],
  ['two Host fields', 'Host: gateway.test', 'Host: other.test'],
  ['two equal Host fields', 'Host: gateway.test', 'Host: gateway.test'],
  ['an empty Host', 'Host:'],
  ['user information in Host', 'Host: user@gateway.test'],
  ['a comma in Host', 'Host: gateway.test,other.test'],
  ['a slash in Host', 'Host: gateway.test/a'],
  ['a space in Host', 'Host: gateway.test other.test'],
  ['a port over 65535 in Host', 'Host: gateway.test:99999'],
  ['a port that is no number in Host', 'Host: gateway.test:8o'],
  ['two ports in Host', 'Host: gateway.test:80:80'],
  ['an IPv6 address without its bracket in Host', 'Host: [::1'],
  ['a percent-escape in Host', 'Host: gateway%2etest'],
  ['an empty label in Host', 'Host: gateway..test'],
];

export const host: readonly Case[] = [
  ...bad.map(
    ([name, ...lines]): Case => ({ name, clause: 'RFC 9112 3.2', send: get(...lines), expect: refused(400) }),
  ),
  {
    name: 'an IPv6 address with a port in Host',
    send: get('Host: [::1]:8080'),
    expect: forwarded('GET /public/a', { fields: { 'x-forwarded-host': '[::1]:8080' } }),
  },
  { name: 'a field name in upper case', send: get('HOST: gateway.test'), expect: forwarded('GET /public/a') },
  { name: 'a byte above 0x7F at the end of Host', send: get('Host: gateway.test\xe9'), expect: refused(400) },
  {
    name: 'a route of another host',
    send: 'GET /tenant HTTP/1.1\r\nHost: gateway.test\r\n\r\n',
    expect: denied(404, 'route_not_found'),
  },
  {
    name: 'a host with capitals, final dot and port',
    send: 'GET /tenant HTTP/1.1\r\nHost: TENANT.Test.:8080\r\n\r\n',
    expect: forwarded('GET /tenant'),
  },
  {
    name: 'Host is the authority of the upstream',
    send: get('Host: gateway.test'),
    expect: forwarded('GET /public/a', { fields: { host: /^127\.0\.0\.1:\d+$/ } }),
  },
  {
    name: 'Host is kept where the route says so',
    send: 'GET /kept HTTP/1.1\r\nHost: kept.test:81\r\n\r\n',
    expect: forwarded('GET /kept', { fields: { host: 'kept.test:81' } }),
  },
];
