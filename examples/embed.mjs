// A service with its own routes behind the gateway: handlers, parameters, bodies, a stream, and one place for errors.
// Run it: node examples/embed.mjs
import { createGateway } from 'ferrogate';

const orders = new Map([['1', { id: '1', item: 'anvil' }]]);

const gateway = createGateway({
  records: false, // else a line of JSON for every request, on standard error
  // Everything is decided before a handler runs: an eleventh request of one client within a minute is 429.
  limits: { perClient: { rate: 10, per: '1m', key: 'client' } },
});

// What a handler returns is the answer: an object becomes JSON, a string text, undefined 204.
// `:id(\d+)` matches digits only; anything else is 404 without a line of JavaScript.
gateway.get('/orders/:id(\\d+)', { limits: ['perClient'] }, (request) => {
  const order = orders.get(request.params.id);
  if (order !== undefined) return order;
  request.status(404);
  return { message: 'no such order' };
});

// The body is read when it is asked for, and never past `listen.maxBodyBytes`.
gateway.post('/orders', async (request) => {
  const { item } = await request.body.json();
  const order = { id: String(orders.size + 1), item };
  orders.set(order.id, order);
  request.status(201).header('location', `/orders/${order.id}`);
  return order;
});

// An async generator is a stream: each piece goes out as the client takes it.
gateway.get('/countdown', async function* countdown() {
  for (const number of [3, 2, 1]) yield `${number}\n`;
});

const { url } = await gateway.listen({ host: '127.0.0.1', port: 0 });

const show = async (path, { method = 'GET', body } = {}) => {
  const response = await fetch(url + path, { method, body });
  const text = await response.text();
  console.log(method, path, response.status, response.ok ? text.trim().replaceAll('\n', ' ') : '');
};
await show('/orders/1');
await show('/orders/x');
await show('/orders', { method: 'POST', body: '{"item":"rocket"}' });
await show('/orders/2');
await show('/countdown');

await gateway.close();
