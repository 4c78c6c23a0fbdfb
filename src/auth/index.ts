// Everything that an application imports from `ferrogate/auth`; re-exports only.
export { createClientSecret, hashClientSecret, type OAuthClient, type OAuthClients } from './clients.ts';
export type { AuthEvent } from './events.ts';
export type { Grant, GrantRequest, IssueRequest, TokenResponse } from './grants.ts';
export type { IssuerKey, PublishedKey } from './key-ring.ts';
export type { KeyState } from './key-schedule.ts';
export { type MemoryStoreOptions, memoryStore } from './memory-store.ts';
export { OAuthError, type OAuthErrorName } from './oauth-error.ts';
export type { ClaimsRequest, ExtraClaims, RevokedTokens, TokenServiceOptions } from './options.ts';
export { type RedisStoreOptions, redisStore } from './redis-store.ts';
export { createTokenService, type TokenService } from './service.ts';
export type { RefreshRequest, Session } from './sessions.ts';
export {
  type DatedKey,
  type FunctionSignerOptions,
  functionSigner,
  keySigner,
  type PrivateKey,
  type Signer,
  type SignerKey,
} from './signer.ts';
export type { Rotation, RotationOutcome, StoredSession, TokenStore } from './store.ts';
export { type VaultTransitOptions, vaultTransitSigner } from './vault.ts';
