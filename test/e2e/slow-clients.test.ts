// A thousand slow clients of each kind of slowhttptest: others are served meanwhile, and the slow ones are ended by their clock.
import { expect, it } from 'vitest';
import type { GatewayConfig } from '../../src/index.ts';
import { startChildGateway } from '../support/children.ts';
import { isNative } from '../support/listeners.ts';
import { metricAt, type Outcomes, type SlowKind, startProbe, startSlowClients } from '../support/slow.ts';
import { until } from '../support/until.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';

const COUNT = 1_000;
const PROBES = 25;
/** What `/js/stream` answers: more than the gateway and the sockets hold of one answer. */
const STREAM_BYTES = 1024 * 1024;

/** The bounds on connections, and the rate of a body, are the defaults. */
const configOf = (up: Upstream): GatewayConfig => ({
  listen: isNative ? { headerTimeout: '4s', writeTimeout: '4s' } : {},
  // The upstream shares its process, and perhaps its processor, with the test.
  upstreams: { back: { targets: [up.url], connectTimeout: '20s' } },
  routes: [{ match: { path: '/up/*rest' }, upstream: 'back' }],
});

const slow: readonly [SlowKind, target: string, clock: string, Outcomes][] = [
  ['header', '/up/slow', 'header', { 408: COUNT }],
  ['body', '/up/slow', 'body_rate', { 408: COUNT }],
  ['read', '/js/stream', 'write', { broken: COUNT }],
];

it.each(slow)(
  '%s',
  async (kind, target, clock, outcomes) => {
    // A body that never ends gets no answer.
    const up = await startUpstream((request, response) => {
      if (request.method === 'GET') response.end('here');
    });
    const child = await startChildGateway(configOf(up), { handlers: true });
    const clients = startSlowClients(child.port, kind, target, COUNT, STREAM_BYTES);
    const probe = startProbe(child.port, '/up/probe');
    await until('all to be connected', async () => (await clients.opened()) === COUNT, 25_000);
    if (isNative) {
      const givenUp = () => metricAt(child.adminUrl, 'ferrogate_client_timeouts_total', { clock });
      await until('all to be given up', async () => (await givenUp()) === COUNT, 25_000);
      expect(await clients.ended()).toEqual(outcomes);
    } else {
      // uWebSockets.js has clocks of its own, and tells nobody of them.
      await until('the probe to be answered for a while', () => probe.asked() >= PROBES, 25_000);
      await clients.cut();
    }
    await until('enough probes', () => probe.asked() >= PROBES);
    expect(await probe.stop()).toEqual({ 200: probe.asked() });
    await until('nothing in flight', async () => {
      return (await metricAt(child.adminUrl, 'ferrogate_http_requests_in_flight')) === 0;
    });
    await until('no slow client is left', async () => {
      return (await metricAt(child.adminUrl, 'ferrogate_connections_open')) < 5;
    });
  },
  90_000,
);
