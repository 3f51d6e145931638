/** Values that the pages for a CDK app use without declaring them. */
import type { Stack } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { Role } from 'aws-cdk-lib/aws-iam';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import type { Outbox, OutboxTopics } from '../../../../lib/cdk';

export { events as orderEvents } from './service';
export declare const stack: Stack;
export declare const topics: OutboxTopics;
export declare const outbox: Outbox;
export declare const shipments: Table;
export declare const orderService: Function;
export declare const billing: Role;
export declare const onCallRole: Role;
