const JSON_TYPE = /^(application|text)\/([a-z0-9!#$&^_.+-]+\+)?json\s*(;|$)/i;
const TEXT_TYPE = /^(text\/|[^;]+[/+]xml\s*(;|$)|[^;]+;.*charset=)/i;

/** Whether data of this media type is written as JSON. */
export const isJsonType = (contentType: string): boolean => JSON_TYPE.test(contentType);

/** Whether data of this media type, which is not JSON, is given to a reader as text instead of bytes. */
export const isTextType = (contentType: string): boolean => TEXT_TYPE.test(contentType);
