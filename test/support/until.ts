// Waiting for something observable; it never waits for time to pass.

/** Resolves when `check` gives something truthy, asked every few milliseconds; fails after `timeoutMs` naming `what`. */
export async function until<Value>(
  what: string,
  check: () => Value | Promise<Value>,
  timeoutMs = 15_000,
): Promise<NonNullable<Value>> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (performance.now() > end) throw new Error(`waited ${timeoutMs} ms for this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}

/** A promise with its ends in the open. */
export interface Gate<Value = void> {
  readonly opened: Promise<Value>;
  open(value: Value): void;
}

export function gate<Value = void>(): Gate<Value> {
  let open!: (value: Value) => void;
  const opened = new Promise<Value>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
