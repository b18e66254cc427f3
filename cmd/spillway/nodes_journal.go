package main

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"spillway/remedy"
)

// openJournals makes a folder with a journal for each node that has a plan; nil stands for those that have none. Where nobody has one, there
// is no folder.
func openJournals(v *viper.Viper, all []*treatment) (dir string, journals []*os.File, err error) {
	journals = make([]*os.File, len(all))
	if !slices.ContainsFunc(all, (*treatment).acts) {
		return "", journals, nil
	}
	dir = cmp.Or(v.GetString("journal"), journalName())
	if err := os.Mkdir(dir, 0o700); err != nil {
		return dir, nil, usage(fmt.Sprintf("journals: %v", err), "--journal names another folder; nothing was changed")
	}
	for i, t := range all {
		if !t.acts() {
			continue
		}
		path := filepath.Join(dir, fileOf(t.Address)+".jsonl")
		if journals[i], err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err != nil {
			return dir, nil, usage(fmt.Sprintf("journals: %v", err), "nothing was changed")
		}
	}
	syncFolder(filepath.Join(dir, "any")) // the names in it, then its own
	syncFolder(dir)
	return dir, journals, nil
}

// nodeJournal is the journal of one node of many, and where it is.
type nodeJournal struct {
	remedy.Journal
	path string
}

// undoNodes restores on each node what its journal says was changed.
func undoNodes(cmd *cobra.Command, v *viper.Viper, d *deployment) error {
	paths, err := journalsAt(v.GetString("undo"))
	if err != nil {
		return err
	}
	byNode, err := journalsByNode(paths)
	if err != nil {
		return err
	}
	var all []*treatment
	code := exitPass
	for _, n := range d.nodes {
		journal, named := byNode[n.Addr]
		if !named {
			continue
		}
		delete(byNode, n.Addr)
		t := &treatment{Address: n.Name, Role: string(n.Role), node: n}
		all = append(all, t)
		code = worse(code, t.undo(cmd, v, d, journal.Journal))
	}
	for _, addr := range slices.Sorted(maps.Keys(byNode)) {
		complain("", fmt.Sprintf("%s is no node here any more: %s was left alone", addr, byNode[addr].path))
		code = worse(code, exitInconclusive)
	}
	if v.GetString("format") == "json" {
		if err := writeTreatments(cmd.OutOrStdout(), all); err != nil {
			return err
		}
	}
	return exitWith(code)
}

func (t *treatment) undo(cmd *cobra.Command, v *viper.Viper, d *deployment, journal remedy.Journal) int {
	err := t.node.hold(cmd.Context(), d)
	if err == nil {
		t.Actions, err = journal.Undo(cmd.Context(), t.node.conn)
	}
	for _, done := range t.Actions {
		sayOf(cmd, v, t.Address, done)
	}
	if err != nil {
		t.Error = oneLine(err)
		complain("", t.Address+": "+t.Error)
	} else if len(t.Actions) == 0 {
		complain("", t.Address+": its journal has no change in it: there is nothing to undo")
	}
	return outcome(t.Actions, err)
}

// journalsAt lists the journals of a folder, or the one that path is.
func journalsAt(path string) ([]string, error) {
	const hint = "--undo names the folder of journals that --apply wrote, or one of them; nothing was changed"
	info, err := os.Stat(path)
	if err != nil {
		return nil, usage(err.Error(), hint)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	paths, err := filepath.Glob(filepath.Join(escaped(path), "*.jsonl"))
	if err != nil || len(paths) == 0 {
		return nil, usage("no journal in "+path, hint)
	}
	return paths, nil
}

// journalsByNode reads all of them before anything is undone.
func journalsByNode(paths []string) (map[string]nodeJournal, error) {
	byNode := map[string]nodeJournal{}
	for _, path := range paths {
		journal, err := readJournal(path)
		other, twice := byNode[journal.Node]
		switch {
		case err != nil:
			return nil, err
		case journal.Started.IsZero():
			complain("", path+": nothing was begun")
		case journal.Node == "":
			return nil, usage(path+" is the journal of a single Redis", "undo it there: spillway remedy redis://host:port --undo "+path)
		case twice:
			return nil, usage(fmt.Sprintf("%s and %s are both of %s", other.path, path, journal.Node), "undo the later one first, by its name; nothing was changed")
		default:
			byNode[journal.Node] = nodeJournal{journal, path}
		}
	}
	return byNode, nil
}

// escaped makes a path mean itself to filepath.Glob.
func escaped(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
