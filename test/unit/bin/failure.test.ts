import { explain } from '../../../bin/cli/failure';

const denied = () => Object.assign(new Error('no dynamodb:Scan for you'), { name: 'AccessDeniedException' });

test('what AWS refuses is said with its name, and what to do', () => {
  expect(explain(denied())).toBe(
    'AccessDeniedException: no dynamodb:Scan for you\noutbox doctor lists the missing permissions.',
  );
  expect(explain(new Error('boom'))).toBe('Error: boom');
});

test('what refuses every part of a table is said once, with the same advice', () => {
  const error = new AggregateError([denied(), denied(), new Error('other')], 'A part of the table could not be read.');
  expect(explain(error)).toBe(
    [
      'AggregateError: A part of the table could not be read.',
      '  AccessDeniedException: no dynamodb:Scan for you',
      '  Error: other',
      'outbox doctor lists the missing permissions.',
    ].join('\n'),
  );
});
