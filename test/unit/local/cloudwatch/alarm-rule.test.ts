import { parseAlarmRule } from '../../../../local/cloudwatch/alarm-rule';
import type { AlarmState } from '../../../../local/cloudwatch/alarm-state';

const STATES: Readonly<Record<string, AlarmState>> = { red: 'ALARM', green: 'OK', grey: 'INSUFFICIENT_DATA' };
const holds = (rule: string): boolean => parseAlarmRule(rule)((alarm) => STATES[alarm] ?? 'INSUFFICIENT_DATA');

it.each([
  ['ALARM("red")', true],
  ['ALARM(red)', true],
  ['ALARM("green")', false],
  ['OK("green") AND INSUFFICIENT_DATA("grey")', true],
  ['(ALARM("green") OR ALARM("red"))', true],
  ['ALARM("red") AND NOT ALARM("green")', true],
  ['ALARM("red") OR ALARM("green") AND ALARM("grey")', true],
  ['(ALARM("red") OR ALARM("green")) AND ALARM("grey")', false],
  ['NOT (TRUE AND FALSE)', true],
])('%s: %s', (rule, expected) => {
  expect(holds(rule)).toBe(expected);
});

it.each(['ALARM("red"', 'ALARM("red") AND', '(ALARM("red")', 'WARN("red")', 'ALARM("red") ALARM("green")'])(
  '%s is refused',
  (rule) => {
    expect(() => holds(rule)).toThrow('The alarm rule');
  },
);
