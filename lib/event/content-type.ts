const JSON_TYPE = /^(application|text)\/([a-z0-9!#$&^_.+-]+\+)?json\s*(;|$)/i;

/** Whether data of this media type is JSON text. */
export const isJsonType = (contentType: string): boolean => JSON_TYPE.test(contentType);
