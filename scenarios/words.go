package scenarios

import (
	"strings"

	"github.com/agext/levenshtein"

	"spillway/outage"
)

// Workloads returns how a client may behave, with a line each. Package fleet implements exactly these.
func Workloads() []outage.Described[string] {
	return []outage.Described[string]{
		{Word: "leaky", Meaning: "opens a new client for each request and never closes it"},
		{Word: "pooled", Meaning: "shares one pool of connections among all requests"},
		{Word: "idle", Meaning: "opens its connections, uses each once and keeps them without a word"},
		{Word: "subscriber", Meaning: "opens a connection for each channel it subscribes to, and stays"},
		{Word: "blocked", Meaning: "waits for work on each of its connections with BLPOP, without end"},
		{Word: "silent", Meaning: "opens its connections and never sends a byte"},
		{Word: "reconnecting", Meaning: "opens its connections anew over and over, without back-off"},
		{Word: "bursting", Meaning: "opens all its connections at the same instant, closes them at the next burst"},
		{Word: "transaction", Meaning: "watches a key on each of its connections for a while, then MULTI and EXEC"},
	}
}

// Responders returns who may answer an outage, with a line each.
func Responders() []outage.Described[string] {
	return []outage.Described[string]{
		{Word: "spillway", Meaning: "the built-in diagnosis and remedy"},
		{Word: "none", Meaning: "nobody: the control"},
		{Word: "human", Meaning: "a person with a redis-cli: a game day"},
		{Word: "exec:PATH", Meaning: "an executable of the user's own"},
	}
}

// sufferings are the outcomes that expect.suffer may name: all but success.
func sufferings() []string {
	return words([]outage.Outcome{
		outage.Refused, outage.PoolTimeout, outage.Reset, outage.NoPort, outage.NoFile,
		outage.TimedOut, outage.Denied, outage.Down, outage.Failed,
	})
}

// causes are what expect.cause may name.
func causes() []string { return append(described(outage.Causes()), string(Nothing)) }

// deeds are the kinds of action that change something: what expect.actions may name.
func deeds() []string {
	var kinds []string
	for _, kind := range described(outage.ActionKinds()) {
		if kind != string(outage.Advise) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

func described[T ~string](list []outage.Described[T]) []string {
	out := make([]string, len(list))
	for i, d := range list {
		out[i] = string(d.Word)
	}
	return out
}

func words[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = string(w)
	}
	return out
}

// nearest returns the word that was probably meant; ok is false when none resembles it.
func nearest(word string, known []string) (best string, ok bool) {
	word = strings.ToLower(strings.ReplaceAll(word, "_", "-"))
	limit := max(2, len(word)/3)
	for _, k := range known {
		if d := levenshtein.Distance(word, k, nil); d <= limit && d < max(len(word), len(k)) {
			best, ok, limit = k, true, d-1
		}
	}
	for _, k := range known { // poolsize for size, kill for kill-clients
		if !ok && min(len(word), len(k)) >= 4 && (strings.Contains(word, k) || strings.Contains(k, word)) {
			return k, true
		}
	}
	return best, ok
}

// suggest is the hint for a word that is not known: the nearest one, else all of them.
func suggest(word string, known []string) string {
	if best, ok := nearest(word, known); ok {
		return "did you mean " + best + "?"
	}
	if len(known) == 0 {
		return ""
	}
	return "known: " + strings.Join(known, ", ")
}
