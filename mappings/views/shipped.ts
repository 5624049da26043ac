import condition from './definitions/condition.json' with { type: 'json' };
import encounter from './definitions/encounter.json' with { type: 'json' };
import medicationRequest from './definitions/medication-request.json' with { type: 'json' };
import observationVitalsLabs from './definitions/observation-vitals-labs.json' with { type: 'json' };
import patient from './definitions/patient.json' with { type: 'json' };
import procedure from './definitions/procedure.json' with { type: 'json' };

/**
 * ViewDefinitions that come with us, as JSON by the name of their file: parse trees for {@link compileView}, and
 * shareable with any other runner.
 *
 * @see SQL on FHIR v2, ShareableViewDefinition
 */
export const SHIPPED_VIEWS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['condition', condition],
  ['encounter', encounter],
  ['medication-request', medicationRequest],
  ['observation-vitals-labs', observationVitalsLabs],
  ['patient', patient],
  ['procedure', procedure],
]);
