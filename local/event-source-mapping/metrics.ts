/** Lambda's `EventCount` metrics under their own names, and `IteratorAge`. */
export interface MappingMetrics {
  PolledEventCount: number;
  FilteredOutEventCount: number;
  InvokedEventCount: number;
  FailedInvokeEventCount: number;
  DroppedEventCount: number;
  /** Records that `trim()` skipped. Lambda has no such metric, because it never sees a trimmed record. */
  TrimmedEventCount: number;
  /** Milliseconds: the age of the last record of the latest batch when its invocation ended. */
  IteratorAge: number;
  /** The highest `IteratorAge` so far. */
  IteratorAgeMaximum: number;
}

export const noMetrics = (): MappingMetrics => ({
  PolledEventCount: 0,
  FilteredOutEventCount: 0,
  InvokedEventCount: 0,
  FailedInvokeEventCount: 0,
  DroppedEventCount: 0,
  TrimmedEventCount: 0,
  IteratorAge: 0,
  IteratorAgeMaximum: 0,
});
