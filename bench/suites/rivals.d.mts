// Types of rivals.mjs.
export interface Found {
  index: number;
  params: Record<string, string>;
}
export interface Router {
  /** The pattern's index, -1 when none matches. */
  find(path: string): number;
  details(path: string): Found;
  close?(): void;
}
export interface Limiter {
  take(client: number): boolean | Promise<boolean>;
  close?(): void;
}
export interface Verifier {
  verify(input: string): boolean | Promise<boolean>;
  close?(): void;
}
export interface Keys {
  jwks: { keys: Record<string, unknown>[] };
  publicPem: string;
}
export interface Issuer extends Keys {
  token(subject?: string, changes?: Record<string, unknown>): Promise<string>;
  forged(token: string): string;
}

export const routers: readonly { name: string; make(patterns: readonly string[]): Router }[];
export const limiters: readonly {
  name: string;
  isAsync: boolean;
  make(quota: { count: number; seconds: number }): Limiter;
}[];
export const verifiers: readonly {
  name: string;
  /** Null: it has no cache. */
  caches: boolean | null;
  isAsync: boolean;
  checksClaims: boolean;
  prepare(token: string): string;
  make(keys: Keys): Verifier;
}[];
export const githubRoutes: readonly string[];
export const ISSUER: string;
export const AUDIENCE: string;
export function tableRoutes(count?: number): string[];
export function pathOf(pattern: string): string;
export function createIssuer(): Promise<Issuer>;
