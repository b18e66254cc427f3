// Package spillway holds what the binary carries with it: the catalogue of scenarios, so that `spillway run` works in
// an empty folder. It stands at the module's root because an embedded file cannot stand above its package. It reads
// nothing; package scenarios does.
package spillway

import _ "embed"

// Catalogue is scenarios.yaml as it was when the binary was built.
//
//go:embed scenarios.yaml
var Catalogue []byte
