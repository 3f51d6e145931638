import type { Target } from '../target';
import { item } from './item';
import { messages } from './messages';
import { receipt } from './receipt';
import { schema } from './schema';
import { signal } from './signal';
import { stream } from './stream';

export const TARGETS: readonly Target[] = [item, signal, receipt, schema, stream, messages];
