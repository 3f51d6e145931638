import type { Target } from '../target';
import { commandLine } from './command-line';
import { item } from './item';
import { kafkajs } from './kafkajs';
import { lambda } from './lambda';
import { messages } from './messages';
import { receipt } from './receipt';
import { schema } from './schema';
import { signal } from './signal';
import { stream } from './stream';
import { token } from './token';

export const TARGETS: readonly Target[] = [
  item,
  signal,
  receipt,
  token,
  schema,
  stream,
  messages,
  kafkajs,
  lambda,
  commandLine,
];
