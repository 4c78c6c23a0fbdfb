// Options of TLS on the listening side: certificates, versions, and what clients must show. It reads no certificate:
// the data plane does, and names what is wrong with one by the same paths.
import { z } from 'zod';
import { repeatedHeader, settableHeader } from './names.ts';
import {
  choice,
  conflict,
  expecting,
  flag,
  list,
  nameConflict,
  option,
  optional,
  section,
  withDefault,
} from './option.ts';
import type { PlanClientAuth, PlanListenTls, PlanRoute } from './plan.ts';
import { filesIn } from './references.ts';

const serverNamePattern =
  /^(?=.{1,253}$)(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*(?!\d+$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;

const serverName = (): z.ZodString =>
  expecting(
    z.string().regex(serverNamePattern),
    'a server name such as "api.example.com" or "*.example.com", and no address',
  );

const pem = (what: string): z.ZodString =>
  expecting(z.string().min(1).max(1_048_576), `${what} in PEM form`, { secret: true });

export const certificateSection = section(
  { name: 'CertificateConfig', text: 'A certificate of the listener.' },
  {
    certificate: option(
      pem('a certificate chain'),
      "The chain: the server's own certificate first, then those between it and the authority. A file is read again when it changes.",
    ),
    key: option(
      pem('a private key'),
      'Its private key, without a pass phrase. A file is read again when it changes.',
    ),
    names: option(
      optional(list(serverName(), 'server names', 1), 'the DNS names in the certificate'),
      'Server names that it is chosen for. `*.` stands for one label.',
    ),
  },
);

export const clientAuthSection = section(
  { name: 'ClientAuthConfig', text: 'Certificates that clients show.' },
  {
    mode: option(
      choice('optional', 'required'),
      'Whether a client may come without a certificate. One that is not trusted is refused in either case.',
    ),
    ca: option(
      pem('certificates'),
      'The authorities that a client certificate must come from. A file is read again when it changes.',
    ),
  },
);

const clientAuthOption = (): z.ZodUnion<readonly [typeof clientAuthSection, z.ZodLiteral<false>]> =>
  expecting(z.union([clientAuthSection, z.literal(false)]), 'an object or false');

export const serverNameSection = section(
  { name: 'ServerNameConfig', text: 'What is different for a server name.' },
  {
    clientAuth: option(
      clientAuthOption(),
      'Replaces `clientAuth` of the listener; `false` asks for no certificate.',
    ),
  },
);

const serverNames = z.record(serverName(), serverNameSection).superRefine((names, context) => {
  if (Object.keys(names).length > 1000) context.addIssue(conflict([], 'at most 1000 server names', names));
  const repeated = repeatedHeader(Object.keys(names));
  if (repeated !== undefined) context.addIssue(nameConflict([repeated], 'each name once, whatever its case'));
});

export const listenTlsSection = section(
  { name: 'ListenTlsConfig', text: 'TLS of the listener.' },
  {
    certificates: option(
      expecting(z.array(certificateSection).min(1).max(1000), 'a list of 1 to 1000 certificates'),
      'Chosen by the server name that a client asks for; the first serves any other name. Of several with one name the first that the client can verify.',
    ),
    minVersion: option(withDefault(choice('1.2', '1.3'), '1.2'), 'Oldest version of TLS that is spoken.'),
    clientAuth: option(
      withDefault(clientAuthOption(), false),
      'Whether clients are asked for a certificate; `false` does not ask.',
    ),
    serverNames: option(
      withDefault(serverNames, {}),
      'Server names with client authentication of their own. A request on a connection that was opened for another is 421.',
    ),
  },
);

export const clientCertificateSection = section(
  { name: 'ClientCertificateConfig', text: 'What a route makes of the certificate of the client.' },
  {
    required: option(withDefault(flag(), true), 'Whether a request without one is refused with 403.'),
    headers: option(
      withDefault(
        z
          .record(settableHeader(), choice('subject', 'san', 'fingerprint', 'serial'))
          .superRefine((values, context) => {
            const repeated = repeatedHeader(Object.keys(values));
            if (repeated !== undefined)
              context.addIssue(nameConflict([repeated], 'each header once, whatever its case'));
          }),
        {},
      ),
      'Headers that tell the upstream who the client is: `"subject"` (RFC 4514), `"san"` (`DNS:`, `URI:`, `email:`, `IP:`, joined by commas), `"fingerprint"` (SHA-256, hex) or `"serial"` (hex). What cannot stand in a header is percent-encoded. Those of the client, also with `_` for `-`, are never sent on.',
    ),
  },
);

type ListenTls = z.output<typeof listenTlsSection>;

/** The section as the data plane wants it. */
export function planListenTls(tls: ListenTls | undefined): PlanListenTls | null {
  if (tls === undefined) return null;
  return {
    certificates: tls.certificates.map(({ certificate, key, names }) => ({
      certificate,
      key,
      names: names ?? null,
    })),
    minVersion: tls.minVersion,
    clientAuth: planClientAuth(tls.clientAuth),
    serverNames: Object.entries(tls.serverNames).map(([name, { clientAuth }]) => [
      name.toLowerCase(),
      planClientAuth(clientAuth),
    ]),
  };
}

function planClientAuth(auth: false | z.output<typeof clientAuthSection>): PlanClientAuth | null {
  return auth === false ? null : { required: auth.mode === 'required', caPem: auth.ca };
}

/** Names in lower case. */
export function planClientCertificate(
  certificate: z.output<typeof clientCertificateSection> | undefined,
): PlanRoute['clientCertificate'] {
  if (certificate === undefined) return null;
  const headers = Object.entries(certificate.headers);
  return {
    required: certificate.required,
    headers: headers.map(([name, tells]) => [name.toLowerCase(), tells]),
  };
}

/** Whether a configuration as it was written asks any client for a certificate. */
export function asksForCertificates(config: unknown): boolean {
  const tls = member(member(config, 'listen'), 'tls');
  const names = member(tls, 'serverNames');
  const all = [tls, ...(isObject(names) ? Object.values(names) : [])];
  return all.some((one) => isObject(member(one, 'clientAuth')));
}

/** The files of certificates, keys and authorities that a configuration as it was written refers to, each once. */
export function tlsFiles(config: unknown): string[] {
  return [...new Set(filesIn(member(member(config, 'listen'), 'tls')))];
}

function member(value: unknown, name: string): unknown {
  return isObject(value) ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
