package main

import (
	"cmp"
	"fmt"
	"io"
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
	if !slices.ContainsFunc(all, func(t *treatment) bool { return t.Plan != nil }) {
		return "", journals, nil
	}
	dir = cmp.Or(v.GetString("journal"), journalName())
	if err := os.Mkdir(dir, 0o700); err != nil {
		return dir, nil, usage(fmt.Sprintf("journals: %v", err), "--journal names another folder; nothing was changed")
	}
	for i, t := range all {
		if t.Plan == nil {
			continue
		}
		path := filepath.Join(dir, fileOf(t.Address)+".jsonl")
		if journals[i], err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err != nil {
			return dir, nil, usage(fmt.Sprintf("journals: %v", err), "nothing was changed")
		}
	}
	return dir, journals, nil
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
		path, named := byNode[n.Addr]
		if !named {
			continue
		}
		delete(byNode, n.Addr)
		t := &treatment{Address: n.Name, Role: string(n.Role), node: n}
		all = append(all, t)
		code = worse(code, t.undo(cmd, v, d, path))
	}
	for _, addr := range sorted(byNode) {
		fmt.Fprintf(os.Stderr, "%s is no node here any more: %s was left alone\n", addr, byNode[addr])
		code = worse(code, exitInconclusive)
	}
	if v.GetString("format") == "json" {
		if err := writeTreatments(cmd.OutOrStdout(), all); err != nil {
			return err
		}
	}
	return exitWith(code)
}

func (t *treatment) undo(cmd *cobra.Command, v *viper.Viper, d *deployment, path string) int {
	journal, err := os.Open(path)
	if err == nil {
		defer closeQuietly(journal)
		if err = t.node.hold(cmd.Context(), d); err == nil {
			t.Actions, err = remedy.Undo(cmd.Context(), t.node.conn, journal)
		}
	}
	for _, done := range t.Actions {
		sayOf(cmd, v, t.Address, done)
	}
	if err != nil {
		t.Error = oneLine(err)
		fmt.Fprintf(os.Stderr, "%s: %s\n", t.Address, t.Error)
	} else if len(t.Actions) == 0 {
		fmt.Fprintf(os.Stderr, "%s: its journal has no change in it: there is nothing to undo\n", t.Address)
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

// journalsByNode reads of which node each is. All of them are read before anything is undone.
func journalsByNode(paths []string) (map[string]string, error) {
	byNode := map[string]string{}
	for _, path := range paths {
		addr, err := nodeOf(path)
		switch {
		case err != nil:
			return nil, usage(fmt.Sprintf("%s: %v", path, err), "--undo names journals that --apply wrote; nothing was changed")
		case addr == "" && isEmpty(path):
			fmt.Fprintf(os.Stderr, "%s: nothing was begun\n", path)
		case addr == "":
			return nil, usage(path+" is the journal of a single Redis", "undo it there: spillway remedy redis://host:port --undo "+path)
		case byNode[addr] != "":
			return nil, usage(fmt.Sprintf("%s and %s are both of %s", byNode[addr], path, addr), "undo the later one first, by its name; nothing was changed")
		default:
			byNode[addr] = path
		}
	}
	return byNode, nil
}

func nodeOf(path string) (addr string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer closeQuietly(f)
	return remedy.JournalNode(f)
}

// isEmpty reports whether a journal ends before its first change.
func isEmpty(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer closeQuietly(f)
	text, err := io.ReadAll(io.LimitReader(f, 1<<16))
	return err == nil && !slices.Contains(text, '\n')
}

// escaped makes a path mean itself to filepath.Glob.
func escaped(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
