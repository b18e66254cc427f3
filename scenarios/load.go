package scenarios

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
)

// Load reads and validates the catalogue at path. What is wrong with its content is a Mistakes.
func Load(path string) (*Catalogue, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	return Parse(path, data)
}

// Parse validates a catalogue and applies the defaults. file is its name in messages. What is wrong with the
// content is a Mistakes: all of it at once, except that nothing can be said beyond a syntax error.
func Parse(file string, data []byte) (*Catalogue, error) {
	l := &ledger{file: file, nodes: map[place]position{}}
	c := &Catalogue{File: file}
	root, ok := l.document(data)
	if ok {
		d := decoder{ledger: l, budget: maxNodes}
		if d.decode("", root, c); d.budget > 0 {
			l.checkCatalogue(c)
		}
	}
	if len(l.flaws) > 0 {
		return nil, l.mistakes()
	}
	return c, nil
}

// Select returns the scenarios whose name matches any of the globs, in the order of the catalogue; all of them when
// there is no glob. A glob that matches nothing is an error.
func (c *Catalogue) Select(globs ...string) ([]Scenario, error) {
	if len(globs) == 0 {
		return c.Scenarios, nil
	}
	chosen := map[string]bool{}
	var errs []error
	for _, glob := range globs {
		if err := c.choose(glob, chosen); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	var selected []Scenario
	for _, s := range c.Scenarios {
		if chosen[s.Name] {
			selected = append(selected, s)
		}
	}
	return selected, nil
}

func (c *Catalogue) choose(glob string, chosen map[string]bool) error {
	var names []string
	matched := false
	for _, s := range c.Scenarios {
		names = append(names, s.Name)
		ok, err := path.Match(glob, s.Name)
		if err != nil {
			return fmt.Errorf("scenario pattern %q: %w", glob, err)
		}
		if ok {
			chosen[s.Name], matched = true, true
		}
	}
	if !matched {
		return fmt.Errorf("no scenario matches %q (%s)", glob, suggest(strings.Trim(glob, "*"), names))
	}
	return nil
}
