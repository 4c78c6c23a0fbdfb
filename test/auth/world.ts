// The routes of a token service on a gateway of its own, asked without a socket, with clients of every kind.
import { onTestFinished } from 'vitest';
import { createClientSecret, type TokenServiceOptions } from '../../src/auth/index.ts';
import { createGateway, type Gateway } from '../../src/index.ts';
import { heard } from '../support/gateway.ts';
import { makeService, type TestService } from './support.ts';

/** A client with `client_credentials`. */
export const svc = createClientSecret();
export const api = createClientSecret();
export const clients = [
  { id: 'svc', secrets: [svc.hash], grants: ['client_credentials'], scope: 'read write' },
  { id: 'api', secrets: [api.hash], introspect: true },
  { id: 'other', secrets: [api.hash] },
  { id: 'web', grants: ['refresh_token', 'password'] },
];
export const asSvc = { client_id: 'svc', client_secret: svc.secret };
export const asApi = { client_id: 'api', client_secret: api.secret };

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: Headers;
}

export interface World extends TestService {
  readonly gateway: Gateway;
  readonly logged: ReturnType<typeof heard>;
  post(
    path: string,
    form: Record<string, string> | string,
    headers?: Record<string, string>,
  ): Promise<Answer>;
}

/** A gateway, not listening, with the routes of a service below `/auth`. */
export function open(options: Partial<TokenServiceOptions> = {}): World {
  const made = makeService({ clients, ...options });
  const logged = heard();
  const gateway = createGateway({}, { logger: logged });
  onTestFinished(() => gateway.close({ timeoutMs: 0 }));
  made.service.register(gateway, '/auth');
  const post: World['post'] = async (path, form, headers = {}) => {
    const response = await gateway.inject({
      method: 'POST',
      url: `/auth${path}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: typeof form === 'string' ? form : new URLSearchParams(form).toString(),
    });
    const text = await response.text();
    const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
    return { status: response.status, body, headers: response.headers };
  };
  return { ...made, gateway, logged, post };
}

/** Tokens of `ada` at the client `web`. */
export async function loggedIn(world: World): Promise<Record<string, string>> {
  const tokens = await world.service.issue({ subject: 'ada', client: 'web', scope: 'read write' });
  return { ...tokens } as unknown as Record<string, string>;
}
