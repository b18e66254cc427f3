#!/bin/sh
# What despair types: every normal client goes, the watchers' own included.
redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" CLIENT KILL TYPE normal
