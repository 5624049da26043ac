export { actsFor, AppointmentRows } from './appointments.js';
export type { Act, ActingView, Appointment } from './appointments.js';
export { Representatives } from './representatives.js';
export type { Appointed, RepresentativesOptions } from './representatives.js';
