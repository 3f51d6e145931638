import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { LocalStackError } from './errors';
import { parseFilter } from './event-source-mapping/filter';
import type { MappingSettings } from './event-source-mapping/settings';

const MAPPING_TYPE = 'AWS::Lambda::EventSourceMapping';

type Properties = Readonly<Record<string, unknown>>;

interface Resource {
  readonly Type: string;
  readonly Properties?: Properties;
}

interface Template {
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Parameters?: Readonly<Record<string, { readonly Default?: unknown }>>;
}

/** A resource of the template with its logical id. */
export interface TemplateResource {
  readonly logicalId: string;
  readonly properties: Properties;
}

/** A function's settings in the template. */
export interface FunctionSettings {
  readonly logicalId: string;
  /** `<module>.<export>`. */
  readonly handler: string;
  /** `nodejs24.x`. */
  readonly runtime: string;
  readonly timeoutSeconds: number;
  readonly memoryMb: number;
  /** Folder of the code that a deployment would upload. */
  readonly codeFolder: string;
  /** The function's variables, with `tableName` in place of each reference to the table. */
  readonly environment: (tableName: string, region: string) => Readonly<Record<string, string>>;
}

/** A function that runs on a schedule. */
export interface ScheduledFunction extends FunctionSettings {
  readonly everyMs: number;
}

/** The parts of the template that run locally. */
export interface OutboxTemplate {
  readonly path: string;
  readonly table: TemplateResource;
  /** The function that the event source mapping invokes. */
  readonly relay: FunctionSettings;
  readonly sweeper: ScheduledFunction;
  readonly mapping: MappingSettings;
  readonly mappingLogicalId: string;
}

/** CloudFormation's and Lambda's own defaults, for properties that a template omits. */
const LAMBDA_DEFAULTS = { timeoutSeconds: 3, memoryMb: 128, batchSize: 100 } as const;

/**
 * Reads table, functions and event source mapping from a synthesized template.
 *
 * @param path of `<Stack>.template.json`; `<Stack>.assets.json` next to it names the folders of the code.
 * @throws LocalStackError `unsupported-template` or `unsupported-filter`, naming the resource.
 */
export function readTemplate(path: string): OutboxTemplate {
  const template = JSON.parse(readFileSync(path, 'utf8')) as Template;
  const mapping = theOne(template, MAPPING_TYPE, path);
  const functionId = referenceOf(mapping.properties['FunctionName']);
  const lambda = template.Resources[functionId ?? ''];
  if (functionId === undefined || lambda?.Type !== 'AWS::Lambda::Function') {
    return refuse(path, `the mapping ${mapping.logicalId} does not name a function of this template`);
  }
  return {
    path,
    table: theOne(template, 'AWS::DynamoDB::GlobalTable', path),
    relay: readFunction(template, functionId, lambda.Properties ?? {}, path),
    sweeper: readSweeper(template, path),
    mapping: readMapping(mapping, path),
    mappingLogicalId: mapping.logicalId,
  };
}

function readFunction(template: Template, logicalId: string, properties: Properties, path: string): FunctionSettings {
  const variables = (properties['Environment'] as { readonly Variables?: Properties } | undefined)?.Variables ?? {};
  const { Handler: handler, Runtime: runtime } = properties;
  if (typeof handler !== 'string' || typeof runtime !== 'string' || !runtime.startsWith('nodejs')) {
    return refuse(path, `the function ${logicalId} needs a Handler and a Runtime of Node.js`);
  }
  const environment = (tableName: string, region: string): Record<string, string> =>
    Object.fromEntries(
      Object.entries(variables)
        // No local service describes a mapping.
        .filter(([, value]) => template.Resources[referenceOf(value) ?? '']?.Type !== MAPPING_TYPE)
        .map(([name, value]) => [
          name,
          evaluate(value, { template, path, tableName, region, where: `${logicalId}, variable ${name}` }),
        ]),
    );
  return {
    logicalId,
    handler,
    runtime,
    timeoutSeconds: integer(properties['Timeout'], LAMBDA_DEFAULTS.timeoutSeconds),
    memoryMb: integer(properties['MemorySize'], LAMBDA_DEFAULTS.memoryMb),
    codeFolder: codeFolder(properties['Code'], logicalId, path),
    environment,
  };
}

interface RuleTarget {
  readonly Arn?: unknown;
  readonly Input?: unknown;
}

/** The sweeper is the target of the one rule that invokes it without an input of its own. */
function readSweeper(template: Template, path: string): ScheduledFunction {
  const targetsOf = (properties: Properties | undefined) => (properties?.['Targets'] ?? []) as readonly RuleTarget[];
  const rule = theOne(template, 'AWS::Events::Rule', path, (properties) =>
    targetsOf(properties).every(({ Input }) => Input === undefined),
  );
  const [target] = targetsOf(rule.properties);
  const functionId = referenceOf(target?.Arn);
  const lambda = template.Resources[functionId ?? ''];
  if (functionId === undefined || lambda?.Type !== 'AWS::Lambda::Function') {
    return refuse(path, `the rule ${rule.logicalId} does not name a function of this template`);
  }
  const everyMs = rateMs(rule.properties['ScheduleExpression']);
  if (everyMs === undefined) return refuse(path, `the rule ${rule.logicalId} needs a ScheduleExpression "rate(…)"`);
  return { ...readFunction(template, functionId, lambda.Properties ?? {}, path), everyMs };
}

const UNITS_MS = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

function rateMs(expression: unknown): number | undefined {
  const [, count, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(String(expression)) ?? [];
  return count === undefined ? undefined : Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS];
}

function readMapping({ logicalId, properties }: TemplateResource, path: string): MappingSettings {
  const factor = integer(properties['ParallelizationFactor'], 1);
  if (factor !== 1)
    return refuse(path, `${logicalId} has ParallelizationFactor ${factor}; only 1 is supported locally`);
  const startingPosition = properties['StartingPosition'];
  if (startingPosition !== 'TRIM_HORIZON' && startingPosition !== 'LATEST') {
    return refuse(
      path,
      `${logicalId} has StartingPosition ${String(startingPosition)}; it must be TRIM_HORIZON or LATEST`,
    );
  }
  const criteria = properties['FilterCriteria'] as
    { readonly Filters?: readonly { readonly Pattern: string }[] } | undefined;
  const responseTypes = (properties['FunctionResponseTypes'] ?? []) as readonly string[];
  return {
    batchSize: integer(properties['BatchSize'], LAMBDA_DEFAULTS.batchSize),
    maximumBatchingWindowSeconds: integer(properties['MaximumBatchingWindowInSeconds'], 0),
    bisectBatchOnFunctionError: properties['BisectBatchOnFunctionError'] === true,
    maximumRetryAttempts: integer(properties['MaximumRetryAttempts'], -1),
    maximumRecordAgeSeconds: integer(properties['MaximumRecordAgeInSeconds'], -1),
    reportBatchItemFailures: responseTypes.includes('ReportBatchItemFailures'),
    startingPosition,
    filters: (criteria?.Filters ?? []).map(({ Pattern }) => parseFilter(Pattern)),
  };
}

/** The CDK names a file asset by its hash in the template and by its folder in the asset manifest. */
function codeFolder(code: unknown, logicalId: string, path: string): string {
  const key = (code as { readonly S3Key?: unknown } | undefined)?.S3Key;
  const manifestPath = path.replace(/\.template\.json$/, '.assets.json');
  if (typeof key !== 'string' || !existsSync(manifestPath)) {
    return refuse(
      path,
      `the code of ${logicalId} must be an asset, listed in ${basename(manifestPath)} next to the template`,
    );
  }
  const { files } = JSON.parse(readFileSync(manifestPath, 'utf8')) as {
    readonly files: Readonly<Record<string, { readonly source: { readonly path: string } }>>;
  };
  const asset = files[basename(key, '.zip')];
  return asset === undefined
    ? refuse(path, `${basename(manifestPath)} does not list the asset ${key} of ${logicalId}`)
    : resolve(dirname(manifestPath), join(asset.source.path));
}

interface Known {
  readonly template: Template;
  readonly path: string;
  readonly tableName: string;
  readonly region: string;
  readonly where: string;
}

/** The value that CloudFormation would put in place of an intrinsic function. */
function evaluate(value: unknown, known: Known): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  const [[name, argument] = []] = Object.entries(value ?? {}) as [string, unknown][];
  if (name === 'Ref' && typeof argument === 'string') {
    if (argument === 'AWS::Region') return known.region;
    if (argument === 'AWS::Partition') return 'aws';
    if (argument === 'AWS::AccountId') return LOCAL_ACCOUNT;
    if (known.template.Resources[argument]?.Type === 'AWS::DynamoDB::GlobalTable') return known.tableName;
    const parameter = known.template.Parameters?.[argument]?.Default;
    if (parameter !== undefined) return evaluate(parameter, known);
  }
  if (name === 'Fn::Join' && Array.isArray(argument)) {
    const [separator, parts] = argument as [string, unknown[]];
    return parts.map((part) => evaluate(part, known)).join(separator);
  }
  return refuse(known.path, `${known.where} is ${JSON.stringify(value)}, which has no value without an account`);
}

/** The account id of the local stack, which has no account. */
export const LOCAL_ACCOUNT = '000000000000';

function theOne(
  template: Template,
  type: string,
  path: string,
  isMeant: (properties: Properties | undefined) => boolean = () => true,
): TemplateResource {
  const found = Object.entries(template.Resources).filter(
    ([, resource]) => resource.Type === type && isMeant(resource.Properties),
  );
  const [[logicalId, resource] = []] = found;
  return found.length !== 1 || logicalId === undefined || resource === undefined
    ? refuse(path, `it has ${found.length} resources of type ${type}; exactly one can be run`)
    : { logicalId, properties: resource.Properties ?? {} };
}

/** The logical id in `{ Ref }` or `{ Fn::GetAtt: [id, …] }`. */
function referenceOf(value: unknown): string | undefined {
  const { Ref: ref, 'Fn::GetAtt': attribute } = (value ?? {}) as {
    readonly Ref?: string;
    'Fn::GetAtt'?: readonly string[];
  };
  return ref ?? attribute?.[0];
}

/** CloudFormation accepts numbers as text too. */
const integer = (value: unknown, missing: number): number => (value === undefined ? missing : Number(value));

function refuse(path: string, why: string): never {
  throw new LocalStackError('unsupported-template', `The template ${path} cannot be run locally: ${why}.`);
}
