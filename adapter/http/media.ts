const JSON_TYPE = /^application\/(?:fhir\+json|json|json\+fhir|[a-z0-9.-]+\+json)$/i;

/** Whether a `Content-Type` is JSON in UTF-8; a missing one is taken as that. */
export function isJson(contentType: string | undefined): boolean {
  if (contentType === undefined || contentType === '') return true;
  const [type, ...parameters] = contentType.split(';').map((part) => part.trim());
  if (type === undefined || !JSON_TYPE.test(type)) return false;
  const charset = parameters.find((parameter) => /^charset=/i.test(parameter))?.slice('charset='.length);
  return charset === undefined || /^"?utf-?8"?$/i.test(charset);
}
