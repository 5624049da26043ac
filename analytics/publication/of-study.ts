import { columnsOf } from '../features/index.js';
import { modelHash, type SeverityModel } from '../severity/index.js';
import { portableModel, type PortableModel } from './portable.js';

/**
 * The portable file of a study's severity model: it gives the same probabilities, and needs no software of ours.
 *
 * @param code - Version of the software that fitted it.
 * @throws AnalyticsError ANALYTICS_MODEL_INVALID when the model's parts do not fit together.
 */
export function portableOfStudy(model: SeverityModel, code: string): PortableModel {
  const { study, preparation, intercept, coefficients, penalty, trained } = model;
  return portableModel({
    kind: 'binary',
    title: `${study.title} (${study.name} ${study.version}, model ${modelHash(model)})`,
    classes: [`not: ${study.outcome.label}`, study.outcome.label],
    inputs: columnsOf(study, []).map(({ name, label, kind, unit, levels }) => ({
      name,
      label,
      kind,
      unit,
      levels,
    })),
    preparation,
    parameters: { intercepts: [intercept], coefficients: [coefficients] },
    penalty: [penalty],
    trained: {
      patients: trained.patients,
      perClass: [trained.patients - trained.events, trained.events],
    },
    code,
  });
}
