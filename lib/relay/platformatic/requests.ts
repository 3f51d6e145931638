import { initProducerIdV1, metadataV8, produceV8, ResponseError, Writer, type Connection } from '@platformatic/kafka';
import { encodeProduceRequest, type Compressor, type ProduceRequest } from '../publishing/produce-request';
import { BrokerRefusal } from './errors';
import { wait } from '../../timing/wait';

export type MetadataResponse = Awaited<ReturnType<typeof metadataV8.api.async>>;
export type ProduceResponse = ReturnType<typeof produceV8.parseResponse>;

export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
}

/** Without transactions, the broker ignores it. */
const TRANSACTION_TIMEOUT_MS = 60_000;

/** A broker without a producer id left asks the controller for more, and refuses with this code meanwhile. */
const COORDINATOR_LOAD_IN_PROGRESS = 14;
const PRODUCER_ID_ATTEMPTS = 10;
const PRODUCER_ID_PAUSE_MS = 100;

/**
 * Requests the identity of a new idempotent producer. Asks again for about a second while the broker has none.
 *
 * @throws BrokerRefusal if the broker returns an error code.
 */
export async function requestProducerId(connection: Connection): Promise<ProducerIdentity> {
  for (let attempt = 1; ; attempt++) {
    const { errorCode, producerId, producerEpoch } = await answered(
      initProducerIdV1.api.async(connection, null, TRANSACTION_TIMEOUT_MS),
    );
    if (errorCode === 0) return { producerId, producerEpoch };
    if (errorCode !== COORDINATOR_LOAD_IN_PROGRESS || attempt === PRODUCER_ID_ATTEMPTS) {
      throw new BrokerRefusal(errorCode);
    }
    await wait(PRODUCER_ID_PAUSE_MS);
  }
}

/** Requests the partitions of these topics, and creates none. The error codes are in the answer. */
export const requestMetadata = (connection: Connection, topics: readonly string[]): Promise<MetadataResponse> =>
  answered(metadataV8.api.async(connection, [...topics], false));

/**
 * Sends a produce request and returns the broker's answer, with the error code of each partition.
 *
 * The body is that of {@link encodeProduceRequest}: the client's own encoder takes two to three times the CPU, and
 * stores a value of a wrong type as an empty one.
 */
export const produce = (
  connection: Connection,
  request: ProduceRequest,
  compressor: Compressor | undefined,
): Promise<ProduceResponse> =>
  answered(
    new Promise<ProduceResponse>((resolve, reject) => {
      const { api, parseResponse } = produceV8;
      const body = async (): Promise<Writer> => Writer.create().append(await encodeProduceRequest(request, compressor));
      connection.send(api.key, api.version, body, parseResponse, false, false, (error, answer) => {
        // After a timeout, the client passes null as the answer.
        if (error !== null || answer === undefined) reject(error ?? new Error('The client returned no answer.'));
        else resolve(answer);
      });
    }),
  );

/** The client rejects with the first error code of an answer, and attaches the answer. */
async function answered<T>(exchange: Promise<T>): Promise<T> {
  try {
    return await exchange;
  } catch (error) {
    if (error instanceof ResponseError) return error['response'] as T;
    throw error;
  }
}
