/** Exit statuses of the command line. */
export const EXIT = { success: 0, negative: 1, usage: 2, failure: 3 } as const;
