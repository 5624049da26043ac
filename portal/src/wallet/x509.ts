/** The library for certificates: large, and loaded by who enrols alone. It does not load without the polyfill before it. */
export async function loadX509(): Promise<typeof import('@peculiar/x509')> {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}
