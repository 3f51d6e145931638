import { missingTools } from '../../local/kafka/tools';

/** Says once what is missing, instead of in every test. */
export default function checkTools(): void {
  const missing = missingTools();
  if (missing.length === 0) return;
  throw new Error(
    [
      'The local tests run Apache Kafka and DynamoDB Local, and something that they need is missing:',
      ...missing.map(({ problem, howToGet }) => `- ${problem}. Install ${howToGet}.`),
      '"npm run test:unit" runs the tests that need no servers.',
    ].join('\n'),
  );
}
