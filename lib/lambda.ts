export { consumerEnvironment, type ConsumerEnvironment } from './consume/lambda/environment';
