// Routers under one interface: a rival is made of patterns and finds the index of the pattern that matches.
import findMyWay from 'find-my-way';
import { RegExpRouter } from 'hono/router/reg-exp-router';
import { TrieRouter } from 'hono/router/trie-router';
import { addRoute, createRouter, findRoute } from 'rou3';
import { openGateway, PLAIN_BLOCK } from './gateway.mjs';

/** `{name, make(patterns) → {find(path) → index or -1, details(path) → {index, params}, close?}}`. */
export const routers = [
  { name: 'ferrogate (request + finish)', make: ferrogate },
  { name: 'find-my-way', make: findMyWayRouter },
  { name: 'hono RegExpRouter', make: (patterns) => hono(new RegExpRouter(), patterns) },
  { name: 'hono TrieRouter', make: (patterns) => hono(new TrieRouter(), patterns) },
  { name: 'rou3', make: rou3 },
];

function ferrogate(patterns) {
  const gateway = openGateway({ routes: patterns });
  const found = (index) => (index === -404 ? -1 : index);
  return {
    find: (path) => found(gateway.decide('GET', path, PLAIN_BLOCK)),
    details: (path) => {
      const { index, params } = gateway.decideWithParams('GET', path, PLAIN_BLOCK);
      return { index: found(index), params };
    },
    close: () => gateway.close(),
  };
}

function findMyWayRouter(patterns) {
  const router = findMyWay();
  patterns.forEach((pattern, index) => {
    router.on('GET', pattern, () => {}, { index });
  });
  return {
    find: (path) => router.find('GET', path)?.store.index ?? -1,
    details: (path) => {
      const { store = { index: -1 }, params = {} } = router.find('GET', path) ?? {};
      return { index: store.index, params: { ...params } };
    },
  };
}

function hono(router, patterns) {
  patterns.forEach((pattern, index) => {
    router.add('GET', pattern, index);
  });
  return {
    // More specific patterns are not put first by these routers: theirs is the first one registered.
    find: (path) => router.match('GET', path)[0][0]?.[0] ?? -1,
    details: (path) => {
      const [matches, values] = router.match('GET', path);
      if (matches.length === 0) return { index: -1, params: {} };
      const [index, names] = matches[0];
      const value = (found) => (typeof found === 'number' ? values[found] : found);
      return {
        index,
        params: Object.fromEntries(Object.entries(names).map(([name, at]) => [name, value(at)])),
      };
    },
  };
}

function rou3(patterns) {
  const router = createRouter();
  patterns.forEach((pattern, index) => {
    addRoute(router, 'GET', pattern, index);
  });
  return {
    find: (path) => findRoute(router, 'GET', path)?.data ?? -1,
    details: (path) => {
      const { data = -1, params = {} } = findRoute(router, 'GET', path) ?? {};
      return { index: data, params: { ...params } };
    },
  };
}
