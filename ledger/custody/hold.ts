/**
 * Two states of a patient that the pen itself obeys: a legal hold, under which nothing is erased, and erasure of all
 * there was, after which nothing more is written of the patient. The rows' values, sealed, are the holder's affair.
 */
import type { StateView } from './view.js';

/** Row of a patient's hold. */
export function holdKey(subjectKey: string): string {
  return `hold/${subjectKey}`;
}

/** Whether a patient's records are held. Asked inside the batch: a hold that was set first binds. */
export function isHeld(view: Pick<StateView, 'get'>, subjectKey: string): boolean {
  return view.get(holdKey(subjectKey)) !== undefined;
}

/** Row that says that all of a patient was erased. */
export function erasedKey(subjectKey: string): string {
  return `erased/${subjectKey}`;
}

/** Whether all of a patient was erased: no permit writes of such a one. */
export function isErased(view: Pick<StateView, 'get'>, subjectKey: string): boolean {
  return view.get(erasedKey(subjectKey)) !== undefined;
}
