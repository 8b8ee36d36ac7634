#!/bin/bash
# Called by the runner when a job begins, with the job's log as its output.
: > "${GOLDRUN_JOB_MARK}"
echo "A goldrun spot instance runs this job. If the market takes it back, ${GOLDRUN_SPOT_NOTICE} says when, minutes before."
