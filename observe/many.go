package observe

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"spillway/outage"
)

// NodeCapture is what is saved of one node of many.
type NodeCapture struct {
	Address   string            `json:"address"`
	Role      string            `json:"role,omitempty"`
	Against   string            `json:"against,omitempty"` // what the other nodes say against it
	Unread    string            `json:"unread,omitempty"`  // why there are no snapshots of it
	Folder    string            `json:"folder,omitempty"`  // of its snapshots, within the folder of all; set by CaptureNodes
	Snapshots []outage.Snapshot `json:"-"`
}

// nodesName is the file that lists the nodes, and by which a folder of many is known.
const nodesName = "nodes.json"

// CaptureNodes saves snapshots of several nodes in a new folder, as Capture does each in a folder of its own within it. Nodes that
// could not be read are listed all the same. The folder is complete or not there.
func CaptureNodes(dir string, nodes []NodeCapture) error {
	return complete(dir, func(unfinished string) error {
		taken := map[string]bool{}
		for i := range nodes {
			n := &nodes[i]
			if len(n.Snapshots) == 0 {
				continue
			}
			n.Folder = nodeFolder(n.Address, taken)
			if err := Capture(filepath.Join(unfinished, n.Folder), n.Snapshots...); err != nil {
				return err
			}
		}
		data, err := json.MarshalIndent(nodes, "", " ")
		if err == nil {
			err = os.WriteFile(filepath.Join(unfinished, nodesName), append(outage.HarmlessJSON(data), '\n'), 0o644)
		}
		if err != nil {
			return fmt.Errorf("save snapshots: %w", err)
		}
		return nil
	})
}

// unfit is what a folder's name does without, since some system takes it for something else.
var unfit = regexp.MustCompile(`[^0-9a-z.-]+`)

// nodeFolder makes a name of an address, 10.0.0.5_6379 of 10.0.0.5:6379, that is not taken yet, and no number: that is a snapshot's.
func nodeFolder(address string, taken map[string]bool) string {
	base := strings.TrimLeft(unfit.ReplaceAllString(strings.ToLower(address), "_"), ".-")
	name := base
	for n := 2; name == "" || taken[name] || folder.MatchString(name); n++ {
		name = fmt.Sprintf("%s_%d", base, n)
	}
	taken[name] = true
	return name
}

// ReadNodes reads what CaptureNodes saved; is reports whether dir is such a folder at all.
func ReadNodes(dir string) (nodes []NodeCapture, is bool, err error) {
	data, err := os.ReadFile(filepath.Join(dir, nodesName))
	if errors.Is(err, os.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, true, err
	}
	name := filepath.Join(dir, nodesName)
	if err := json.Unmarshal(data, &nodes); err != nil {
		return nil, true, fmt.Errorf("%s: %w", name, err)
	}
	if len(nodes) == 0 {
		return nil, true, fmt.Errorf("%s: there is no node in it", name)
	}
	for i := range nodes {
		n := &nodes[i]
		if n.Folder == "" {
			continue
		}
		if !filepath.IsLocal(n.Folder) || filepath.Base(n.Folder) != n.Folder {
			return nil, true, fmt.Errorf("%s: node %d: %q is no folder beside it", name, i+1, n.Folder)
		}
		if n.Snapshots, err = ReadFiles(Files{Dir: filepath.Join(dir, n.Folder)}); err != nil {
			return nil, true, err
		}
	}
	return nodes, true, nil
}
