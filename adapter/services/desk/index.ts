export { HospitalDesk } from './hospital-desk.js';
