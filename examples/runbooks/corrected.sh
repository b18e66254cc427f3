#!/bin/sh
# published.sh with its mistakes mended:
#
#   - `addr=` also matches inside `laddr=`, so Redis itself came out as the worst client: ask for ` addr=`.
#   - CLIENT KILL ADDR wants an exact ip:port; ip:0 closes nothing. Kill by ID, which no later client ever has again.
#   - The address with most connections need not be the culprit. A leak shows in connections that were used once and
#     never again: idle is age, within the second that rounding takes.
#   - maxclients cannot exceed the file descriptor limit less 32, and a leak fills whatever it is given.

redis() { redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" "$@"; }

# used_once prints `host id` for each normal connection that has done nothing since its first second. It spares
# subscribers, blocked clients, transactions, monitors and replicas (every flag but N), and our own names.
used_once() {
	redis CLIENT LIST | awk '{
		for (i = 1; i <= NF; i++) { eq = index($i, "="); f[substr($i, 1, eq - 1)] = substr($i, eq + 1) }
		host = f["addr"]; sub(/:[0-9]+$/, "", host)
		total[host]++
		if (f["flags"] == "N" && f["idle"] >= 3 && f["idle"] >= f["age"] - 1 && f["name"] !~ /^spillway:/) {
			once[host]++; ids[host] = ids[host] " " f["id"]
		}
	}
	END {
		# A host most of whose connections were used once is leaking; a pool in use has no more than a few of them.
		for (host in once) if (once[host] >= 10 && once[host] >= 0.5 * total[host]) {
			n = split(ids[host], id, " ")
			for (i = 1; i <= n; i++) print host, id[i]
		}
	}'
}

victims=$(used_once)
if [ -z "$victims" ]; then
	echo "no leaking host found: nothing was killed"
	exit 1
fi
echo "used once and never again, by host:"
echo "$victims" | awk '{n[$1]++} END {for (h in n) print n[h], h}' | sort -rn

# One redis-cli, and so one connection, for all of them; each answers 1 when the connection was still there.
echo "$victims" | awk '{print "CLIENT KILL ID " $2}' | redis | awk '{n += $1} END {print n + 0, "connections closed"}'

# What leaks from now on is reaped after five idle minutes. The fix is to deploy a client with a pool.
redis CONFIG SET timeout 300
