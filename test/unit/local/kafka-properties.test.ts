import { logConfiguration, metaProperties, serverProperties } from '../../../local/kafka/properties';

const lines = (nodeId: number, controllerPorts: number[]): string[] =>
  serverProperties({ nodeId, port: 1000 + nodeId, controllerPorts, folder: '/data' }).split('\n');

describe('serverProperties', () => {
  it('lets a single node acknowledge alone', () => {
    expect(lines(1, [2001])).toEqual(
      expect.arrayContaining([
        'default.replication.factor=1',
        'min.insync.replicas=1',
        'auto.create.topics.enable=false',
      ]),
    );
  });

  it('keeps every record of three nodes on two before it is acknowledged', () => {
    expect(lines(2, [2001, 2002, 2003])).toEqual(
      expect.arrayContaining([
        'node.id=2',
        'controller.quorum.voters=1@127.0.0.1:2001,2@127.0.0.1:2002,3@127.0.0.1:2003',
        'listeners=PLAINTEXT://127.0.0.1:1002,CONTROLLER://127.0.0.1:2002',
        'default.replication.factor=3',
        'min.insync.replicas=2',
        'offsets.topic.replication.factor=3',
      ]),
    );
  });

  it('asks an authorizer when it is to be audited, and otherwise none', () => {
    const audited = serverProperties({
      nodeId: 1,
      port: 1001,
      controllerPorts: [2001],
      folder: '/data',
      audited: true,
    });
    expect(audited).toContain('authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n');
    expect(lines(1, [2001]).join('\n')).not.toContain('authorizer');
  });
});

describe('further listeners', () => {
  const given = serverProperties({
    ...{ nodeId: 1, port: 1001, controllerPorts: [2001], folder: '/data' },
    listeners: [
      { name: 'PROXIED', port: 3001, advertised: '127.0.0.1:4001' },
      { name: 'LOGIN', port: 3002, advertised: '127.0.0.1:3002', login: { keystore: '/keys', sessionMs: 9_000 } },
    ],
  }).split('\n');

  it('tell clients the addresses of their proxies', () => {
    expect(given).toEqual(
      expect.arrayContaining([
        'listeners=PLAINTEXT://127.0.0.1:1001,CONTROLLER://127.0.0.1:2001,PROXIED://127.0.0.1:3001,LOGIN://127.0.0.1:3002',
        'advertised.listeners=PLAINTEXT://127.0.0.1:1001,PROXIED://127.0.0.1:4001,LOGIN://127.0.0.1:3002',
        'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT,LOGIN:SASL_SSL',
      ]),
    );
  });

  it('demand a login and check permissions, without a log of them', () => {
    expect(given).toEqual(
      expect.arrayContaining([
        'listener.name.login.ssl.keystore.location=/keys',
        'listener.name.login.scram-sha-512.connections.max.reauth.ms=9000',
        'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      ]),
    );
    expect(logConfiguration({})).toContain('kafka.authorizer.logger, level: OFF');
    expect(logConfiguration({ audited: true })).toContain('kafka.authorizer.logger, level: TRACE');
  });
});

describe('metaProperties', () => {
  it('gives each node a directory id of its own that Kafka can read', () => {
    const ids = [1, 2, 3].map((nodeId) => /directory\.id=(.*)/.exec(metaProperties('cluster', nodeId))?.[1] ?? '');
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(Buffer.from(id, 'base64url')).toHaveLength(16);
  });
});
