// Options of a key set in HashiCorp Vault or OpenBao: where it is, what is read there, and how the gateway logs in.
import { z } from 'zod';
import { parseHttpUrl } from './addresses.ts';
import { conflict, expecting, option, optional, section, withDefault } from './option.ts';

const pathPattern = /^[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$/;
const accountToken = '/var/run/secrets/kubernetes.io/serviceaccount/token';

const path = (): z.ZodString =>
  expecting(
    z.string().max(512).regex(pathPattern),
    'names of letters, digits, "_", "-" and ".", joined by "/"',
  );
const secret = (what: string): z.ZodString =>
  expecting(z.string().regex(/^[\x21-\x7e]{1,8192}$/), what, { secret: true });

const kvSection = section(
  { name: 'VaultKvConfig', text: 'Public keys that are stored as a secret (KV version 2).' },
  {
    mount: option(withDefault(path(), 'secret'), 'Where the secrets engine is mounted.'),
    path: option(path(), 'The path of the secret, without `data/`.'),
    field: option(
      optional(
        expecting(z.string().min(1).max(256), 'the name of a field'),
        'the secret is a key set itself (`{"keys": […]}`), or each of its fields is a key in PEM with the name of the field as `kid`',
      ),
      'The field that holds the key set, as JSON or PEM.',
    ),
  },
);

const transitSection = section(
  { name: 'VaultTransitConfig', text: 'The public half of a signing key that Vault keeps (Transit).' },
  {
    mount: option(withDefault(path(), 'transit'), 'Where the secrets engine is mounted.'),
    key: option(path(), 'The name of the key. Its versions have the `kid` `name:v1`, `name:v2` and so on.'),
  },
);

const appRoleSection = section(
  { name: 'VaultAppRoleConfig', text: 'A login by AppRole.' },
  {
    mount: option(withDefault(path(), 'approle'), 'Where the method is mounted, below `auth/`.'),
    roleId: option(secret('a role id'), 'The role id.'),
    secretId: option(optional(secret('a secret id'), 'none'), 'The secret id, where the role demands one.'),
  },
);

const kubernetesSection = section(
  { name: 'VaultKubernetesConfig', text: 'A login by the service account of a pod.' },
  {
    mount: option(withDefault(path(), 'kubernetes'), 'Where the method is mounted, below `auth/`.'),
    role: option(expecting(z.string().min(1).max(256), 'the name of a role'), 'The role in Vault.'),
    tokenFile: option(
      withDefault(expecting(z.string().min(1).max(4096), 'the path of a file'), accountToken),
      'The token of the service account; it is read at each login.',
    ),
  },
);

const authSection = section(
  { name: 'VaultAuthConfig', text: 'How the gateway logs in; exactly one of them.' },
  {
    token: option(optional(secret('a token'), 'none'), 'A token, which is renewed where that is possible.'),
    appRole: option(optional(appRoleSection, 'none'), 'A login by AppRole.'),
    kubernetes: option(optional(kubernetesSection, 'none'), 'A login by the service account of a pod.'),
  },
).superRefine((auth, context) => {
  const given = [auth.token, auth.appRole, auth.kubernetes].filter((one) => one !== undefined);
  if (given.length !== 1)
    context.addIssue(conflict([], 'exactly one of "token", "appRole" and "kubernetes"', auth));
});

const tlsSection = section(
  { name: 'VaultTlsConfig', text: 'How the certificate of Vault is verified.' },
  {
    ca: option(
      optional(
        expecting(z.string().min(1).max(1_048_576), 'certificates in PEM form', { secret: true }),
        'the roots that Node.js trusts',
      ),
      'Certificate authorities in PEM form that replace them.',
    ),
  },
);

export const vaultSection = section(
  { name: 'VaultConfig', text: 'A HashiCorp Vault or OpenBao that holds the keys of an issuer.' },
  {
    address: option(
      expecting(
        z.string().refine((text) => isOrigin(text)),
        'an http or https URL without path, query, user name and password',
      ),
      'Where it is, such as `"https://vault.internal:8200"`; https, or http on this machine.',
    ),
    namespace: option(
      optional(
        expecting(
          z
            .string()
            .max(512)
            .regex(/^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*\/?$/),
          'a namespace',
        ),
        'none',
      ),
      'The namespace, where there are namespaces.',
    ),
    kv: option(optional(kvSection, 'none'), 'Reads public keys that are stored as a secret.'),
    transit: option(optional(transitSection, 'none'), 'Reads the public half of a signing key.'),
    auth: option(authSection, 'How the gateway logs in.'),
    tls: option(withDefault(tlsSection, {}), 'How the certificate of Vault is verified.'),
  },
).superRefine((vault, context) => {
  if ((vault.kv === undefined) === (vault.transit === undefined))
    context.addIssue(conflict([], 'exactly one of "kv" and "transit"', vault));
});

function isOrigin(text: string): boolean {
  const url = parseHttpUrl(text);
  return url !== undefined && url.pathname === '/' && url.search === '' && url.hash === '';
}

/** How the gateway logs in. */
export type VaultAuth =
  | { readonly token: string }
  | { readonly appRole: { readonly mount: string; readonly roleId: string; readonly secretId?: string } }
  | { readonly kubernetes: { readonly mount: string; readonly role: string; readonly tokenFile: string } };

/** What is read. */
export type VaultKeys =
  | { readonly kv: { readonly mount: string; readonly path: string; readonly field?: string } }
  | { readonly transit: { readonly mount: string; readonly key: string } };

/** A key set in Vault, as the key-set code wants it. */
export interface VaultSource {
  /** Without a slash at the end. */
  readonly address: string;
  readonly namespace?: string;
  readonly keys: VaultKeys;
  readonly auth: VaultAuth;
  readonly ca?: string;
}

/** The options with what was checked before. */
export function vaultSource(vault: z.output<typeof vaultSection>): VaultSource {
  const { namespace, tls } = vault;
  return {
    address: new URL(vault.address).origin,
    ...(namespace === undefined ? {} : { namespace }),
    keys: keysOf(vault),
    auth: authOf(vault.auth),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
  };
}

function keysOf({ kv, transit }: z.output<typeof vaultSection>): VaultKeys {
  if (transit !== undefined) return { transit };
  if (kv === undefined) throw new TypeError('a key set in vault passed its schema and names none');
  const { field, ...place } = kv;
  return { kv: { ...place, ...(field === undefined ? {} : { field }) } };
}

function authOf({ token, appRole, kubernetes }: z.output<typeof authSection>): VaultAuth {
  if (token !== undefined) return { token };
  if (kubernetes !== undefined) return { kubernetes };
  if (appRole === undefined) throw new TypeError('a login to vault passed its schema and is none');
  const { secretId, ...role } = appRole;
  return { appRole: { ...role, ...(secretId === undefined ? {} : { secretId }) } };
}
