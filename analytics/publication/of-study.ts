import { CLASS_NAMES, columnsOf } from '../features/index.js';
import { modelHash, penaltiesOf, regressionOf, type SeverityModel } from '../severity/index.js';
import { portableModel, type PortableModel } from './portable.js';

/**
 * The portable file of a study's severity model: it gives the same probabilities, and needs no software of ours.
 *
 * @param code - Version of the software that fitted it.
 * @throws AnalyticsError ANALYTICS_MODEL_INVALID when the model's parts do not fit together.
 */
export function portableOfStudy(model: SeverityModel, code: string): PortableModel {
  const { study, preparation, trained } = model;
  const { kind, ...parameters } = regressionOf(model);
  return portableModel({
    kind,
    title: `${study.title} (${study.name} ${study.version}, model ${modelHash(model)})`,
    classes: kind === 'binary' ? [`not: ${study.outcome.label}`, study.outcome.label] : CLASS_NAMES,
    inputs: columnsOf(study, []).map(({ values: _none, ...input }) => input),
    preparation,
    parameters,
    penalty: penaltiesOf(model),
    trained: {
      patients: trained.patients,
      perClass:
        kind === 'binary'
          ? [trained.patients - trained.events, trained.events]
          : (trained.perClass ?? CLASS_NAMES.map(() => null)),
    },
    code,
  });
}
