package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// checked is a flag's value that is checked whenever it is set, by the command line or by environment.
type checked struct {
	pflag.Value
	check func(text string) error // of the value as String writes it
}

func (c checked) Set(text string) error {
	if err := c.Value.Set(text); err != nil {
		return err
	}
	return c.check(c.Value.String())
}

func check(cmd *cobra.Command, name string, check func(text string) error) {
	f := cmd.Flags().Lookup(name)
	f.Value = checked{f.Value, check}
	if f.DefValue == "[]" || f.DefValue == "0s" {
		f.DefValue = "0" // nothing to show in help; pflag tells by the type, which it no longer knows
	}
}

// oneOf makes a flag refuse every other word, and completes it.
func oneOf(cmd *cobra.Command, name string, words ...string) {
	check(cmd, name, func(text string) error {
		if slices.Contains(words, text) || text == cmd.Flags().Lookup(name).DefValue {
			return nil
		}
		return errors.New(strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1])
	})
	complete(cmd, name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// between bounds a whole number.
func between(cmd *cobra.Command, name string, least, most int) {
	check(cmd, name, func(text string) error {
		if n, err := strconv.Atoi(text); err != nil || n < least || n > most {
			return fmt.Errorf("a whole number from %d to %d", least, most)
		}
		return nil
	})
}

// atLeast bounds a duration.
func atLeast(cmd *cobra.Command, name string, least time.Duration) {
	check(cmd, name, func(text string) error {
		if d, err := time.ParseDuration(text); err != nil || d < least {
			return fmt.Errorf("a duration of at least %s", least)
		}
		return nil
	})
}

// notEmpty refuses a list without an entry: an empty variable in a script must not mean everything.
func notEmpty(cmd *cobra.Command, name, want string) {
	check(cmd, name, func(text string) error {
		if strings.Trim(text, "[]") == "" {
			return errors.New(want)
		}
		return nil
	})
}

// wrongValue says that a value makes no sense, and what does.
func wrongValue(where, value string, f *pflag.Flag, why error) error {
	hint := why.Error()
	if _, own := f.Value.(checked); !own || isSyntax(why) {
		switch f.Value.Type() {
		case "int", "int64":
			hint = "a whole number, such as 7"
		case "duration":
			hint = "a duration, such as 30s or 10m"
		case "bool":
			hint = "true or false"
		}
	}
	return usage(fmt.Sprintf("bad value %q for %s", value, where), "want "+hint)
}

// isSyntax reports whether the value could not even be read as what the flag is.
func isSyntax(err error) bool {
	return errors.Is(err, strconv.ErrSyntax) || errors.Is(err, strconv.ErrRange) || strings.HasPrefix(err.Error(), "time: ")
}
