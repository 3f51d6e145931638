import { refusalOf } from '../../../../local/console/guard';

const PORT = 4567;
const TOKEN = 'the token of this run';
const own = { method: 'GET', host: `127.0.0.1:${PORT}`, origin: undefined, token: undefined };

it.each([
  ['a page that is opened', own],
  ['by the name localhost', { ...own, host: `localhost:${PORT}` }],
  ['a call of the page itself', { ...own, origin: `http://127.0.0.1:${PORT}` }],
  ['a change by the page', { ...own, method: 'POST', origin: `http://127.0.0.1:${PORT}`, token: TOKEN }],
])('answers %s', (_, request) => {
  expect(refusalOf(request, PORT, TOKEN)).toBeUndefined();
});

it.each([
  ['a name that was made to resolve to this machine', { ...own, host: 'evil.example' }, 'evil.example'],
  ['another port', { ...own, host: '127.0.0.1:80' }, '127.0.0.1:80'],
  ['no host', { ...own, host: undefined }, 'Host'],
  ['another origin', { ...own, origin: 'http://evil.example' }, 'http://evil.example'],
  ['another port of this machine as origin', { ...own, origin: 'http://127.0.0.1:80' }, 'http://127.0.0.1:80'],
  ['the origin of a file', { ...own, origin: 'null' }, '"null"'],
  ['a change without the token', { ...own, method: 'POST' }, 'reload the page'],
  ['a change with another token', { ...own, method: 'POST', token: 'the token of last run' }, 'reload the page'],
  ['a deletion without the token', { ...own, method: 'DELETE' }, 'reload the page'],
])('refuses %s, and names it', (_, request, named) => {
  expect(refusalOf(request, PORT, TOKEN)).toContain(named);
});
