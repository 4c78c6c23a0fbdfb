// Who a request comes from: HTTP Basic, parameters, public clients; and what each is refused for.
import { describe, expect, it } from 'vitest';
import { type ClientCredentials, Clients, checkGrant } from '../../src/auth/clients.ts';
import { createClientSecret, hashClientSecret, type OAuthClient } from '../../src/auth/index.ts';
import { outcomeOf } from './support.ts';

const old = createClientSecret();
const fresh = createClientSecret();
const odd = 'a:b+c%d é "ü" and some more characters';
const clients: OAuthClient[] = [
  { id: 'svc', secrets: [old.hash, fresh.hash], grants: ['client_credentials'], scope: 'a b' },
  { id: 'odd one', secrets: [hashClientSecret(odd)], introspect: true },
  { id: 'web' },
];

function basic(id: string, secret: string): string {
  const encoded = (text: string) => encodeURIComponent(text).replaceAll('%20', '+');
  return `Basic ${Buffer.from(`${encoded(id)}:${encoded(secret)}`).toString('base64')}`;
}

type Given = Partial<ClientCredentials>;

function recognise(given: Given, known: Clients = new Clients(clients, 'default')) {
  return known.recognise({ authorization: null, id: undefined, secret: undefined, ...given });
}

describe('a client', () => {
  it.each<[string, Given, object]>([
    [
      'by Basic',
      { authorization: basic('svc', old.secret) },
      { id: 'svc', isAuthenticated: true, scope: 'a b' },
    ],
    ['by another of its secrets', { authorization: basic('svc', fresh.secret) }, { id: 'svc' }],
    [
      'by Basic, with its id as a parameter too',
      { authorization: basic('svc', fresh.secret), id: 'svc' },
      { id: 'svc' },
    ],
    [
      'by Basic, with characters of all kinds',
      { authorization: basic('odd one', odd).replace('Basic', 'bAsIc ') },
      { id: 'odd one', introspect: true },
    ],
    ['by parameters', { id: 'svc', secret: old.secret }, { id: 'svc', isAuthenticated: true }],
    [
      'public',
      { id: 'web' },
      { id: 'web', isAuthenticated: false, grants: ['refresh_token'], introspect: false },
    ],
    ['unnamed', {}, { id: 'default', isAuthenticated: false, grants: ['refresh_token'] }],
    ['unnamed, by its name', { id: 'default' }, { id: 'default', isAuthenticated: false }],
  ])('is recognised %s', async (_, given, expected) => {
    expect(await recognise(given)).toMatchObject(expected);
  });

  it.each<[string, Given, string]>([
    ['a wrong secret', { id: 'svc', secret: `${old.secret}x` }, 'invalid_client'],
    ['the hash', { id: 'svc', secret: old.hash }, 'invalid_client'],
    ['no secret', { id: 'svc' }, 'invalid_client'],
    ['an empty password', { authorization: basic('svc', '') }, 'invalid_client'],
    ['the secret of another', { id: 'odd one', secret: old.secret }, 'invalid_client'],
    ['an unknown id', { id: 'nobody' }, 'invalid_client'],
    ['an unknown id with a secret', { id: 'nobody', secret: old.secret }, 'invalid_client'],
    ['a secret for a public client', { id: 'web', secret: old.secret }, 'invalid_client'],
    ['a secret for nobody', { secret: old.secret }, 'invalid_client'],
    ['an id outside ASCII', { id: 'wéb' }, 'invalid_client'],
    ['another scheme', { authorization: 'Bearer abc' }, 'invalid_client'],
    ['no base64', { authorization: 'Basic %%%' }, 'invalid_client'],
    ['no colon', { authorization: `Basic ${Buffer.from('svc').toString('base64')}` }, 'invalid_client'],
    [
      'a broken escape',
      { authorization: `Basic ${Buffer.from('svc:%zz').toString('base64')}` },
      'invalid_client',
    ],
    [
      'two ways at once',
      { authorization: basic('svc', old.secret), id: 'svc', secret: old.secret },
      'invalid_request',
    ],
    ['two names', { authorization: basic('svc', old.secret), id: 'web' }, 'invalid_request'],
  ])('is refused with %s', async (_, given, expected) => {
    expect(await outcomeOf(recognise(given))).toBe(expected);
  });

  it('that has secrets is not who says nothing', async () => {
    const known = new Clients(clients, 'svc');
    expect(await outcomeOf(recognise({}, known))).toBe('invalid_client');
  });

  it('is found by a function', async () => {
    const known = new Clients(async (id) => clients.find((client) => client.id === id), 'default');
    expect(await recognise({ id: 'svc', secret: old.secret }, known)).toMatchObject({ id: 'svc' });
    expect(await outcomeOf(recognise({ id: 'nobody' }, known))).toBe('invalid_client');
  });

  it.each<[string, OAuthClient[]]>([
    ['two of one id', [{ id: 'a' }, { id: 'a' }]],
    ['an empty id', [{ id: '' }]],
    ['a secret that is no hash', [{ id: 'a', secrets: [old.secret] }]],
    ['nine secrets', [{ id: 'a', secrets: new Array<string>(9).fill(old.hash) }]],
  ])('is not configured with %s', (_, wrong) => {
    expect(() => new Clients(wrong, 'default')).toThrow(TypeError);
    expect(() => new Clients(wrong, 'default')).not.toThrow(old.secret);
  });
});

it('a secret is random and long, or is not hashed', () => {
  expect(old.secret).toMatch(/^fgs_[\w-]{43}$/);
  expect(hashClientSecret(old.secret)).toBe(old.hash);
  expect(old.hash).not.toContain(old.secret);
  expect(() => hashClientSecret('correct horse battery staple')).toThrow(TypeError);
});

it.each([
  ['svc', 'client_credentials', 'done'],
  ['svc', 'refresh_token', 'unauthorized_client'],
  ['web', 'refresh_token', 'done'],
  ['web', 'client_credentials', 'unauthorized_client'],
  ['web', 'password', 'unauthorized_client'],
  ['default', 'refresh_token', 'done'],
  ['default', 'password', 'unauthorized_client'],
  ['default', 'client_credentials', 'unauthorized_client'],
])('%s with the grant %s: %s', async (id, grant, expected) => {
  const client = await recognise(id === 'svc' ? { id, secret: old.secret } : { id });
  expect(await outcomeOf(Promise.resolve().then(() => checkGrant(client, grant)))).toBe(expected);
});

it.each([
  ['refresh_token', 'done'],
  ['password', 'done'],
  ['client_credentials', 'unauthorized_client'],
])('without clients everybody has the grant %s: %s', async (grant, expected) => {
  const client = await recognise({}, new Clients(undefined, 'default'));
  expect(await outcomeOf(Promise.resolve().then(() => checkGrant(client, grant)))).toBe(expected);
});

it('a public client never has client_credentials, whatever is configured', async () => {
  const known = new Clients([{ id: 'web', grants: ['client_credentials'], scope: 'a' }], 'default');
  const client = await recognise({ id: 'web' }, known);
  expect(() => checkGrant(client, 'client_credentials')).toThrow('may not use');
});
