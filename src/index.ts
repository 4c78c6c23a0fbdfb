// Everything that an application imports; re-exports only.
export { type CreatedApiKey, createApiKey, hashApiKey } from './apikey/create.ts';
export type {
  AccessActionConfig,
  AccessConditionConfig,
  AccessConfig,
  AccessRolesConfig,
  AccessRuleConfig,
  AccessScopesConfig,
  AccessTestConfig,
  AccessTieConfig,
  AdminConfig,
  ApiKeyConfig,
  ApiKeysConfig,
  ClaimConfig,
  CorsConfig,
  DenyListConfig,
  ErrorsConfig,
  FailureLimitConfig,
  GatewayConfig,
  IssuerConfig,
  JwtConfig,
  KeySetConfig,
  KeySetValue,
  LimitConfig,
  ListenConfig,
  MatchConfig,
  OverloadConfig,
  RecordsConfig,
  RequestHeadersConfig,
  RewriteConfig,
  RouteConfig,
  RoutePolicies,
  TargetConfig,
  UpstreamConfig,
  UpstreamTlsConfig,
  VaultAppRoleConfig,
  VaultAuthConfig,
  VaultConfig,
  VaultKubernetesConfig,
  VaultKvConfig,
  VaultTlsConfig,
  VaultTransitConfig,
} from './config/types.ts';
export type { DeniedTokens, DenyRequest, Moment } from './denylist/entry.ts';
export { type ConfigIssue, type ErrorCode, type ErrorSource, GatewayError } from './errors.ts';
export { createGateway } from './gateway.ts';
export type { RequestHeaders } from './handler/headers.ts';
export type { PathParams } from './handler/params.ts';
export type {
  CodeRoute,
  GroupPolicies,
  RegisterHandlers,
  Routes,
  VerbPolicies,
} from './handler/registrar.ts';
export type {
  ClientCertificate,
  Handler,
  HandlerContext,
  HandlerResult,
  RequestBody,
  StreamChunk,
} from './handler/types.ts';
export type { InjectOptions } from './listener/inject.ts';
export type { Logger } from './observe/logger.ts';
export type { MetricRegistry } from './observe/metrics.ts';
export type {
  Explanation,
  Gateway,
  GatewayEvents,
  LimitOverride,
  LimitOverrideInfo,
  Listening,
  ListenOverrides,
  Readiness,
  RouteInfo,
  RuntimeOptions,
} from './types.ts';
