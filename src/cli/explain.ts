// `ferrogate explain METHOD URL`: what a gateway with this configuration would do with a request, step by step.
import { readConfig } from './config.ts';
import { type Environment, exitCodes } from './environment.ts';
import { type Explanation, explanationText } from './explanation.ts';
import { withGateway } from './offline.ts';

export interface ExplainOptions {
  readonly config?: string | undefined;
  readonly header?: readonly (readonly [name: string, value: string])[] | undefined;
  readonly json?: boolean | undefined;
}

/** Ends with 0 whatever the verdict is: the question was answered. */
export async function explain(
  method: string,
  url: string,
  options: ExplainOptions,
  environment: Environment,
): Promise<number> {
  const config = await readConfig(options.config, environment);
  const explanation = await withGateway(
    config,
    environment,
    (gateway) => gateway.explain(method, url, options.header ?? []) as Explanation,
  );
  environment.out(
    options.json === true ? `${JSON.stringify(explanation, null, 2)}\n` : explanationText(explanation),
  );
  return exitCodes.done;
}
