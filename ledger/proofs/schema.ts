import schema from './proof.schema.json' with { type: 'json' };

/** JSON Schema (2020-12) of a proof file. */
export const proofSchema: { readonly $id: string } = schema;
