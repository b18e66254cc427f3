package diagnose

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"spillway/outage"
)

// TestAcrossBounds holds every word that is told of made-up servers in testdata/across, and of each as it is a little
// different: just below, at and above the bounds of the rules. A file begins with a server, a line for each thing that an
// operator sees of it; scene says what the keys mean. Below, each line that begins with "== " is a case: nothing, or keys
// that differ, such as web.n=9. To add one, write that line. What follows is made by
// `go test ./diagnose -run TestAcrossBounds -update`: look at the difference, and commit it.
func TestAcrossBounds(t *testing.T) {
	paths, err := filepath.Glob("testdata/across/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no servers: %v", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		now, err := retold(string(data))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if *retell {
			if err := os.WriteFile(path, []byte(now), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		was, is := strings.Split(string(data), "\n== "), strings.Split(now, "\n== ")
		for i := range min(len(was), len(is)) {
			if was[i] != is[i] {
				t.Fatalf("%s is told differently; if that is meant, run with -update.\nbefore: %s\nnow: %s", path, was[i], is[i])
			}
		}
		if string(data) != now {
			t.Errorf("%s: run with -update", path)
		}
	}
}

// retold writes a file anew: its server, and each of its cases with what is diagnosed. The first case is told whole, the
// others by the lines that it has not, and by the numbers of those that only it has.
func retold(text string) (string, error) {
	server, cases, _ := strings.Cut(text, "\n== ")
	begin, err := readScene(server)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(server)
	var first []string
	for i, c := range strings.Split(cases, "\n== ") {
		changes, _, _ := strings.Cut(c, "\n")
		s, err := begin.but(changes)
		if err != nil {
			return "", err
		}
		lines := s.told()
		fmt.Fprintf(&b, "\n== %s\n%s", changes, lines[0])
		if i == 0 {
			first = lines
		}
		var gone []string
		for n, line := range first {
			if !slices.Contains(lines, line) {
				gone = append(gone, strconv.Itoa(n+1))
			}
		}
		if len(gone) > 0 {
			fmt.Fprintf(&b, "\nnot %s", strings.Join(gone, " "))
		}
		for _, line := range lines[1:] {
			if i == 0 || !slices.Contains(first, line) {
				b.WriteString("\n" + line)
			}
		}
	}
	return strings.TrimSuffix(b.String(), "\n") + "\n", nil
}

// scene is a server as text. Times are in milliseconds before the last look, and V/R in a number is V at the last look,
// having grown by R a second until then.
//
//	server  limit, looks, every (between the looks), phase (of the last look, in the second of the server's clock),
//	        clock (tells its time), list (looks that have the list), slim (looks that count clients), undated (no At)
//	info    fields of INFO;  config  fields of CONFIG GET;  missing  what could not be read, and why
//	client  n at each of some hosts from at on; as (the name, else that of the line; numbered gives each a number of its
//	        own); born (the first), apart (each later), lag (the same from host to host); use: busy, once, until last (apart
//	        by spread), every period (longer, shift: each later); life, gone; port, step, wrap; knock (silent, answers);
//	        probes, retransmits, sendq (its sockets, at the looks of stuck); the rest as in CLIENT LIST
//	unread  looks at which nothing could be read
//	listen, process, log, latency, slow, acl, node  what else a snapshot has
//
// A key called in has a digit for each look, oldest first: 0 is a look without it. A ~ is a space, and a - is nothing.
type scene []prop

// prop is a line of a scene.
type prop struct {
	kind, name string
	is         map[string]string
}

func readScene(text string) (scene, error) {
	var s scene
	for _, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		kind, name, some := strings.Cut(words[0], ":")
		if !some {
			name = kind
		}
		p := prop{kind, name, map[string]string{}}
		for _, w := range words[1:] {
			key, value, ok := strings.Cut(w, "=")
			if !ok {
				return nil, fmt.Errorf("%s: no value", w)
			}
			p.is[key] = value
		}
		if kind == "client" && p.is["id"] == "" {
			p.is["id"] = strconv.Itoa(1000 * len(s))
		}
		s = append(s, p)
	}
	return s, nil
}

// but returns the scene with changes such as web.n=9.
func (s scene) but(changes string) (scene, error) {
	other := make(scene, len(s))
	for i, p := range s {
		other[i] = prop{p.kind, p.name, map[string]string{}}
		for k, v := range p.is {
			other[i].is[k] = v
		}
	}
	for _, change := range strings.Fields(changes) {
		what, value, _ := strings.Cut(change, "=")
		name, key, _ := strings.Cut(what, ".")
		at := slices.IndexFunc(other, func(p prop) bool { return p.name == name })
		if at < 0 || key == "" {
			return nil, fmt.Errorf("%s: there is no such line", change)
		}
		other[at].is[key] = value
	}
	return other, nil
}

func (p prop) text(key string) string {
	if p.is[key] == "-" {
		return ""
	}
	return strings.ReplaceAll(p.is[key], "~", " ")
}

func (p prop) num(key string) int64 {
	n, _ := strconv.ParseInt(p.is[key], 10, 64)
	return n
}

// in reports whether the line is part of the look with that index.
func (p prop) in(key string, look int) bool {
	digits := p.is[key]
	return look >= len(digits) || digits[look] != '0'
}

var growing = regexp.MustCompile(`(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)`)

// at returns a text as it was so many milliseconds ago.
func (p prop) at(key string, ago int64) string {
	return growing.ReplaceAllStringFunc(p.text(key), func(s string) string {
		m := growing.FindStringSubmatch(s)
		value, _ := strconv.ParseFloat(m[1], 64)
		rate, _ := strconv.ParseFloat(m[2], 64)
		value = max(0, value-rate*float64(ago)/1000)
		if strings.Contains(m[1], ".") {
			return strconv.FormatFloat(value, 'f', 3, 64)
		}
		return strconv.FormatInt(int64(value), 10)
	})
}

func (p prop) numAt(key string, ago int64) int64 {
	n, _ := strconv.ParseInt(p.at(key, ago), 10, 64)
	return n
}

// begin is the server's clock at the last look, in milliseconds, but for its phase.
const begin = 10_000_000

// shots are the looks at the scene, oldest first.
func (s scene) shots() []outage.Snapshot {
	server := s[0]
	n := max(1, int(server.num("looks")))
	shots := make([]outage.Snapshot, n)
	for k := range shots {
		shot, ago := &shots[k], int64(n-1-k)*server.num("every")
		if server.num("undated") == 0 {
			shot.At = outage.Duration(time.Duration(begin/100-ago) * time.Millisecond)
		}
		shot.Info, shot.Config = map[string]string{}, map[string]string{}
		for _, p := range s {
			if p.in("in", k) {
				p.show(shot, server, k, ago)
			}
		}
		if server.is["slim"] != "" && server.in("slim", k) {
			*shot = shot.Slim()
		}
	}
	return shots
}

// show adds what the line stands for to a look of so many milliseconds ago.
func (p prop) show(shot *outage.Snapshot, server prop, k int, ago int64) {
	clock := begin + server.num("phase")
	switch p.kind {
	case "server":
		shot.Info["maxclients"], shot.Config["maxclients"] = p.is["limit"], p.is["limit"]
		if p.num("clock") > 0 {
			shot.Info["server_time_usec"] = strconv.FormatInt((clock-ago)*1000, 10)
		}
	case "info", "config":
		fields := shot.Info
		if p.kind == "config" {
			fields = shot.Config
		}
		for key := range p.is {
			if fields[key] = p.at(key, ago); fields[key] == "" || key == "in" {
				delete(fields, key)
			}
		}
	case "unread":
		shot.Info, shot.Config, shot.Clients = nil, nil, nil
	case "missing":
		shot.Missing = append(shot.Missing, outage.Missing{What: strings.ReplaceAll(p.name, "~", " "), Why: p.text("why")})
	case "client":
		p.connect(shot, server, k, ago)
	case "listen":
		shot.Listen = &outage.Listen{Queue: int(p.num("queue")), Backlog: int(p.num("backlog")), Overflows: p.numAt("overflows", ago)}
		if p.text("drops") != "" {
			drops := p.numAt("drops", ago)
			shot.Listen.Drops = &drops
		}
	case "process":
		shot.Process = &outage.Process{
			NofileSoft: p.num("soft"), NofileHard: p.num("hard"), OpenFDs: int(p.num("open")), Args: strings.Fields(p.text("args")),
		}
	case "log":
		shot.Log = append(shot.Log, p.text("line"))
	case "latency":
		shot.Latency = outage.Duration(time.Duration(p.num("ms")) * time.Millisecond)
	case "slow":
		for i := range p.num("n") {
			shot.Slow = append(shot.Slow, outage.SlowCommand{
				ID: p.num("id") + i, Started: clock/1000 - p.num("ago") + i, Took: outage.Duration(time.Duration(p.num("took")) * time.Millisecond),
				Command: p.text("cmd"), Addr: p.text("addr"), Name: p.text("as"),
			})
		}
	case "acl":
		shot.ACLLog = append(shot.ACLLog, outage.ACLEntry{
			Count: p.numAt("count", ago), Reason: p.text("reason"), Object: p.text("object"), User: p.text("user"), Addr: p.text("addr"),
			Age: outage.Duration(time.Duration(p.num("age")) * time.Millisecond),
		})
	case "node":
		for i := range p.num("n") {
			shot.Nodes = append(shot.Nodes, outage.Node{Addr: fmt.Sprintf("10.0.9.%d:6379", i+1), Flags: p.text("flags"), Link: p.text("link")})
		}
	}
}

// connect adds the connections of a line that are there at a look. Those that count as clients are counted.
func (p prop) connect(shot *outage.Snapshot, server prop, k int, ago int64) {
	clock := begin + server.num("phase")
	t := clock - ago
	for h := range max(1, p.num("hosts")) {
		host, n := p.text("at"), p.num("n")
		if dot := strings.LastIndexByte(host, '.'); h > 0 && dot > 0 {
			last, _ := strconv.ParseInt(host[dot+1:], 10, 64)
			host = host[:dot+1] + strconv.FormatInt(last+h, 10)
		}
		for i := range n {
			born := clock - p.num("born") + h*p.num("lag") + i*p.num("apart")
			died := clock - p.num("gone")
			if life := p.num("life"); life > 0 {
				died = born + life
			}
			if born > t || p.is["gone"]+p.is["life"] != "" && died <= t {
				continue
			}
			c := p.client(p.num("id")+h*n+i, i, host)
			c.Age = t/1000 - born/1000
			c.Idle = t/1000 - max(born, min(t, p.lastUse(t, born, clock, i)))/1000
			counted := "connected_clients"
			if strings.Contains(c.Flags, "S") {
				counted = "connected_slaves"
			}
			n, _ := shot.Number(counted)
			shot.Info[counted] = strconv.FormatInt(n+1, 10)
			if server.in("list", k) {
				shot.Clients = append(shot.Clients, c)
			}
			if p.num("probes")+p.num("retransmits")+p.num("sendq") > 0 && p.in("stuck", k) {
				shot.Sockets = append(shot.Sockets, outage.Socket{
					Peer: c.Addr, SendQueue: p.num("sendq"), Retransmits: int(p.num("retransmits")), Probes: int(p.num("probes")),
				})
			}
		}
		if knock := p.text("knock"); knock != "" {
			shot.Peers = append(shot.Peers, outage.Peer{Host: host, Answers: knock == "answers"})
		}
	}
}

func (p prop) client(id, i int64, host string) outage.Client {
	port := 20000 + id
	if first := p.num("port"); first > 0 {
		port = first + i*p.num("step")
		if wrap := p.num("wrap"); wrap > 0 {
			port = first + i*p.num("step")%wrap
		}
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	c := outage.Client{
		ID: id, Addr: fmt.Sprintf("%s:%d", host, port), Name: cmp.Or(p.is["as"], p.name), Flags: cmp.Or(p.text("flags"), "N"), Multi: -1,
		Cmd: cmp.Or(p.text("cmd"), "get"), User: cmp.Or(p.text("user"), "default"), LibName: p.text("lib"), DB: int(p.num("db")),
		Sub: int(p.num("sub")), Qbuf: p.num("qbuf"),
	}
	if c.Name == "-" {
		c.Name = ""
	}
	if strings.HasPrefix(c.Name, "numbered") { // each instance has its number
		c.Name += fmt.Sprintf("-%d", i)
	}
	if fd := p.num("fd"); fd > 0 {
		c.FD = int(fd + i)
	}
	return c
}

// lastUse is when the connection was last used, as seen from t.
func (p prop) lastUse(t, born, clock, i int64) int64 {
	switch p.is["use"] {
	case "once":
		return born
	case "until":
		return min(t-50, clock-p.num("last")-i*p.num("spread"))
	case "every":
		period := max(1, p.num("period")+i*p.num("longer"))
		phase := i * p.num("shift")
		return (t-phase)/period*period + phase
	}
	return t - 50
}

// told is everything that is diagnosed of the scene, a line each: first what was found, most likely first.
func (s scene) told() []string {
	d := Diagnose(s.shots()...)
	found := make([]string, 0, len(d.Findings))
	for _, f := range d.Findings {
		found = append(found, fmt.Sprintf("%s %.2f", f.Cause, f.Confidence))
	}
	rejecting := ""
	if d.Rejecting {
		rejecting = ", rejecting"
	}
	lines := []string{fmt.Sprintf("%d of %d%s: %s", d.Slots, d.MaxClients, rejecting, strings.Join(found, ", "))}
	for line := range strings.Lines(words(d)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "$ ") { // which one it is shows without all of it
			line = strings.ReplaceAll(line, fields, "")
			line = line[:min(len(line), 90)]
		}
		lines = append(lines, line)
	}
	for _, f := range d.Findings {
		for _, c := range f.Culprits {
			lines = append(lines, fmt.Sprintf("against %s at %s: %s, such as %s", c.Service, c.Addr, cmp.Or(runs(c.IDs), "none"), strings.Join(c.Examples, " ")))
		}
	}
	return lines
}

// runs writes ids as 1-3 5.
func runs(ids []int64) string {
	var list []string
	for i := 0; i < len(ids); {
		j := i
		for j+1 < len(ids) && ids[j+1] == ids[j]+1 {
			j++
		}
		if j > i {
			list = append(list, fmt.Sprintf("%d-%d", ids[i], ids[j]))
		} else {
			list = append(list, strconv.FormatInt(ids[i], 10))
		}
		i = j + 1
	}
	return strings.Join(list, " ")
}
