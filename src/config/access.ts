// Options of what a route demands of whoever asks: scopes, roles, an action, a tenant, and ordered rules; it decides nothing.
import { z } from 'zod';
import { conditionSection, planCondition } from './access-conditions.ts';
import { action, role } from './access-words.ts';
import { claimName, headerName, scope } from './names.ts';
import { conflict, expecting, flag, list, option, optional, section, withDefault } from './option.ts';
import type { PlanAccess, PlanRule, PlanTie } from './plan.ts';
import { items, record } from './unchecked.ts';

const maxRules = 64;

const scopesSection = section(
  {
    name: 'AccessScopesConfig',
    text: 'Scopes that the token must carry, beside those of `jwt`; else 403 `insufficient_scope`.',
  },
  {
    allOf: option(withDefault(list(scope(), 'scopes'), []), 'Each of them.'),
    anyOf: option(withDefault(list(scope(), 'scopes'), []), 'One of them, where there are any.'),
  },
).superRefine(demandsWords);

const rolesSection = section(
  { name: 'AccessRolesConfig', text: 'Roles that the token must carry; else 403 `insufficient_role`.' },
  {
    allOf: option(withDefault(list(role(), 'roles'), []), 'Each of them.'),
    anyOf: option(withDefault(list(role(), 'roles'), []), 'One of them, where there are any.'),
    claim: option(
      withDefault(claimName(), 'roles'),
      'The claim with the roles, here and in `rules`: a list of strings, or one string as a list of one.',
    ),
  },
);

const actionSection = section(
  { name: 'AccessActionConfig', text: 'The action of the route, and the claim that allows it.' },
  {
    name: option(
      optional(action(), 'none: `claim` is for the `rules`'),
      'The action: `verb:resource:{param}`, with parameters of the path in braces.',
    ),
    claim: option(
      withDefault(claimName(), 'allowed_actions'),
      'The claim with the patterns, here and in `rules`: a list of strings, or one string as a list of one.',
    ),
  },
);

const paramName = expecting(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/), 'the name of a parameter');

const tieSection = section(
  { name: 'AccessTieConfig', text: 'A part of the request that a claim must name.' },
  {
    param: option(optional(paramName, 'none'), 'The parameter of the path with the value.'),
    header: option(
      optional(headerName(), 'none'),
      'The header with the value; it must be there once. Give this or `param`.',
    ),
    claim: option(
      optional(claimName(), '`tenant_id`, and `project_scope` for `projectScope`'),
      'The claim that must be the value, or a list with it.',
    ),
  },
).superRefine(({ param, header }, context) => {
  if ((param === undefined) === (header === undefined))
    context.addIssue(conflict([], 'either "param" or "header"', param ?? header));
});

const tie = expecting(
  z.union([
    expecting(z.string().regex(/^\{[A-Za-z_][A-Za-z0-9_]{0,127}\}$/), 'a parameter such as "{tenant}"'),
    tieSection,
  ]),
  'a parameter such as "{tenant}", or an object {"param" or "header", "claim"}',
);

const condition = expecting(
  z.union([z.literal('all'), conditionSection]),
  'a condition such as {"role": "admin"}, or "all"',
);

const ruleSection = section(
  { name: 'AccessRuleConfig', text: 'One rule: whom it allows, or whom it denies.' },
  {
    allow: option(optional(condition, 'none'), 'Lets the request in where it holds; `"all"` holds always.'),
    deny: option(optional(condition, 'none'), 'Refuses the request where it holds.'),
  },
).superRefine(({ allow, deny }, context) => {
  if ((allow === undefined) === (deny === undefined))
    context.addIssue(conflict([], 'either "allow" or "deny"', allow ?? deny));
});

export const accessSection = section(
  {
    name: 'AccessConfig',
    text: 'What a token may do on the route. Every part that is given must hold; what each refuses is 403.',
  },
  {
    scopes: option(optional(scopesSection, 'none'), 'Scopes, all or one of several.'),
    roles: option(optional(rolesSection, 'none'), 'Roles, all or one of several.'),
    action: option(
      optional(
        expecting(
          z.union([action(), actionSection]),
          'an action such as "update:doc:{id}", or an object {"name", "claim"}',
        ),
        'none',
      ),
      'The action that the token must allow by a pattern such as `update:doc:*`; else 403 `action_refused`.',
    ),
    tenant: option(
      optional(tie, 'none'),
      'What of the request the claim `tenant_id` must name; else 403 `tenant_refused`.',
    ),
    projectScope: option(
      optional(tie, 'none'),
      'What of the request the claim `project_scope` must name; else 403 `project_refused`.',
    ),
    rules: option(
      optional(
        expecting(z.array(ruleSection).min(1).max(maxRules), `a list of 1 to ${maxRules} rules`),
        'none',
      ),
      'The first rule that holds decides; without one the request is refused, 403 `access_denied`.',
    ),
    shadow: option(
      withDefault(flag(), false),
      'Whether refusals are counted (`ferrogate_shadow_refusals_total`) and not made.',
    ),
  },
).superRefine(({ scopes, roles, action: named, tenant, projectScope, rules }, context) => {
  if (context.issues.length > 0) return;
  if ([scopes, roles, named, tenant, projectScope, rules].every((part) => part === undefined))
    context.addIssue(conflict([], 'one of scopes, roles, action, tenant, projectScope, rules', {}));
  if (rules !== undefined) return;
  if (roles !== undefined && roles.allOf.length + roles.anyOf.length === 0)
    context.addIssue(conflict(['roles'], '"allOf", "anyOf", or "rules" that ask for roles', roles));
  if (typeof named === 'object' && named.name === undefined)
    context.addIssue(conflict(['action', 'name'], 'an action, or "rules" that ask for some', undefined));
});

export const accessOption = expecting(z.union([accessSection, z.literal(false)]), 'an object or false');

function demandsWords(
  { allOf, anyOf }: { allOf: string[]; anyOf: string[] },
  context: z.RefinementCtx,
): void {
  if (allOf.length + anyOf.length === 0) context.addIssue(conflict([], '"allOf" or "anyOf"', {}));
}

/** The policy as the data plane wants it; null when the route has none. */
export function planAccess(access: z.output<typeof accessOption> | undefined): PlanAccess | null {
  if (access === undefined || access === false) return null;
  const { scopes, roles, action: named, tenant, projectScope, rules, shadow } = access;
  const words = { allOf: [], anyOf: [] };
  return {
    scopes: scopes ?? words,
    roles: roles === undefined ? words : { allOf: roles.allOf, anyOf: roles.anyOf },
    rolesClaim: roles?.claim ?? 'roles',
    action: typeof named === 'string' ? named : (named?.name ?? null),
    actionsClaim: typeof named === 'object' ? named.claim : 'allowed_actions',
    tenant: planTie(tenant, 'tenant_id'),
    projectScope: planTie(projectScope, 'project_scope'),
    rules: rules?.map(planRule) ?? null,
    shadow,
  };
}

function planTie(written: z.output<typeof tie> | undefined, claim: string): PlanTie | null {
  if (written === undefined) return null;
  if (typeof written === 'string') return { from: 'param', name: written.slice(1, -1), claim };
  const { param, header = '' } = written;
  const from =
    param === undefined
      ? ({ from: 'header', name: header.toLowerCase() } as const)
      : ({ from: 'param', name: param } as const);
  return { ...from, claim: written.claim ?? claim };
}

function planRule({ allow, deny }: z.output<typeof ruleSection>): PlanRule {
  const written = allow ?? deny ?? 'all';
  return {
    effect: allow === undefined ? 'deny' : 'allow',
    condition: written === 'all' ? { kind: 'all', of: [] } : planCondition(written),
  };
}

/** Whether unchecked `access` asks for something that only a token has. */
export function asksForToken(access: unknown): boolean {
  const { rules, ...parts } = record(access);
  const ofTokens = ['scopes', 'roles', 'action', 'tenant', 'projectScope'];
  if (ofTokens.some((name) => parts[name] !== undefined)) return true;
  return items(rules).some((rule) => Object.values(record(rule)).some(conditionAsks));
}

function conditionAsks(written: unknown): boolean {
  const { all, any, not, ...tests } = record(written);
  if (['role', 'scope', 'action', 'claims'].some((name) => tests[name] !== undefined)) return true;
  return [all, any, not].flatMap(items).some(conditionAsks);
}
