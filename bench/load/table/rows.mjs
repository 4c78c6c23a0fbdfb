// The table of the native listener: what each row sends to whom, and what it should come to. It runs nothing.
import { descriptorLimit } from '../programs.mjs';

/** A gateway needs a descriptor for each client and perhaps one upstream for each; a part is left for itself. */
const spare = Math.max(64, descriptorLimit() - 500);
const MANY = Math.min(9_500, Math.floor(spare / 2));
/** The open loop's targets keep at most 1,024 upstream connections, nginx as many as are busy. */
const OPEN = Math.min(10_000, spare - 1_100);

/** `figure` of `target` at most `max`, times that of `to` in the same round when it is given. */
const atMost = (max, target, figure, to = null) => ({ kind: 'atMost', max, target, figure, to });
const atLeast = (min, target, figure, to) => ({ kind: 'atLeast', min, target, figure, to });
const noFault = (target) => ({ kind: 'noFault', target });
/** CPU time a request against nginx, which only forwards. */
const cpu = (max, target, to = 'nginx-proxy') => atMost(max, target, 'cpuMicros', to);

const policedRivals = ['haproxy-jwt', 'envoy-jwtcache'];
const plainTargets = [
  'nginx-proxy',
  'ferrogate-threads-plain',
  'ferrogate-loop-plain',
  'ferrogate-uws-plain',
  'haproxy-plain',
  'envoy-plain',
];

/**
 * `isSolo`: each target is started for its round alone, because memory is looked at; `longer`: times the seconds of the
 * other rows, where connecting takes a part of them.
 */
export const rows = {
  plain: {
    title: 'plain forward, 64 connections, 100 B',
    drive: 'closed',
    options: { connections: 64 },
    targets: plainTargets,
    goals: [cpu(0.78, 'ferrogate-threads-plain')],
  },
  policies: {
    title: 'every policy on, 64 connections, 100 B',
    drive: 'closed',
    options: { connections: 64 },
    targets: [
      'nginx-proxy',
      'ferrogate-threads-policies',
      'ferrogate-loop-policies',
      'ferrogate-uws-policies',
      ...policedRivals,
    ],
    goals: [
      cpu(0.84, 'ferrogate-threads-policies'),
      cpu(0.3, 'ferrogate-threads-policies', 'envoy-jwtcache'),
      cpu(0.3, 'ferrogate-threads-policies', 'haproxy-jwt'),
    ],
  },
  fresh: {
    title: 'every policy on, every token new, 64 connections, 100 B',
    drive: 'closed',
    options: { connections: 64, isFresh: true },
    targets: ['nginx-proxy', 'ferrogate-threads-fresh', 'ferrogate-uws-fresh', ...policedRivals],
    goals: [cpu(1.9, 'ferrogate-threads-fresh')],
  },
  large: {
    title: 'plain forward, 64 connections, 16 KiB',
    drive: 'closed',
    options: { connections: 64, isLarge: true },
    targets: plainTargets,
    goals: [cpu(0.77, 'ferrogate-threads-plain')],
  },
  few: {
    title: 'plain forward, 4 connections, 100 B',
    drive: 'closed',
    options: { connections: 4 },
    targets: plainTargets,
    goals: [cpu(0.8, 'ferrogate-threads-plain')],
  },
  many: {
    title: `every policy on, ${MANY} keep-alive connections, 100 B`,
    drive: 'closed',
    options: { connections: MANY },
    isSolo: true,
    longer: 2,
    targets: [
      'nginx-proxy',
      'ferrogate-threads-policies',
      'ferrogate-threads-plain',
      'haproxy-plain',
      ...policedRivals,
    ],
    goals: [
      cpu(0.75, 'ferrogate-threads-policies'),
      atMost(25, 'ferrogate-threads-policies', 'aboveIdleMiB'),
      // The growth from 64 connections: the same figure of another row.
      {
        kind: 'growth',
        max: 1.45,
        target: 'ferrogate-threads-policies',
        figure: 'cpuMicros',
        from: 'policies',
      },
    ],
  },
  open: {
    title: `every policy on, ${OPEN} connections, 24,800 requests a second offered in an open loop`,
    drive: 'open',
    options: { connections: OPEN, rate: 24_800 },
    isSolo: true,
    longer: 2,
    targets: ['nginx-proxy', 'ferrogate-threads-policies', ...policedRivals],
    goals: [atMost(42, 'ferrogate-threads-policies', 'p99Ms'), noFault('ferrogate-threads-policies')],
  },
  idle: {
    title: `memory of an idle plaintext connection, ${Math.min(5_000, MANY >> 1)} and ${MANY} of them`,
    drive: 'idle',
    options: { counts: [Math.min(5_000, MANY >> 1), MANY] },
    isSolo: true,
    targets: ['nginx-proxy', 'ferrogate-threads-plain', 'ferrogate-loop-plain', 'haproxy-plain', 'node-http'],
    goals: [atMost(1, 'ferrogate-threads-plain', 'kibEach')],
  },
  handler: {
    title: 'JavaScript handler, 64 connections',
    drive: 'closed',
    options: { connections: 64 },
    targets: [
      'uws-hello',
      'ferrogate-loop-handler',
      'ferrogate-threads-handler',
      'ferrogate-uws-handler',
      'node-http',
    ],
    goals: [
      cpu(1.1, 'ferrogate-loop-handler', 'uws-hello'),
      cpu(1.05, 'ferrogate-threads-handler', 'uws-hello'),
    ],
  },
  'handler-few': {
    title: 'JavaScript handler, 8 connections',
    drive: 'closed',
    options: { connections: 8 },
    targets: ['uws-hello', 'ferrogate-loop-handler', 'ferrogate-threads-handler', 'ferrogate-uws-handler'],
    goals: [cpu(1.1, 'ferrogate-loop-handler', 'uws-hello')],
  },
  blocked: {
    title: 'event loop blocked 50 ms of every 200, 64 connections, closed loop',
    drive: 'closed',
    options: { connections: 64 },
    targets: [
      'ferrogate-threads-plain',
      'ferrogate-threads-blocked',
      'ferrogate-loop-plain',
      'ferrogate-loop-blocked',
    ],
    goals: [atMost(3, 'ferrogate-threads-blocked', 'p99Ms', 'ferrogate-threads-plain')],
  },
  // In a closed loop on one core the computing event loop itself takes a quarter of what could be served.
  'blocked-open': {
    title:
      'event loop blocked 50 ms of every 200, 64 connections, 10,000 requests a second offered in an open loop',
    drive: 'open',
    options: { connections: 64, rate: 10_000 },
    targets: [
      'ferrogate-threads-plain',
      'ferrogate-threads-blocked',
      'ferrogate-loop-plain',
      'ferrogate-loop-blocked',
    ],
    goals: [
      atMost(3, 'ferrogate-threads-blocked', 'p99Ms', 'ferrogate-threads-plain'),
      atLeast(0.99, 'ferrogate-threads-blocked', 'rps', 'ferrogate-threads-plain'),
      noFault('ferrogate-threads-blocked'),
    ],
  },
};
