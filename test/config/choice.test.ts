import { expect, it } from 'vitest';
import { chooseListener, type ListenerFacts } from '../../src/config/choice.ts';

it.each<
  [
    wanted: ListenerFacts['listener'],
    nativeOnly: string[],
    uwsLoads: boolean,
    listener: string,
    reason: string,
  ]
>([
  ['auto', [], true, 'uws', 'uWebSockets.js is installed and loads'],
  ['auto', [], false, 'native', 'uWebSockets.js is not installed or does not load on Node 24.1.0'],
  ['auto', ['listen.tls', 'listen.threads'], true, 'native', 'only the native listener has listen.tls'],
  ['native', [], true, 'native', 'asked for by name'],
  ['uws', [], false, 'uws', 'asked for by name'],
])('%s with %j, uWebSockets.js %s: %s, %s', (wanted, nativeOnly, uwsLoads, listener, reason) => {
  const choice = chooseListener({ listener: wanted, nativeOnly }, { uwsLoads, node: '24.1.0' });
  expect(choice).toEqual({ listener, reason });
});

it('uws with options that it lacks is an error that names each', () => {
  const facts = { listener: 'uws', nativeOnly: ['listen.tls', 'routes[0].websocket'] } as const;
  expect(() => chooseListener(facts, { uwsLoads: true })).toThrow(
    expect.objectContaining({
      code: 'ERR_FG_CONFIG_INVALID',
      issues: [
        expect.objectContaining({ path: 'listen.tls' }),
        expect.objectContaining({ path: 'routes[0].websocket' }),
      ],
    }),
  );
});
