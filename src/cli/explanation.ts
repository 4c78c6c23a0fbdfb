// How `explain` shows a decision: one line per step, then the verdict; it decides nothing.

/** One step of a decision. */
export interface ExplainedStep {
  /** `guard`, `route`, `limits`, `token`, `access`, `claim limits` or `clientCertificate`. */
  readonly step: string;
  readonly outcome: string;
  readonly detail: string;
}

/** What would be done with a request, and why. */
export interface Explanation {
  /** `forward`, `handler` or `refused`. */
  readonly verdict: string;
  /** The status of a refusal, else null. */
  readonly status: number | null;
  readonly route: string | null;
  readonly steps: readonly ExplainedStep[];
}

/** Text for people, ending in a newline. */
export function explanationText({ verdict, status, route, steps }: Explanation): string {
  const widths = [width(steps.map(({ step }) => step)), width(steps.map(({ outcome }) => outcome))] as const;
  const lines = steps.map(({ step, outcome, detail }) =>
    `${step.padEnd(widths[0])}  ${outcome.padEnd(widths[1])}  ${detail}`.trimEnd(),
  );
  const end = status === null ? verdict : `${verdict} with ${status}`;
  return `${[...lines, `=> ${end}${route === null ? '' : `, route ${route}`}`].join('\n')}\n`;
}

function width(cells: readonly string[]): number {
  return Math.max(0, ...cells.map((cell) => cell.length));
}
