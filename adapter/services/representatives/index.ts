export { actsFor, AppointmentRows } from './appointments.js';
export type { ActingView, ActsAs, Appointment } from './appointments.js';
export { relatedReference, Representatives } from './representatives.js';
export type { RepresentativesOptions, Speaker } from './representatives.js';
