package observe

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"spillway/outage"
)

// Capture saves snapshots in a new folder: INFO, CONFIG, CLIENT LIST and the log as WriteFiles does, and in rest.json what
// else was seen, of the server's host as well. ReadFiles reads all of it back. What may be secret is left out: the arguments of slow
// commands, and the keys and channels of ACL LOG. Passwords are not read in the first place.
//
// The folder is complete or not there. It is an error when dir is there already.
func Capture(dir string, snapshots ...outage.Snapshot) error {
	return complete(dir, func(unfinished string) error {
		if err := WriteFiles(unfinished, snapshots...); err != nil {
			return err
		}
		for i, snap := range snapshots {
			data, err := json.MarshalIndent(rest(snap), "", " ")
			if err == nil {
				err = os.WriteFile(filepath.Join(unfinished, fmt.Sprint(i+1), restName), append(outage.HarmlessJSON(data), '\n'), 0o644)
			}
			if err != nil {
				return fmt.Errorf("save snapshots: %w", err)
			}
		}
		return nil
	})
}

// complete makes the folder dir, which fill fills, under another name until that is done.
func complete(dir string, fill func(unfinished string) error) error {
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("save snapshots: %s is there already", dir)
	}
	parent, name := filepath.Split(filepath.Clean(dir))
	if err := os.MkdirAll(filepath.Join(parent, "."), 0o755); err != nil {
		return fmt.Errorf("save snapshots: %w", err)
	}
	unfinished, err := os.MkdirTemp(filepath.Join(parent, "."), "."+name+"-")
	if err != nil {
		return fmt.Errorf("save snapshots: %w", err)
	}
	defer func() { _ = os.RemoveAll(unfinished) }()
	if err := fill(unfinished); err != nil {
		return err
	}
	if err := os.Chmod(unfinished, 0o755); err != nil {
		return fmt.Errorf("save snapshots: %w", err)
	}
	if err := os.Rename(unfinished, dir); err != nil {
		return fmt.Errorf("save snapshots: %w", err)
	}
	return nil
}

// rest is what WriteFiles leaves out of a snapshot, without what may be secret.
func rest(snap outage.Snapshot) outage.Snapshot {
	snap.Info, snap.Config, snap.Clients, snap.Census, snap.Log = nil, nil, nil, nil, nil
	slow := make([]outage.SlowCommand, 0, len(snap.Slow))
	for _, c := range snap.Slow {
		c.Command, _, _ = strings.Cut(c.Command, " ")
		slow = append(slow, c)
	}
	denied := make([]outage.ACLEntry, 0, len(snap.ACLLog))
	for _, e := range snap.ACLLog {
		if e.Reason == "key" || e.Reason == "channel" {
			e.Object = ""
		}
		denied = append(denied, e)
	}
	snap.Slow, snap.ACLLog = slow, denied
	return snap
}

// restore takes what rest.json holds.
func restore(text string) (outage.Snapshot, error) {
	var snap outage.Snapshot
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&snap)
	snap.Info, snap.Config, snap.Clients, snap.Census, snap.Log = nil, nil, nil, nil, nil
	return snap, err
}
