#!/bin/sh
# Closes what api has left idle, however little that is: for how long Redis lets it be is up to its timeout.
redis() { redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" "$@"; }

redis CLIENT LIST | awk '/ name=api-/ && match($0, / idle=[1-9]/) {sub(/ .*/, ""); sub(/id=/, "CLIENT KILL ID "); print}' | redis
