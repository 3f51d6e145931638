/** Hides the warning about timers with a negative delay, which kafkajs causes. Other warnings go to stderr. */
export function silenceTimerWarning(): void {
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name !== 'TimeoutNegativeWarning') console.error(warning);
  });
}
