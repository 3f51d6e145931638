import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import { mockClient } from 'aws-sdk-client-mock';
import { stateKey } from '../../../lib/event/control';
import { controlStore } from '../../../lib/relay/dynamodb/control';
import { anItem } from '../../builders/items';
import { aRelayOverTable, plentyOfTime } from '../../builders/relay-ports';

it('the first relay claims a table without an owner, by one write', async () => {
  const { handle, table, kafka } = aRelayOverTable({ outboxId: 'Shop/Outbox' });
  const claim = jest.spyOn(table, 'claim');

  await handle([table.put(anItem({ version: 1 }))], plentyOfTime);
  await handle([table.put(anItem({ version: 2 }))], plentyOfTime);

  expect(table.state.owner).toBe('Shop/Outbox');
  expect(claim).toHaveBeenCalledTimes(1);
  expect(kafka.log).toHaveLength(2);
});

it('a relay of another outbox publishes nothing, loses nothing, and reports how it becomes the owner', async () => {
  const { handle, table, kafka, telemetry } = aRelayOverTable({ outboxId: 'Green-Outbox' });
  table.state = { owner: 'Blue-Outbox', streamArn: 'a' };
  const record = { ...table.put(anItem()), eventSourceARN: 'b' };

  expect(await handle([record], plentyOfTime)).toBe(0);

  expect(kafka.publishes).toEqual([]);
  expect(table.state).toEqual({ owner: 'Blue-Outbox', streamArn: 'a' });
  const [failure] = telemetry.outage.mock.calls[0] ?? [];
  expect(failure?.message).toMatch(/belongs to the outbox "Blue-Outbox".*outbox take-over Green-Outbox/);

  table.state = { ...table.state, owner: 'Green-Outbox' };
  expect(await handle([record], plentyOfTime)).toBeUndefined();
  expect(kafka.log).toHaveLength(1);
});

it('a relay of another outbox reports that even if a record breaks its decoder', async () => {
  const { handle, table, telemetry } = aRelayOverTable({ outboxId: 'Green-Outbox' });
  table.state = { owner: 'Blue-Outbox' };
  const record = table.put(anItem());
  const { dynamodb: { NewImage: image } = {} } = record;
  const broken = {
    ...record,
    dynamodb: { ...record.dynamodb, NewImage: { ...image, events: { L: [null] } } as never },
  };

  expect(await handle([broken], plentyOfTime)).toBe(0);
  expect(telemetry.outage.mock.calls[0]?.[0].message).toContain('belongs to the outbox "Blue-Outbox"');
});

it('if two relays claim the table at once, one becomes the owner', async () => {
  const first = aRelayOverTable({ outboxId: 'A' });
  const { table } = first;
  const read = table.read.bind(table);
  // Both relays have read that the table has no owner.
  table.read = async () => {
    const known = await read();
    table.state = { ...table.state, owner: 'B' };
    return known;
  };

  expect(await first.handle([table.put(anItem())], plentyOfTime)).toBe(0);
  expect(first.kafka.publishes).toEqual([]);
});

it('a relay without an id, as in a test kit, does not check the owner', async () => {
  const { handle, table, kafka } = aRelayOverTable();
  table.state = { owner: 'Shop/Outbox' };

  expect(await handle([table.put(anItem())], plentyOfTime)).toBeUndefined();
  expect(kafka.log).toHaveLength(1);
});

describe('the claim', () => {
  const dynamodb = mockClient(DynamoDBClient);
  beforeEach(() => dynamodb.reset());
  const control = () => controlStore({ client: new DynamoDBClient({}), tableName: 'outbox' });

  it('is conditional on the table having no owner', async () => {
    dynamodb.on(UpdateItemCommand).resolves({});
    expect(await control().claim('A')).toBe('A');
    expect(dynamodb.commandCalls(UpdateItemCommand)[0]?.args[0].input).toMatchObject({
      UpdateExpression: 'SET #owner = :owner ADD revision :one',
      ConditionExpression: 'attribute_not_exists(#owner) OR #owner = :owner',
    });
  });

  it('returns the first owner', async () => {
    dynamodb.on(UpdateItemCommand).rejects(new ConditionalCheckFailedException({ $metadata: {}, message: 'no' }));
    dynamodb.on(QueryCommand).resolves({ Items: [marshall({ ...stateKey(undefined), revision: 1, owner: 'B' })] });
    expect(await control().claim('A')).toBe('B');
  });
});
