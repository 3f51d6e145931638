/** This variable names a folder for the files that the processes of one run of the tests share. */
export const RUN_FOLDER = 'OUTBOX_TEST_RUN_FOLDER';
