package diagnose

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Nothing that a client chose goes into a command: a name may hold quotes and dollar signs.
const (
	// The space before addr keeps laddr, the server's own address, from being counted.
	byHostCommand = `redis-cli CLIENT LIST | grep -o ' addr=[^ ]*' | cut -d= -f2 | sed 's/:[0-9]*$//' | sort | uniq -c | sort -rn`
	byNameCommand = `redis-cli CLIENT LIST | grep -o ' name=[^ ]*' | cut -d= -f2- | sort | uniq -c | sort -rn`

	// fields makes the key=value pairs of a line of CLIENT LIST an array f, and the host of addr h.
	fields = `{for(i=1;i<=NF;i++){p=index($i,"=");f[substr($i,1,p-1)]=substr($i,p+1)} h=f["addr"];sub(/:[0-9]*$/,"",h)} `

	usedOnceCommand = `redis-cli CLIENT LIST | awk '` + fields +
		`f["idle"]+0>=2 && f["idle"]+0>=f["age"]-1 {n[h]++} END{for(h in n)print n[h],h}' | sort -rn`
	idleCommand = `redis-cli CLIENT LIST | awk '` + fields +
		`f["idle"]+0>=3 && f["flags"]!~/[PbxSMOe]/ {n[h]++; if(f["idle"]+0>m[h])m[h]=f["idle"]+0} END{for(h in n)print n[h],h,"idle up to",m[h]}' | sort -rn`
	busyCommand = `redis-cli CLIENT LIST | awk '` + fields +
		`{n[h]++} f["idle"]+0<=1 || f["flags"]~/b/ {b[h]++} END{for(h in n)print n[h],h,"in use",b[h]+0}' | sort -rn`

	pubsubCommand  = `redis-cli CLIENT LIST TYPE pubsub | grep -o ' addr=[^ ]*' | cut -d= -f2 | sed 's/:[0-9]*$//' | sort | uniq -c | sort -rn`
	blockedCommand = `redis-cli CLIENT LIST | awk '` + fields +
		`f["flags"]~/b/ {n[h" "f["cmd"]]++} END{for(k in n)print n[k],k}' | sort -rn`
	silentCommand = `redis-cli CLIENT LIST | awk '` + fields +
		`f["cmd"]=="NULL" {n[h]++; if(f["qbuf"]+0>0)q[h]++} END{for(h in n)print n[h],h,"with half a command",q[h]+0}' | sort -rn`
	youngCommand = `redis-cli CLIENT LIST | awk '` + fields +
		`{n[h]++} f["age"]+0<=1 {y[h]++} END{for(h in y)print y[h],h,"of",n[h]}' | sort -rn`

	acceptedCommand  = `redis-cli INFO stats | grep -E '^(total|rejected)_connections'`
	rejectedCommand  = `redis-cli INFO stats | grep rejected_connections`
	timeoutCommand   = `redis-cli CONFIG GET timeout`
	openFiles        = `grep 'open files' /proc/$(redis-cli INFO server | tr -d '\r' | sed -n 's/^process_id://p')/limits`
	latencyCommand   = `redis-cli --latency-history -i 5`
	slowlogCommand   = `redis-cli SLOWLOG GET 32`
	cmdstatCommand   = `redis-cli INFO commandstats | sort -t= -k4 -rn | head`
	forkCommand      = `redis-cli INFO stats | grep fork`
	cpuCommand       = `redis-cli INFO cpu`
	aclLogCommand    = `redis-cli ACL LOG 32`
	errorsCommand    = `redis-cli INFO | grep -E '^(acl_access_denied|errorstat_)'`
	protectedCommand = `redis-cli CONFIG GET protected-mode`
	socketsCommand   = `ss -tnoi state established`
	topFDCommand     = `redis-cli CLIENT LIST | grep -o ' fd=[0-9]*' | cut -d= -f2 | sort -n | tail -1`
	loopCommand      = `redis-cli INFO stats | grep -E '^instantaneous_(eventloop_cycles|ops)_per_sec'`
	spentCommand     = `redis-cli INFO | grep -E '^(used_cpu_(sys|user)|total_commands_processed):'`
	listenCommand    = `ss -ltn`
	overflowCommand  = `nsenter -t $(redis-cli INFO server | tr -d '\r' | sed -n 's/^process_id://p') -n nstat -az TcpExtListenOverflows`
	dropsCommand     = `nsenter -t $(redis-cli INFO server | tr -d '\r' | sed -n 's/^process_id://p') -n ss -ltmn`
	backlogCommand   = `redis-cli CONFIG GET tcp-backlog; sysctl net.core.somaxconn`
	portsCommand     = `redis-cli CLIENT LIST | grep -o ' addr=[^ ]*' | cut -d= -f2 | sort -t: -k1,1 -k2,2n`
)

// limitCommand shows how many slots are taken and how many there are. INFO has the limit from redis 6.2 on.
func (v *view) limitCommand() string {
	if v.now.Product() == "redis" && !v.atLeast(6, 2) {
		return `redis-cli CONFIG GET maxclients; redis-cli INFO | grep -E '^connected_(clients|slaves):'`
	}
	return `redis-cli INFO | grep -E '^(connected_clients|connected_slaves|cluster_connections|maxclients):'`
}

// countCommand counts the connections of one host. Valkey filters by address itself from 9.0 on.
func (v *view) countCommand(g *group) string {
	ip, err := netip.ParseAddr(g.host)
	if err != nil {
		return byHostCommand
	}
	if v.now.Product() == "valkey" && v.atLeast(9, 0) {
		return fmt.Sprintf(`redis-cli CLIENT LIST IP %s | grep -c ' addr='`, ip)
	}
	if ip.Is6() {
		return fmt.Sprintf(`redis-cli CLIENT LIST | grep -cF ' addr=[%s]:'`, ip)
	}
	return fmt.Sprintf(`redis-cli CLIENT LIST | grep -cF ' addr=%s:'`, ip)
}

// atLeast reports whether the server's version is known and no older.
func (v *view) atLeast(major, minor int) bool {
	parts := strings.SplitN(v.now.Version(), ".", 3)
	if len(parts) < 2 {
		return false
	}
	a, errA := strconv.Atoi(parts[0])
	b, errB := strconv.Atoi(parts[1])
	return errA == nil && errB == nil && (a > major || a == major && b >= minor)
}
