/** A thread that takes lots of the passes it is sent. */
import { parentPort } from 'node:worker_threads';
import { workOn, type SharedPass } from './shared-pass.js';

parentPort?.on('message', (pass: SharedPass) => workOn(pass));
