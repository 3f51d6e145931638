import { once } from 'node:events';
import type { ChildBundles } from './bundles';
import { messageFrom, startChild } from './child-process';
import type { StubCounts, StubMessage } from './children/dynamodb-stub';

/** The stub of DynamoDB, in a process of its own. */
export interface DynamoDbStub {
  readonly endpoint: string;
  readonly pid: number;
  /** The counts of the requests since the last call. */
  takeCounts(): Promise<StubCounts>;
  stop(): Promise<void>;
}

export async function startDynamoDbStub(bundles: ChildBundles): Promise<DynamoDbStub> {
  const child = startChild(bundles.child('dynamodb-stub'), {});
  const first = (await messageFrom(child)) as StubMessage;
  if (first.kind !== 'listening') throw new Error('The stub of DynamoDB did not say where it listens.');
  return {
    pid: child.pid ?? 0,
    endpoint: `http://127.0.0.1:${first.port}`,
    async takeCounts() {
      child.send('counts');
      const answer = (await messageFrom(child)) as StubMessage;
      if (answer.kind !== 'counts') throw new Error('The stub of DynamoDB did not report its counts.');
      return answer;
    },
    async stop() {
      const ended = once(child, 'exit');
      child.kill();
      await ended;
    },
  };
}
