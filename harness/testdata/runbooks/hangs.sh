#!/bin/sh
# Asked to stop it goes on, as a runbook does that waits for an answer at its terminal.
trap '' TERM INT HUP
echo "waiting for somebody"
while :; do sleep 1; done
