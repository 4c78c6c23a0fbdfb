// The cookie of a refresh token: how it is set, cleared and read. It is never readable by scripts and never sent across sites.

export interface RefreshCookie {
  /** `Set-Cookie` that keeps `token` for `seconds`. */
  set(token: string, seconds: number): string;
  /** `Set-Cookie` that takes it away. */
  clear(): string;
  /** The token in a `Cookie` header; null without one, or with several of the name. */
  read(header: string | null): string | null;
}

/**
 * A cookie of this name. `__Host-` makes browsers refuse it unless it is `Secure`, has the path `/` and no domain, so that no
 * other host of the site can set it.
 * @throws TypeError for a name that does not start so
 */
export function cookieNamed(name: string): RefreshCookie {
  if (!/^__Host-[A-Za-z0-9_-]{1,64}$/.test(name))
    throw new TypeError('cookie: expected a name such as "__Host-refresh"');
  const fields = 'Path=/; Secure; HttpOnly; SameSite=Strict';
  return {
    set: (token, seconds) => `${name}=${token}; Max-Age=${seconds}; ${fields}`,
    clear: () => `${name}=; Max-Age=0; ${fields}`,
    read: (header) => {
      const values = (header ?? '')
        .split(';')
        .map((pair) => pair.trim())
        .filter((pair) => pair.startsWith(`${name}=`))
        .map((pair) => pair.slice(name.length + 1));
      return values.length === 1 ? (values[0] ?? null) : null;
    },
  };
}
