import { checkConnections } from '../../../lib/infra/outbox/outbox-props';

describe('connections', () => {
  const iam = { authentication: 'iam', expectedShards: 100 };

  test('as many as the brokers let in at once are accepted', () => {
    expect(() => checkConnections(iam)).not.toThrow();
    expect(() => checkConnections({ ...iam, clusterKind: 'serverless' })).not.toThrow();
  });

  test('more new ones in a second than IAM allows are refused, with the way out', () => {
    expect(() => checkConnections({ ...iam, expectedShards: 101 })).toThrow(
      'Option "expectedShards" is 101; it must be at most 100 with authentication by IAM. Each broker takes 100 new connections a second, and after a deployment or an outage the relays of all shards connect at once. Use SCRAM, or larger brokers where they are t3.',
    );
  });

  test('more at the same time than a broker accepts are refused', () => {
    expect(() => checkConnections({ ...iam, expectedShards: 1_501 })).toThrow(
      /at most 1500 .* takes 3000 connections, and a relay has up to 2/,
    );
  });

  test('small brokers take fewer', () => {
    expect(() => checkConnections({ ...iam, instanceType: 'kafka.t3.small', expectedShards: 5 })).toThrow(
      /Each broker of type t3 takes 4 new connections a second/,
    );
  });

  test('other logins have no such limit', () => {
    expect(() => checkConnections({ authentication: 'scram', expectedShards: 2_000 })).not.toThrow();
  });

  test('fewer relays than shards are refused', () => {
    expect(() => checkConnections({ ...iam, relayConcurrency: 99 })).toThrow(/"relayConcurrency" is 99; .* \(100\)/);
    expect(() => checkConnections({ ...iam, relayConcurrency: 100 })).not.toThrow();
  });
});
