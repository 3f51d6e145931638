import { App } from 'aws-cdk-lib';
import { outboxStacks } from './app/outbox-stacks';

const app = new App({ analyticsReporting: false });
outboxStacks(app, app.node.getAllContext() as Record<string, unknown>);
