#!/bin/sh
# A runbook that finds nothing it knows.
redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" PING
echo "nothing here is in my book" >&2
exit 1
