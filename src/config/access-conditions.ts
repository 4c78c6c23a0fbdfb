// Options of the condition of a rule: who asks, how and from where; one level of combination.
import { z } from 'zod';
import { action, role } from './access-words.ts';
import { network } from './addresses.ts';
import { claimsOption, planClaims } from './claims.ts';
import { method, scope } from './names.ts';
import { conflict, expecting, list, option, optional, section } from './option.ts';
import type { PlanCondition } from './plan.ts';

const maxTests = 16;

/** One word, or several of which one will do. */
function oneOf(element: () => z.ZodString, one: string, items: string) {
  return optional(
    expecting(z.union([element(), list(element(), items, 1)]), `${one}, or a list of ${items}`),
    'any',
  );
}

const tests = {
  role: option(oneOf(role, 'a role', 'roles'), 'A role that the token carries, or one of several.'),
  scope: option(oneOf(scope, 'a scope', 'scopes'), 'A scope that the token carries, or one of several.'),
  action: option(
    optional(action(), 'any'),
    'An action that the token allows, with parameters of the path in braces.',
  ),
  claims: option(optional(claimsOption, 'any'), 'Claims by name, each with what it must be.'),
  method: option(
    oneOf(method, 'a method', 'methods'),
    'The method of the request, or one of several; `GET` is `HEAD` too.',
  ),
  client: option(
    oneOf(network, 'an address or a network such as "10.0.0.0/8"', 'addresses and networks'),
    'Where the client is, as `listen.trustedProxies` have it.',
  ),
};

const testSection = section(
  { name: 'AccessTestConfig', text: 'What must hold of a request; of several names each.' },
  tests,
).superRefine(saysSomething);

const combined = (text: string) =>
  option(
    optional(
      expecting(z.array(testSection).min(1).max(maxTests), `a list of 1 to ${maxTests} conditions`),
      'none',
    ),
    text,
  );

export const conditionSection = section(
  {
    name: 'AccessConditionConfig',
    text: 'What must hold for a rule to decide; of several names each.',
    base: 'AccessTestConfig',
  },
  {
    ...tests,
    all: combined('Conditions of which each must hold.'),
    any: combined('Conditions of which one must hold.'),
    not: combined('Conditions of which none may hold.'),
  },
).superRefine(saysSomething);

function saysSomething(condition: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void {
  if (context.issues.length > 0) return;
  const said = Object.entries(condition).filter(([, value]) => value !== undefined);
  if (said.length === 0)
    context.addIssue(conflict([], 'at least one name, such as {"role": "admin"}', condition));
  const { claims } = condition;
  if (claims !== undefined && Object.keys(claims as object).length === 0)
    context.addIssue(conflict(['claims'], 'at least one claim', claims));
}

/** A single condition stands for itself, several for all of them. */
export function planCondition({
  all,
  any,
  not,
  ...written
}: z.output<typeof conditionSection>): PlanCondition {
  const of = planTests(written);
  if (all !== undefined) of.push(...all.map(planTest));
  if (any !== undefined) of.push({ kind: 'any', of: any.map(planTest) });
  if (not !== undefined) of.push({ kind: 'none', of: not.map(planTest) });
  return together(of);
}

function planTest(written: z.output<typeof testSection>): PlanCondition {
  return together(planTests(written));
}

function together(of: PlanCondition[]): PlanCondition {
  const [first] = of;
  return first !== undefined && of.length === 1 ? first : { kind: 'all', of };
}

function planTests({
  role: roles,
  scope: scopes,
  action: named,
  claims,
  method: methods,
  client,
}: z.output<typeof testSection>): PlanCondition[] {
  const of: PlanCondition[] = [];
  // What is known at once comes before what is read from the token.
  if (methods !== undefined) of.push({ kind: 'method', anyOf: [methods].flat() });
  if (client !== undefined) of.push({ kind: 'client', networks: [client].flat() });
  if (scopes !== undefined) of.push({ kind: 'scope', anyOf: [scopes].flat() });
  if (roles !== undefined) of.push({ kind: 'role', anyOf: [roles].flat() });
  if (named !== undefined) of.push({ kind: 'action', action: named });
  if (claims !== undefined) of.push({ kind: 'claims', claims: planClaims(claims) });
  return of;
}
