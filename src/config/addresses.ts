// Hosts, addresses, networks and URLs as options write them; names are never resolved here.
import { isIP } from 'node:net';
import { z } from 'zod';
import { expecting } from './option.ts';

const hostPattern = /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?$/;
const hostMatchPattern =
  /^(?:(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?)*|\[[0-9A-Fa-f:.]+\])$/;

/** An address or name to bind to; IPv6 without brackets. */
export function bindHost(): z.ZodString {
  return expecting(
    z.string().refine((host) => isIP(host) !== 0 || hostPattern.test(host)),
    'a host name or an address (IPv6 without brackets)',
  );
}

/** The host of a route: exact or `*.suffix`. */
export function hostMatch(): z.ZodString {
  return expecting(
    z.string().max(253).regex(hostMatchPattern),
    'a host such as "api.example.com" or "*.example.com", without a port',
  );
}

/** An address or a network in CIDR form. */
export function network(): z.ZodString {
  return expecting(z.string().refine(isNetwork), 'an address or a network such as "10.0.0.0/8"');
}

function isNetwork(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || address.includes('%') || rest.length > 0) return false;
  if (prefix === undefined) return true;
  return /^(?:0|[1-9][0-9]{0,2})$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
}

/** The URL in `text` when it is http or https and carries no user name or password. */
export function parseHttpUrl(text: string): URL | undefined {
  if (!URL.canParse(text) || /[\s\\]/.test(text)) return undefined;
  const url = new URL(text);
  const isHttp = url.protocol === 'http:' || url.protocol === 'https:';
  return isHttp && url.hostname !== '' && url.username === '' && url.password === '' && !text.includes('@')
    ? url
    : undefined;
}

/** Whether the host of `url` is this machine by its very name or address. */
export function isLoopback(url: URL): boolean {
  const host = url.hostname;
  return (
    host === 'localhost' ||
    host.endsWith('.localhost') ||
    host === '[::1]' ||
    /^127(?:\.[0-9]+){3}$/.test(host)
  );
}
