#!/bin/sh
# The advice found all over the web for `ERR max number of clients reached`, written down faithfully: find the address
# with most connections, kill them, raise maxclients, set a timeout.
#
# It does not work. `spillway run connection-leak --responder exec:examples/runbooks/published.sh` shows which line
# does what; corrected.sh beside it is the same runbook with the mistakes mended.

redis() { redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" "$@"; }

echo "connections by address:"
redis CLIENT LIST | grep -o 'addr=[^ ]*' | cut -d= -f2 | cut -d: -f1 | sort | uniq -c | sort -rn | head -n 5

worst=$(redis CLIENT LIST | grep -o 'addr=[^ ]*' | cut -d= -f2 | cut -d: -f1 | sort | uniq -c | sort -rn | awk 'NR == 1 {print $2}')
echo "killing all connections of $worst"
redis CLIENT KILL ADDR "$worst:0"

echo "raising maxclients, reaping idle clients"
redis CONFIG SET maxclients 20000
redis CONFIG SET timeout 300
