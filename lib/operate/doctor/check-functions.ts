import type { FunctionConfiguration } from '@aws-sdk/client-lambda';
import { OutboxError } from '../../event/errors';
import { decodeRelayConfig, OUTBOX_ID_VARIABLE, shortestFunctionTimeoutMs } from '../../relay/environment';
import { MIN_NODE_MAJOR } from '../../relay/mapping-settings';
import { decodeSweeperConfig } from '../../sweep/environment';
import type { Deployment, Reader, Rights } from './deployment';
import {
  BY_HAND,
  line,
  ok,
  unknown,
  warn,
  wrong,
  both,
  existing,
  known,
  map,
  then,
  type CheckResult,
  type DoctorLine,
  type Lookup,
} from './lookup';

export function relayLines({ state, tableName }: Deployment, relay: Lookup<Reader>): readonly DoctorLine[] {
  const lookup = then(relay, (reader) => reader.function);
  const found = then(relay, functionIn);
  const variables = then(found, variablesOf);
  const concurrency = then(relay, (reader) => reader.concurrency);
  const rights = then(relay, (reader) => reader.rights);
  return [
    line('relay', lookup, checkFunction),
    line('relay: runtime', found, checkRuntime),
    line('relay: configuration', variables, (own) => checkConfiguration(own, decodeRelayConfig, tableName)),
    line('relay: owner of the table', both(state, variables), ([{ owner }, own]) =>
      checkOwner(owner, own[OUTBOX_ID_VARIABLE]),
    ),
    line('relay: timeout', then(found, relayTiming), checkTimeout),
    line('relay: concurrency', concurrency, checkConcurrency),
    line('relay: permissions', rights, checkRights),
  ];
}

export function sweeperLines(deployment: Deployment): readonly DoctorLine[] {
  const { sweeper, sweeperConcurrency, sweeperRights, tableName } = deployment;
  const found = existing(sweeper, 'function');
  const variables = then(found, variablesOf);
  return [
    line('sweeper', sweeper, checkFunction),
    line('sweeper: runtime', found, checkRuntime),
    line('sweeper: configuration', variables, (own) => checkConfiguration(own, decodeSweeperConfig, tableName)),
    line('sweeper: concurrency', sweeperConcurrency, checkConcurrency),
    line('sweeper: permissions', sweeperRights, checkRights),
  ];
}

type Variables = Readonly<Record<string, string>>;

export function variablesOf({ Environment: environment }: FunctionConfiguration): Lookup<Variables> {
  const { Error: error, Variables: variables = {} } = environment ?? {};
  return error === undefined
    ? known(variables)
    : { because: `its variables cannot be read: ${error.Message ?? error.ErrorCode ?? 'no reason is given'}` };
}

function checkFunction(found: FunctionConfiguration | undefined): CheckResult {
  if (found === undefined) return wrong('there is no such function', 'Deploy the stack.');
  const { FunctionName: name = '', State: state = 'Active', LastUpdateStatus: update = 'Successful' } = found;
  const text = `${name}: ${state}, last update ${update}`;
  const reasons = [found.StateReason, found.LastUpdateStatusReason].filter((reason) => reason !== undefined);
  if (state === 'Failed' || update === 'Failed') {
    return wrong([text, ...reasons].join('. '), 'Fix what Lambda reports, then deploy the stack.');
  }
  return state === 'Active' && update === 'Successful'
    ? ok(text)
    : warn([text, ...reasons].join('. '), 'Run doctor again in some minutes.');
}

function checkRuntime({ Runtime }: FunctionConfiguration): CheckResult {
  // A container image has none.
  const runtime: string = Runtime ?? 'none';
  const major = /^nodejs(\d+)\.x$/.exec(runtime)?.[1];
  return Number(major) >= MIN_NODE_MAJOR
    ? ok(runtime)
    : wrong(runtime, `The function is bundled for Node.js ${MIN_NODE_MAJOR} and later. Deploy the stack. ${BY_HAND}`);
}

function checkConfiguration(
  variables: Variables,
  decode: (variables: Variables) => { readonly tableName: string },
  tableName: string,
): CheckResult {
  const remedy = `Set the function's variable as in the stack's template. ${BY_HAND}`;
  const config = decoded(variables, decode);
  if ('because' in config) return wrong(config.because, remedy);
  return config.value.tableName === tableName
    ? ok('complete, and of this table')
    : wrong(`of another table, ${config.value.tableName}`, remedy);
}

export const functionIn = (reader: Reader): Lookup<FunctionConfiguration> => existing(reader.function, 'function');

export const configOf = <T>(found: FunctionConfiguration, decode: (variables: Variables) => T): Lookup<T> =>
  then(variablesOf(found), (variables) => decoded(variables, decode));

function decoded<T>(variables: Variables, decode: (variables: Variables) => T): Lookup<T> {
  try {
    return known(decode(variables));
  } catch (error) {
    if (!(error instanceof OutboxError)) throw error;
    return { because: error.message };
  }
}

/** @param owner - the outbox that owns the table; @param outboxId - the outbox of this relay */
function checkOwner(owner: string | undefined, outboxId: string | undefined): CheckResult {
  if (outboxId === undefined) return ok('the relay names no outbox, so it publishes from a table of any owner');
  if (owner === undefined) return ok(`no owner yet: the relay of "${outboxId}" claims it with its first record`);
  return owner === outboxId
    ? ok(`"${owner}", the outbox of the relay`)
    : wrong(
        `"${owner}"; the relay belongs to "${outboxId}", so it publishes nothing`,
        `If "${outboxId}" replaces the other outbox, disable the event source mapping of the other relay, then run \`outbox take-over ${outboxId} --why "…" --yes\`. Otherwise delete this outbox, or give it a table of its own.`,
      );
}

/** Lambda's default, if no timeout is set. */
const DEFAULT_TIMEOUT_SECONDS = 3;

interface Timing {
  readonly timeoutSeconds: number;
  readonly shortestSeconds: number;
}

const relayTiming = (found: FunctionConfiguration): Lookup<Timing> =>
  map(configOf(found, decodeRelayConfig), (config) => ({
    timeoutSeconds: found.Timeout ?? DEFAULT_TIMEOUT_SECONDS,
    shortestSeconds: Math.ceil(shortestFunctionTimeoutMs(config) / 1000),
  }));

const checkTimeout = ({ timeoutSeconds, shortestSeconds }: Timing): CheckResult =>
  timeoutSeconds >= shortestSeconds
    ? ok(`${timeoutSeconds} s`)
    : wrong(
        `${timeoutSeconds} s: too short to begin a round`,
        `With its timeout of requests the relay needs ${shortestSeconds} s: set relayTimeout of the Outbox construct. ${BY_HAND}`,
      );

/** `undefined`: nothing is reserved, and the function uses the account's pool. */
function checkConcurrency(reserved: number | undefined): CheckResult {
  if (reserved === undefined) return ok('not reserved');
  return reserved > 0
    ? ok(`${reserved} reserved`)
    : wrong(
        '0 reserved: it is never invoked',
        `\`aws lambda delete-function-concurrency\` for it, or reserve as many as the table has shards. ${BY_HAND}`,
      );
}

function checkRights({ denied, undecided }: Rights): CheckResult {
  if (denied.length > 0) {
    return wrong(`its role may not ${denied.join(', ')}`, `Allow it on the table, or deploy the stack. ${BY_HAND}`);
  }
  return undecided.length === 0
    ? ok('its role may do all that it needs on the table')
    : unknown({ because: `conditions of its policies decide about ${undecided.join(', ')}` });
}
