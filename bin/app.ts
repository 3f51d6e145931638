import { App } from 'aws-cdk-lib';
import { outboxStacks } from '../lib/infra/app/outbox-app';

const app = new App({ analyticsReporting: false });
outboxStacks(app, app.node.getAllContext() as Record<string, unknown>);
