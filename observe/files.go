package observe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"spillway/outage"
)

// Files is output saved with redis-cli. Either Dir or any of the single files:
//
//	redis-cli INFO all         > DIR/info.txt       (INFO alone will do)
//	redis-cli CLIENT LIST      > DIR/clients.txt
//	redis-cli CONFIG GET '*'   > DIR/config.txt
//	cat /proc/PID/limits       > DIR/limits.txt
//	tail -n 1000 redis.log     > DIR/log.txt
//	redis-cli SLOWLOG GET 32   > DIR/slowlog.txt
//	redis-cli ACL LOG 32       > DIR/acllog.txt
//	redis-cli CLUSTER NODES    > DIR/nodes.txt     (in cluster mode)
//
// Further snapshots are numbered: info.2.txt, clients.2.txt … or 2/info.txt, 2/clients.txt …; the first one may be
// called 1 as well. Any file may be absent. Settings and limits that were saved once count for later snapshots too.
//
// A folder that Capture made has rest.json beside them, with what else it saw.
//
// Dir "-" reads all of it from Stdin, one output after the other, each snapshot beginning with INFO.
type Files struct {
	Dir                                string
	Clients, Info, Config, Log, Limits string
	Stdin                              io.Reader // of Dir "-"; nil is os.Stdin
}

// The kinds of saved output, which are also the names of their files.
const (
	infoKind    = "info"
	clientsKind = "clients"
	configKind  = "config"
	limitsKind  = "limits"
	logKind     = "log"
	slowKind    = "slowlog"
	aclKind     = "acllog"
	nodesKind   = "nodes"
	restKind    = "rest"  // what Capture saw beside these, as JSON
	errorKind   = "error" // of a stream: what redis-cli said in place of something
)

// dump is the saved output of one snapshot: text by kind.
type dump map[string]string

// ReadFiles returns the snapshots in the order of the server's clock; the first one is at 0. What a file lacks,
// or says instead, is in Missing; a file that was named and cannot be read is an error.
func ReadFiles(f Files) ([]outage.Snapshot, error) {
	dumps, err := f.read()
	if err != nil {
		return nil, err
	}
	snaps := make([]outage.Snapshot, 0, len(dumps))
	for i, d := range dumps {
		for _, kind := range []string{configKind, limitsKind} {
			if _, own := d[kind]; !own && i > 0 {
				if before, ok := dumps[i-1][kind]; ok {
					d[kind] = before
				}
			}
		}
		snaps = append(snaps, d.snapshot())
	}
	setTimes(snaps)
	return snaps, nil
}

func (f Files) read() ([]dump, error) {
	single := map[string]string{clientsKind: f.Clients, infoKind: f.Info, configKind: f.Config, logKind: f.Log, limitsKind: f.Limits}
	d := dump{}
	for kind, path := range single {
		if path == "" {
			continue
		}
		if f.Dir != "" {
			return nil, fmt.Errorf("both the folder %s and the file %s are given: one of them", f.Dir, path)
		}
		if err := d.load(kind, path); err != nil {
			return nil, err
		}
	}
	switch {
	case f.Dir == "-" && f.Stdin == nil:
		return splitStream(os.Stdin)
	case f.Dir == "-":
		return splitStream(f.Stdin)
	case f.Dir != "":
		return readDir(f.Dir)
	case len(d) == 0:
		return nil, errors.New("no saved output is named")
	}
	return []dump{d}, nil
}

func (d dump) load(kind, path string) error {
	if _, twice := d[kind]; twice {
		return fmt.Errorf("%s: a second %s of the same snapshot", path, kind)
	}
	if kind == logKind {
		text, err := readTail(path, logTail)
		d[kind] = text
		return err
	}
	text, err := readBounded(path, maxReply)
	d[kind] = text
	return err
}

// readBounded reads a saved answer that is no longer than would be read of a server.
func readBounded(path string, most int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	var text bytes.Buffer
	n, err := text.ReadFrom(io.LimitReader(f, most+1))
	if err == nil && n > most {
		return "", fmt.Errorf("%s is longer than %d MB, which no answer of Redis is that can be read", path, most>>20)
	}
	return text.String(), err
}

// restName is the file of restKind.
const restName = restKind + ".json"

var (
	savedName = regexp.MustCompile(`^(?:(info|clients|config|limits|log|slowlog|acllog|nodes)(?:\.(\d{1,6}))?\.txt|(rest)\.json)$`)
	folder    = regexp.MustCompile(`^\d{1,6}$`)
)

func readDir(dir string) ([]dump, error) {
	numbered := map[int]dump{}
	if err := readNumbered(numbered, dir, topFolder); err != nil {
		return nil, err
	}
	if len(numbered) == 0 {
		return nil, fmt.Errorf("%s has none of info.txt, clients.txt, config.txt, limits.txt and log.txt", dir)
	}
	var dumps []dump
	for _, n := range sortedKeys(numbered) {
		dumps = append(dumps, numbered[n])
	}
	return dumps, nil
}

const topFolder = -1

// readNumbered adds the files of dir. In a numbered folder, files have that number and no other.
func readNumbered(numbered map[int]dump, dir string, number int) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if number == topFolder && folder.MatchString(entry.Name()) {
			n, _ := strconv.Atoi(entry.Name())
			if info, err := os.Stat(path); err == nil && info.IsDir() {
				if err := readNumbered(numbered, path, n); err != nil {
					return err
				}
			}
			continue
		}
		m := savedName.FindStringSubmatch(entry.Name())
		if m == nil || number != topFolder && m[2] != "" {
			continue
		}
		n := 1
		switch {
		case number != topFolder:
			n = number
		case m[2] != "":
			n, _ = strconv.Atoi(m[2])
		}
		if numbered[n] == nil {
			numbered[n] = dump{}
		}
		if err := numbered[n].load(m[1]+m[3], path); err != nil {
			return err
		}
	}
	return nil
}

func sortedKeys(m map[int]dump) []int {
	keys := make([]int, 0, len(m))
	for n := range m {
		keys = append(keys, n)
	}
	slices.Sort(keys)
	return keys
}

func (d dump) snapshot() outage.Snapshot {
	var snap outage.Snapshot
	if text, ok := d[restKind]; ok {
		saved, err := restore(text)
		if err == nil {
			return d.captured(saved)
		}
		missing(&snap, restName, err.Error())
	}
	if text, ok := d.said(&snap, infoKind, "INFO"); ok {
		if snap.Info = ParseInfo(text); len(snap.Info) == 0 {
			missing(&snap, "INFO", "its file has no fields")
		}
	}
	if text, ok := d.said(&snap, configKind, "CONFIG GET"); ok {
		if snap.Config = ParseConfig(text); len(snap.Config) == 0 {
			missing(&snap, "CONFIG GET", "its file has no settings")
		}
	}
	if text, ok := d.said(&snap, clientsKind, "CLIENT LIST"); ok {
		readClients(&snap, text)
	}
	if _, saved := d[nodesKind]; saved { // who has no cluster has none to save
		if text, ok := d.said(&snap, nodesKind, "CLUSTER NODES"); ok {
			readNodes(&snap, text)
		}
	}
	if text, ok := d.said(&snap, limitsKind, "limits"); ok {
		if p, err := ParseLimits(text); err != nil {
			missing(&snap, "limits", err.Error())
		} else {
			snap.Process = &p
		}
	}
	if text, ok := d[logKind]; ok {
		snap.Log, _ = ReadLog(strings.NewReader(text)) // a string does not fail
	} else {
		missing(&snap, "log", "not saved")
	}
	if text, ok := d.list(&snap, slowKind, "SLOWLOG"); ok {
		snap.Slow = ParseSlow(text)
	}
	if text, ok := d.list(&snap, aclKind, "ACL LOG"); ok {
		snap.ACLLog = ParseACLLog(text)
	}
	for line := range strings.Lines(d[errorKind]) {
		why, _ := saidInstead(line)
		missing(&snap, "saved output", why)
	}
	missing(&snap, "listen queue", "not part of saved output")
	missing(&snap, "sockets", "not part of saved output")
	return snap
}

// captured completes what rest.json holds: it says itself what could not be read.
func (d dump) captured(snap outage.Snapshot) outage.Snapshot {
	if text, ok := d[infoKind]; ok {
		snap.Info = ParseInfo(text)
	}
	if text, ok := d[configKind]; ok {
		snap.Config = ParseConfig(text)
	}
	if text, ok := d[clientsKind]; ok {
		readClients(&snap, text)
	}
	snap.Log, _ = ReadLog(strings.NewReader(d[logKind])) // a string does not fail
	return snap
}

// said returns the text of a kind, unless it was not saved or holds an error in its place.
func (d dump) said(snap *outage.Snapshot, kind, what string) (string, bool) {
	text, ok := d[kind]
	if !ok {
		missing(snap, what, "not saved")
		return "", false
	}
	if why, instead := saidInstead(text); instead {
		missing(snap, what, why)
		return "", false
	}
	return text, true
}

// list is said for an answer that may be empty.
func (d dump) list(snap *outage.Snapshot, kind, what string) (string, bool) {
	if text, saved := d[kind]; saved && isEmptyList(text) {
		return "", true
	}
	return d.said(snap, kind, what)
}
