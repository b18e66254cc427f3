package observe

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"spillway/outage"
)

// savedByServers are real answers of six servers of one kind.
func savedByServers(f *testing.F, kind string) (texts []string) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "servers", "*", kind+".txt"))
	if err != nil || len(files) != 6 {
		f.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		texts = append(texts, string(data))
	}
	return texts
}

func addTexts(f *testing.F, texts ...string) {
	for _, text := range texts {
		f.Add(text)
	}
}

// FuzzSavedInfo: what was read and is saved reads the same.
func FuzzSavedInfo(f *testing.F) {
	addTexts(f, savedByServers(f, infoKind)...)
	addTexts(f, "a:b\rc\r\n", "txt:a:b:c\n", "\ntxt:", "a:\u2028\n")
	f.Fuzz(func(t *testing.T, text string) {
		info := ParseInfo(text)
		if again := ParseInfo(infoText(info)); !maps.Equal(info, again) {
			t.Fatalf("%q was saved and read as %q", info, again)
		}
	})
}

// FuzzSavedConfig: what was read and is saved reads the same, and no password is in it.
func FuzzSavedConfig(f *testing.F) {
	addTexts(f, savedByServers(f, configKind)...)
	addTexts(f, " 1) \"save\"\n 2) \"a\\nb\"\n", "requirepass\nx\n", "a\n1) \"x\"\n", "1) \"a\"\n2) \"\\x00\\xff\\\"\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		config := ParseConfig(text)
		for name, value := range config {
			if isSecret(name) || len(name)+len(value) > len(text) {
				t.Fatalf("the setting %q", name)
			}
			if !configName.MatchString(name) {
				delete(config, name) // of a pair, which is written as a pair by nobody here
			}
		}
		if again := ParseConfig(configText(config)); !maps.Equal(config, again) {
			t.Fatalf("%q was saved and read as %q", config, again)
		}
	})
}

// FuzzSavedClients: what was read and is saved reads the same.
func FuzzSavedClients(f *testing.F) {
	addTexts(f, savedByServers(f, clientsKind)...)
	addTexts(f, "id=1 addr=/a b:0 laddr=/a b:0 fd=1 name=x\n", "id=1 addr=a:1 user=\xff\u2003id=2\n")
	f.Fuzz(func(t *testing.T, text string) {
		clients, _ := ParseClients(text)
		if slices.ContainsFunc(clients, func(c outage.Client) bool { return strings.HasPrefix(c.Addr+c.Laddr, "/") }) {
			return // where a path ends depends on what follows it
		}
		again, err := ParseClients(clientsText(clients))
		if err != nil || !slices.Equal(clients, again) {
			t.Fatalf("%+v was saved and read as %+v, %v", clients, again, err)
		}
	})
}

// FuzzReadLog: no line is longer or more than is kept, and none holds another.
func FuzzReadLog(f *testing.F) {
	addTexts(f, savedByServers(f, logKind)...)
	addTexts(f, strings.Repeat("x", 70<<10)+"\n", strings.Repeat("a\n", 300), "1:C 01 Jan 2026 00:00:00.000 # oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := ReadLog(strings.NewReader(text))
		if err != nil || len(lines) > logHead+logLast {
			t.Fatalf("%d lines, %v", len(lines), err)
		}
		for _, line := range lines {
			if line == "" || len(line) > logLine || strings.Contains(line, "\n") || !strings.Contains(text, line) {
				t.Fatalf("a line of %d bytes: %q", len(line), line)
			}
		}
		again, err := ReadLog(strings.NewReader(linesText(lines)))
		if err != nil || len(again) > len(lines) {
			t.Fatalf("%d lines were saved and %d read, %v", len(lines), len(again), err)
		}
	})
}

// FuzzLists: what SLOWLOG and ACL LOG say is bounded, whatever they say.
func FuzzLists(f *testing.F) {
	addTexts(f, savedByServers(f, slowKind)...)
	addTexts(f, savedByServers(f, aclKind)...)
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range ParseSlow(text) {
			if c.Took < 0 || len(c.Command) > slowText+len("...") || strings.ContainsAny(c.Addr+c.Command, "\n") && !strings.Contains(text, `\n`) {
				t.Fatalf("%+v", c)
			}
		}
		for _, e := range ParseACLLog(text) {
			if e.Count <= 0 || e.Reason == "" || e.Age < 0 {
				t.Fatalf("%+v", e)
			}
		}
	})
}

// FuzzStream: every line of a stream goes to at most one output of one snapshot.
func FuzzStream(f *testing.F) {
	for i, info := range savedByServers(f, infoKind) {
		f.Add(info + savedByServers(f, clientsKind)[i] + savedByServers(f, configKind)[i] + savedByServers(f, logKind)[i])
	}
	addTexts(f, "# Server\na:1\n# Server\n", "maxclients\n", "maxclients\n# Server\n", "ERR no\n")
	f.Fuzz(func(t *testing.T, text string) {
		dumps, err := splitStream(strings.NewReader(text))
		if err != nil {
			return
		}
		total := 0
		for _, d := range dumps {
			for _, part := range d {
				total += len(part)
			}
			d.snapshot()
		}
		if total > len(text) || len(dumps) > strings.Count(text, "# Server")+1 {
			t.Fatalf("%d bytes in %d snapshots of %d bytes", total, len(dumps), len(text))
		}
	})
}

// FuzzRest: rest.json of a captured folder says nothing of what stands in the files beside it, and is read again as it is written.
func FuzzRest(f *testing.F) {
	drops := int64(3)
	data, err := json.Marshal(rest(outage.Snapshot{
		At: 1e9, Process: &outage.Process{NofileSoft: 1024, Args: []string{"redis-server"}}, Listen: &outage.Listen{Drops: &drops},
		Sockets: []outage.Socket{{Peer: "10.0.0.1:1"}}, Slow: []outage.SlowCommand{{ID: 1, Command: "KEYS *"}},
		ACLLog: []outage.ACLEntry{{Count: 1, Reason: "key", Object: "secret"}}, Missing: []outage.Missing{{What: "log", Why: "\x1b"}},
	}))
	if err != nil {
		f.Fatal(err)
	}
	addTexts(f, string(data), "{}", `{"at":1e300}`, `{"clients":[{"id":1}]}`, `{"At":"1s"}`, `{"listen":null,"nodes":[{}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		snap, err := restore(text)
		if len(snap.Clients) > 0 || snap.Info != nil || snap.Config != nil || snap.Log != nil || snap.Census != nil {
			t.Fatalf("%+v", snap)
		}
		if err != nil {
			return
		}
		once, err := json.Marshal(snap)
		if err != nil {
			t.Fatal(err)
		}
		again, err := restore(string(outage.HarmlessJSON(once)))
		if err != nil {
			t.Fatalf("%s: %v", once, err)
		}
		if twice, _ := json.Marshal(again); string(twice) != string(once) {
			t.Fatalf("%s was written again as %s", once, twice)
		}
	})
}

// FuzzProc: the tables of /proc are another namespace's to fill; no row counts twice.
func FuzzProc(f *testing.F) {
	for _, name := range []string{"limits", "net/tcp", "net/tcp6", "net/netstat", "cmdline"} {
		data, err := os.ReadFile(filepath.Join("testdata/proc/42", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rows := strings.Count(string(data), "\n") + 1
		var s sockets
		s.add(data, 6379)
		total := 0
		for _, n := range s.peers {
			total += n
		}
		if total > rows || len(s.troubled) > total || len(s.inodes) > rows {
			t.Fatalf("%d rows gave %+v", rows, s)
		}
		if ports := listening(data, map[string]bool{"1": true}); len(ports) > rows || !slices.IsSorted(ports) {
			t.Fatalf("ports %d", ports)
		}
		if p, err := ParseLimits(string(data)); err == nil && p.NofileSoft == 0 && p.NofileHard == 0 && !strings.Contains(string(data), "0") {
			t.Fatalf("limits %+v", p)
		}
		for _, arg := range parseArgs(string(data)) {
			if len(arg) > len(data)+len("***") {
				t.Fatalf("argument %q", arg)
			}
		}
		parseOverflows(string(data))
	})
}

// FuzzNodes: a node has an address, and there are no more of them than lines.
func FuzzNodes(f *testing.F) {
	data, err := os.ReadFile("testdata/lists/acllog.txt")
	if err != nil {
		f.Fatal(err)
	}
	addTexts(f, string(data),
		"07c37dfeb235213a872192d90877d0cd55635b91 127.0.0.1:30004@31004,hostname4 slave e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca 0 1426238317239 4 connected\n"+
			"e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca 127.0.0.1:30001@31001 myself,master - 0 0 1 connected 0-5460\n"+
			"824fe116063bc5fcf9f4ffd895bc17aee7731ac3 :0@0 master,noaddr - 1426238316232 1426238315232 3 disconnected\n")
	f.Fuzz(func(t *testing.T, text string) {
		nodes, err := ParseNodes(text)
		if len(nodes) > strings.Count(text, "\n")+1 {
			t.Fatalf("%d nodes, %v", len(nodes), err)
		}
		for _, n := range nodes {
			if strings.ContainsAny(n.ID+n.Addr+n.Flags+n.Link, " \n") {
				t.Fatalf("%+v", n)
			}
			n.Stale()
		}
	})
}
