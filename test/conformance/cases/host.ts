// The Host field: how many, which grammar, and how routes see it.
import { type Case, denied, forwarded, refused } from '../case.ts';

const get = (...lines: string[]): string =>
  `GET /public/a HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;

const bad: readonly (readonly [name: string, ...lines: string[]])[] = [
  ['no Host'],
  ['two Host fields', 'Host: gateway.test', 'Host: other.test'],
  ['two equal Host fields', 'Host: gateway.test', 'Host: gateway.test'],
  ['an empty Host', 'Host:'],
  ['white space for a Host', 'Host: \t '],
  ['Host in two spellings', 'Host: gateway.test', 'hOST: gateway.test'],
  ['user information in Host', 'Host: user@gateway.test'],
  ['a comma in Host', 'Host: gateway.test,other.test'],
  ['a slash in Host', 'Host: gateway.test/a'],
  ['a space in Host', 'Host: gateway.test other.test'],
  ['a port over 65535 in Host', 'Host: gateway.test:99999'],
  ['a port that is no number in Host', 'Host: gateway.test:8o'],
  ['a negative port in Host', 'Host: gateway.test:-1'],
  ['a port with a sign in Host', 'Host: gateway.test:+80'],
  ['a port of six digits in Host', 'Host: gateway.test:000080'],
  ['two ports in Host', 'Host: gateway.test:80:80'],
  ['an IPv6 address without its bracket in Host', 'Host: [::1'],
  ['text behind the bracket in Host', 'Host: [::1]gateway.test'],
  ['an IPv4 address in brackets in Host', 'Host: [127.0.0.1]'],
  ['an IPv6 zone in Host', 'Host: [fe80::1%25lo]'],
  ['a query in Host', 'Host: gateway.test?a'],
  ['a fragment in Host', 'Host: gateway.test#a'],
  ['a backslash in Host', 'Host: gateway.test\\a'],
  ['quotes in Host', 'Host: "gateway.test"'],
  ['HTAB inside Host', 'Host: gateway\ttest'],
  ['a Host of 256 bytes', `Host: ${'a'.repeat(256)}`],
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
    name: 'a byte above 0x7F at the start of Host',
    send: get('Host: \xe9gateway.test'),
    expect: refused(400),
  },
  { name: 'an escape character in Host', send: get('Host: gateway\x1b[31m.test'), expect: refused(400) },
  {
    name: 'HTTP/1.0 with two Host fields',
    clause: 'RFC 9112 3.2',
    send: 'GET /public/a HTTP/1.0\r\nHost: gateway.test\r\nHost: other.test\r\n\r\n',
    expect: refused(400),
  },
  {
    name: 'a port without digits in Host',
    clause: 'RFC 3986 3.2.3',
    send: get('Host: gateway.test:'),
    expect: forwarded('GET /public/a'),
  },
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
