import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient, UpdateItemCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { INCIDENTS, type Team } from '../../local/drills/incidents';
import { Shop } from '../../local/drills/shop';
import { OutboxCli, type Ended } from './harness/cli';
import { until } from './harness/world';
import { stepsOf, type Step } from './harness/answers';

const STARTUP_MS = 300_000;
const DRILL_MS = 600_000;
const answers = stepsOf(readFileSync(join(__dirname, '../../local/drills/answers.md'), 'utf8'));
const cli = new OutboxCli();
let shop: Shop;

beforeAll(async () => {
  shop = await Shop.open({ stackFile: cli.stackFile, pollIntervalMs: 100 });
  for (const id of ['1001', '1002', '1003']) await shop.write(id, 'order.placed');
  await shop.settled();
}, STARTUP_MS);

afterAll(async () => {
  await shop.close();
  cli.remove();
});

it('every drill has an answer', () => {
  expect([...answers.keys()]).toEqual(Object.keys(INCIDENTS).map(Number));
});

it.each(Object.entries(INCIDENTS))(
  'drill %s ends well by its answer, and the wrong way is refused or shows it',
  async (number, { begin, teams }) => {
    await begin(shop);
    for (const step of answers.get(Number(number)) ?? []) {
      if (step.kind === 'call') {
        const answer = await teams?.[step.team as Team]?.(shop);
        if (answer === undefined) throw new Error(`Team ${step.team} has nothing to report.`);
        continue;
      }
      // A state that a person finds at once may take a moment in the test.
      let seen: Ended | undefined;
      await until(`${step.line}, which ends with ${step.code}: ${JSON.stringify(step.says)}`, async () => {
        seen = await run(step);
        const text = `${seen.stdout}${seen.stderr}`.replaceAll(/\s+/g, ' ');
        return seen.code === step.code && step.says.every((part) => text.includes(part.replaceAll(/\s+/g, ' ')));
      }).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${seen?.code}\n${seen?.stdout}${seen?.stderr}`);
      });
    }
    await shop.settled();
    await until('a healthy status', async () => (await cli.run('status')).code === 0);
  },
  DRILL_MS,
);

/** Runs the outbox command line, or sends the guide's only AWS CLI command by the SDK. */
async function run({ program, words }: Extract<Step, { kind: 'command' }>): Promise<Ended> {
  if (program === 'outbox') return cli.run(...words);
  const option = (name: string): string => words[words.indexOf(`--${name}`) + 1] ?? '';
  const client = new DynamoDBClient(shop.stack.clientConfig);
  try {
    await client.send(
      new UpdateItemCommand({
        TableName: option('table-name').replace('TABLE', shop.stack.tableName),
        Key: JSON.parse(option('key')) as Record<string, AttributeValue>,
        UpdateExpression: option('update-expression'),
        ConditionExpression: option('condition-expression'),
        ExpressionAttributeValues: JSON.parse(option('expression-attribute-values')) as Record<string, AttributeValue>,
      }),
    );
    return { code: 0, stdout: '', stderr: '' };
  } catch (error) {
    return { code: 254, stdout: '', stderr: String(error) };
  } finally {
    client.destroy();
  }
}
