const JSON_TYPE = /^(application|text)\/([a-z0-9!#$&^_.+-]+\+)?json\s*(;|$)/i;
const TEXT_TYPE = /^(text\/|[^;]+[/+]xml\s*(;|$)|[^;]+;.*charset=)/i;

/** Whether data of this media type is written as JSON. */
export const isJsonType = (contentType: string): boolean => JSON_TYPE.test(contentType);

/** Whether data of this media type, which is not JSON, is passed to a reader as text instead of bytes. */
export const isTextType = (contentType: string): boolean => TEXT_TYPE.test(contentType);

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The data of a message value, as a reader gets it: parsed JSON, text, or the bytes themselves.
 *
 * @throws TypeError for bytes that are not UTF-8 where text is expected, SyntaxError for text that is not JSON
 */
export function dataOfValue(value: Uint8Array | string, contentType: string): unknown {
  const isJson = isJsonType(contentType);
  if (!isJson && !isTextType(contentType)) return typeof value === 'string' ? Buffer.from(value) : value;
  const text = typeof value === 'string' ? value : UTF_8.decode(value);
  return isJson ? (JSON.parse(text) as unknown) : text;
}
