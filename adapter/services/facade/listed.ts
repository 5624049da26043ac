/**
 * Resources of the custodian's directory before the gate. Nobody's data are in them but the custodian's own, so the
 * custodian speaks for both layers: whom it permits to read its patients' records for a purpose, it permits to read its
 * directory for that purpose, and nobody else.
 */
import { decide, EVERY_SUBJECT } from '../../../ledger/consent/index.js';
import type { Permitted, Policy } from '../../../ledger/consent/index.js';
import { isFhirId, parseJson, RESOURCE_TYPES_SYSTEM, rewriteResource } from '../../../mappings/index.js';
import type { JsonObject } from '../../../mappings/index.js';
import type { DirectoryResource } from '../../instance/directory.js';
import type { Caller } from '../tokens/index.js';
import type { Attempt, Conditions, VersionTag } from './answer.js';
import type { BundleEntry } from './bundles.js';
import type { FacadeContext } from './context.js';
import { mayPermit, referencesAt } from './patient-gate.js';
import type { ReferenceSink } from './serving.js';
import { nameAt, unchangedOrFailed } from './serving.js';

/** A resource of the directory that the caller may see. */
export interface ListedResource extends DirectoryResource {
  readonly bytes: Buffer;
  readonly permit: Permitted;
}

/** One source's directory, for one caller. */
export class DirectoryGate {
  readonly #context: FacadeContext;
  readonly #subject: string;
  readonly #policies: readonly Policy[];
  readonly #references: readonly string[];
  readonly #purpose: string;

  constructor(context: FacadeContext, source: string, caller: Caller) {
    const { sources, organisation } = context;
    this.#context = context;
    // No patient is called so: keys of patients are hashes.
    this.#subject = `directory of ${source}`;
    const custodian = sources.policies(source, `Organization/${organisation.id}`);
    const own = custodian
      .filter(({ subject }) => subject === EVERY_SUBJECT)
      .map((policy): Policy => ({ ...policy, layer: 'patient', subject: this.#subject }));
    this.#policies = [...custodian, ...own];
    this.#references = referencesAt(context, source, caller);
    this.#purpose = caller.purpose;
  }

  /** Whether the custodian's policies speak of this caller at all. */
  get isReachable(): boolean {
    return this.#policies.some(({ layer, root }) => layer === 'patient' && mayPermit(root, this.#references));
  }

  /** Leave to see a resource, or `undefined`. What lies in a file is not served. */
  judge(resource: DirectoryResource): ListedResource | undefined {
    const { bytes, type, facadeId } = resource;
    if (bytes === undefined) return undefined;
    const decision = decide(
      {
        subject: this.#subject,
        actor: { references: this.#references },
        action: 'access',
        purposes: [this.#purpose],
        resource: {
          type,
          classes: [`${RESOURCE_TYPES_SYSTEM}|${type}`],
          codes: [],
          labels: undefined,
          references: [`${type}/${facadeId}`],
        },
      },
      this.#policies,
      this.#context.nowMs(),
    );
    return decision.outcome === 'permit' ? { ...resource, bytes, permit: decision.permit } : undefined;
  }
}

/** The resource that the facade names so, if the caller may see it. */
export function findListed(
  context: FacadeContext,
  caller: Caller,
  type: string,
  id: string,
): ListedResource | undefined {
  const { directory, store } = context;
  const found = directory.find({ get: (key) => store.getSync(key) }, id);
  if (found === undefined || found.type !== type) return undefined;
  return new DirectoryGate(context, found.source, caller).judge(found);
}

/** A resource by itself, or what a caller that has some version needs to hear. */
export function showListed(context: FacadeContext, resource: ListedResource, asked: Conditions): Attempt {
  const tag = listedTag(context, resource);
  const answer = unchangedOrFailed(tag, asked) ?? {
    kind: 'resource',
    bytes: servedListed(context, resource),
    ...tag,
  };
  return { answer, shown: [], listed: [resource.permit] };
}

function listedTag(
  { records }: FacadeContext,
  { type, facadeId, versionId, bytesHash, lastUpdatedMs }: DirectoryResource,
): VersionTag {
  const isNamed = versionId !== undefined && isFhirId(versionId);
  return {
    type,
    id: facadeId,
    versionId: isNamed ? versionId : records.facadeId('', 'version', bytesHash),
    lastUpdatedMs,
  };
}

/** The received bytes with the facade's ids. */
function servedListed(
  { sources, names }: FacadeContext,
  { source, links, facadeId, bytes }: ListedResource,
  onReference?: ReferenceSink,
): Buffer {
  const sourceBase = sources.get(source)?.baseUrl;
  return rewriteResource(bytes, {
    id: facadeId,
    facadeId: (type, id) => {
      const name = names.of(source, type, id);
      onReference?.(name);
      return name.facadeId;
    },
    links: new Map(links),
    ...(sourceBase === undefined ? {} : { sourceBase }),
  });
}

/** Entry of a searchset. */
export function listedEntry(
  context: FacadeContext,
  resource: ListedResource,
  mode: 'match' | 'include',
  onReference?: ReferenceSink,
): BundleEntry {
  return {
    fullUrl: `${context.baseUrl()}/${resource.type}/${resource.facadeId}`,
    resource: servedListed(context, resource, onReference),
    search: { mode },
  };
}

/** What a search reads of it. */
export function listedCandidate(
  context: FacadeContext,
  { bytes, lastUpdatedMs, source, links }: ListedResource,
): { resource: JsonObject; lastUpdatedMs: number; nameOf: (reference: string) => string | undefined } {
  return {
    resource: parseJson(bytes) as JsonObject,
    lastUpdatedMs,
    nameOf: (reference) => nameAt(context, source, links, reference),
  };
}
