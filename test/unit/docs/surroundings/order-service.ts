/** Values that the page of the example service uses without declaring them. */
import type { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import type { Outbox } from '../../../../lib';
import type { events } from '../../../../examples/order-service/events';
import type { OrderService } from '../../../../examples/order-service/order-service';
import type { Shipping } from '../../../../examples/order-service/shipping';

export declare const database: DynamoDBDocument;
export declare const outbox: Outbox<(typeof events)['definitions']>;
export declare const service: OrderService;
export declare const shipping: Shipping;
