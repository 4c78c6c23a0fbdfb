// Asks the operating system for the addresses of a name, and the DNS for how long they hold; it keeps nothing.
import { ADDRCONFIG, promises as dns } from 'node:dns';

/** Most addresses of one name that are used; the rest is ignored. */
export const maxAddresses = 64;
/** Milliseconds for the question about the TTL, which never delays the addresses. */
const ttlTimeoutMs = 2_000;

export interface Resolver {
  /** Addresses of `host`, IPv4 first. Throws when the name has none. */
  lookup(host: string): Promise<readonly string[]>;
  /** Seconds for which the DNS calls the addresses of `host` valid; undefined when it does not know the name. */
  ttl(host: string): Promise<number | undefined>;
}

/** The resolver of this machine: `getaddrinfo` (with /etc/hosts) for addresses, the DNS servers for TTLs. */
export function systemResolver(): Resolver {
  const servers = new dns.Resolver({ timeout: ttlTimeoutMs, tries: 1 });
  return {
    async lookup(host) {
      // ADDRCONFIG leaves out families that this machine has no address of.
      const found = await dns.lookup(host, { all: true, hints: ADDRCONFIG, order: 'ipv4first' });
      return found.slice(0, maxAddresses).map(({ address }) => address);
    },
    async ttl(host) {
      // Names of one label, such as those in /etc/hosts, are not the DNS's to know.
      if (!host.includes('.')) return undefined;
      const answers = await Promise.allSettled([
        servers.resolve4(host, { ttl: true }),
        servers.resolve6(host, { ttl: true }),
      ]);
      const ttls = answers
        .flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
        .map(({ ttl }) => ttl);
      return ttls.length > 0 ? Math.min(...ttls) : undefined;
    },
  };
}
