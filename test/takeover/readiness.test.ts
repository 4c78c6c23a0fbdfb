// A new instance waits for its keys and addresses, and gives up by name of what is missing; sockets are picked by role and address.
import { describe, expect, it } from 'vitest';
import { untilReady } from '../../src/takeover/readiness.ts';
import { fitting, type ListeningSocket } from '../../src/takeover/sockets.ts';

describe('readiness', () => {
  it('is waited for', async () => {
    let asked = 0;
    await untilReady(() => {
      asked += 1;
      return { issuers: asked < 3 ? ['main'] : [], upstreams: [] };
    });
    expect(asked).toBe(3);
  });

  it('that does not come is an error that names what is missing', async () => {
    const never = untilReady(() => ({ issuers: ['main'], upstreams: ['orders'] }), 0);
    await expect(never).rejects.toMatchObject({
      code: 'ERR_FG_TAKEOVER_FAILED',
      message: expect.stringMatching(/issuer "main" has no keys, upstream "orders" has no address/),
    });
  });
});

describe('sockets', () => {
  const came: ListeningSocket[] = [
    { role: 'http', host: '127.0.0.1', port: 80, fd: 3 },
    { role: 'http', host: '127.0.0.1', port: 80, fd: 4 },
    { role: 'admin', host: '127.0.0.1', port: 80, fd: 5 },
  ];
  it.each([
    ['http', '127.0.0.1', 80, [3, 4]],
    ['http', '127.0.0.1', 0, [3, 4]],
    ['http', '127.0.0.1', 81, []],
    ['http', '0.0.0.0', 80, []],
    ['admin', '127.0.0.1', 80, [5]],
  ] as const)('for %s at %s port %d are %j', (role, host, port, fds) => {
    expect(fitting(came, { role, host, port })).toEqual(fds);
  });
});
