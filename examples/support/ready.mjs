// Waits until a gateway may be sent traffic: it listens, every issuer has keys, every upstream an address. `/readyz` says the same.
import { setTimeout } from 'node:timers/promises';

export async function untilReady(gateway) {
  while (!gateway.ready().ready) await setTimeout(5);
}
