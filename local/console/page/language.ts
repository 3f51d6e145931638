// uPlot formats numbers in the browser's language when it is loaded. Chromium may take a tag from the environment that
// is invalid there, such as `en-US@posix`, and the page would stay empty.
try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en' });
}
