/** What is used of the engine's WebAssembly, of which the types of Node tell nothing. */
interface WebAssemblyApi {
  readonly validate: (bytes: Uint8Array) => boolean;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: { readonly m: { readonly m: WebAssemblyMemory } },
  ) => { readonly exports: Readonly<Record<string, (...values: number[]) => number>> };
  readonly Memory: new (limits: { readonly initial: number }) => WebAssemblyMemory;
}

/** Linear memory. */
export interface WebAssemblyMemory {
  readonly buffer: ArrayBuffer;
}

/** The engine's WebAssembly; every engine that runs this has it. */
export const webAssembly = (globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }).WebAssembly;
