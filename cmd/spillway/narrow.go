package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"spillway/outage"
	"spillway/remedy"
	"spillway/report"
)

// patterns is a flag that may be given several times. Unlike a list it does not split at commas, which names may have.
type patterns struct {
	list  []string
	check func(string) error
	kind  string
}

func (p *patterns) Set(text string) error {
	if err := p.check(text); err != nil {
		return err
	}
	p.list = append(p.list, text)
	return nil
}

func (p *patterns) Type() string { return p.kind }

// String writes the list as viper reads one; empty for none, so that help shows no default.
func (p *patterns) String() string {
	if len(p.list) == 0 {
		return ""
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(p.list)
	w.Flush()
	return "[" + strings.TrimSuffix(b.String(), "\n") + "]"
}

// narrowFlags are the flags that take connections away from what the diagnosis has evidence against.
func narrowFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	list := func(name, kind, help string, check func(string) error) {
		f.Var(&patterns{check: check, kind: kind}, name, help)
		complete(cmd, name, cobra.NoFileCompletions)
	}
	list("match-name", "glob", "close only connections of such a name, such as api-*; may be repeated", remedy.CheckGlob)
	list("match-addr", "addr", "close only connections from this address, CIDR or ip:port; may be repeated", remedy.CheckAddr)
	list("match-user", "glob", "close only connections of such an ACL user; may be repeated", remedy.CheckGlob)
	list("match-lib", "glob", "close only connections of such a library, such as go-redis*; may be repeated", remedy.CheckGlob)
	list("ignore-name", "glob", "close no connection of such a name; may be repeated", remedy.CheckGlob)
	list("ignore-addr", "addr", "close no connection from this address, CIDR or ip:port; may be repeated", remedy.CheckAddr)
	f.Duration("idle-over", 0, "spare connections that were idle for less (default: by cause)")
	f.Int("max", 0, "close at most so many connections in all, of each node where there are many, the oldest first (0: no bound)")
	f.String("victims", "all", "all, or oldest: only the one that is connected for longest, to see what comes of it")
	between(cmd, "max", 0, 1_000_000)
	atLeast(cmd, "idle-over", 0)
	oneOf(cmd, "victims", "all", "oldest")
}

// narrowed reads those flags.
func narrowed(cmd *cobra.Command, v *viper.Viper) remedy.Options {
	list := func(name string) []string {
		p, ok := cmd.Flags().Lookup(name).Value.(*patterns)
		if !ok {
			panic(name + " is no list of patterns") // a mistake in this package
		}
		return p.list
	}
	o := remedy.Options{
		IdleOver: outage.Duration(v.GetDuration("idle-over")), MaxVictims: v.GetInt("max"),
		Select: remedy.Selection{
			MatchName: list("match-name"), MatchAddr: list("match-addr"), MatchUser: list("match-user"), MatchLib: list("match-lib"),
			IgnoreName: list("ignore-name"), IgnoreAddr: list("ignore-addr"),
		},
	}
	if v.GetString("victims") == "oldest" {
		o.MaxVictims = 1
	}
	return o
}

// mostThere is how many of what could have been matched a hint lists.
const mostThere = 5

// matchless says what an expression that matches nothing could have matched.
func matchless(err error) error {
	none := new(remedy.Nothing)
	if !errors.As(err, &none) {
		return err
	}
	text := report.Clean(none.Error(), 0) + "; nothing was changed"
	switch {
	case none.Of == 0:
		return usage(text, "leave --match-… and --ignore-… out; the dry run then says what else can be done")
	case none.Flag == "":
		return usage(text, "give fewer of them; without any the dry run says who would be closed")
	}
	var there []string
	for i, word := range none.There {
		if i == mostThere {
			there = append(there, fmt.Sprintf("%d more", len(none.There)-i))
			break
		}
		if word == "" {
			word = "(none)"
		}
		there = append(there, report.Clean(word, 80))
	}
	hint := "there is " + strings.Join(there, ", ")
	if near := nearestWord(none.Pattern, none.There); near != "" {
		hint = "did you mean " + report.Clean(near, 80) + "? " + hint
	}
	return usage(text, hint)
}

// nearestWord is what pattern was probably meant to be; empty when nothing is near. What a glob leaves open is left open.
func nearestWord(pattern string, words []string) string {
	fixed, _, open := strings.Cut(pattern, "*")
	best, distance := "", 3
	for _, w := range words {
		if open && len(w) > len(fixed) {
			w = w[:len(fixed)]
		}
		d := levenshtein.Distance(strings.ToLower(fixed), strings.ToLower(w), nil)
		if d < min(distance, len(fixed)) {
			best, distance = w, d
			if open {
				best += pattern[len(fixed):]
			}
		}
	}
	return best
}
