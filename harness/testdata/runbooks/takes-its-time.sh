#!/bin/sh
# The relief comes early and its second half late: who cuts it off there leaves a job half done.
redis() { redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" "$@"; }

redis CONFIG SET maxclients 900
sleep 4
redis CONFIG SET timeout 300
echo "all done"
