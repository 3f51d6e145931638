/** kafkajs schedules timers with a negative delay, which Node.js reports once; every other warning is shown. */
export function silenceTimerWarning(): void {
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name !== 'TimeoutNegativeWarning') console.error(warning);
  });
}
