package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"spillway/report"
	"spillway/scenarios"
)

// Exit codes, the same for every verb.
const (
	exitPass         = 0
	exitFail         = 1 // a check failed, or diagnose found something
	exitUsage        = 2 // wrong usage, or a file that makes no sense
	exitInconclusive = 3 // nothing can be concluded, or the rig broke
	exitInterrupted  = 130
)

// exit is an error that carries an exit code; text may be empty when all has been said.
type exit struct {
	code int
	text string
	hint string
}

func (e *exit) Error() string { return e.text }

func usage(text, hint string) error { return &exit{exitUsage, text, hint} }

// exitCode says what went wrong, in the form `spillway: message` and `hint: what to try`.
func exitCode(err error) int {
	if err == nil {
		return exitPass
	}
	if e := new(exit); errors.As(err, &e) {
		complain("spillway: ", e.text)
		complain("hint: ", e.hint)
		return e.code
	}
	var mistakes scenarios.Mistakes
	if errors.As(err, &mistakes) {
		for _, m := range mistakes {
			complain("", m.String())
		}
		fmt.Fprintf(os.Stderr, "spillway: %s in %s: nothing was started\n", count(len(mistakes), "mistake"), mistakes[0].File)
		return exitUsage
	}
	complain("spillway: ", err.Error())
	return exitInconclusive
}

// complain writes text for a person on stderr, and nothing when there is none. What Redis said may be part of it, so it is made harmless,
// and only its first line begins where ours do.
func complain(label, text string) {
	if text == "" {
		return
	}
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			label = "  "
		}
		fmt.Fprintln(os.Stderr, label+report.Clean(line, 0))
	}
}

// interrupted is how a verb ends that Ctrl-C or SIGTERM cut short. One that came to its end all the same says so itself.
func interrupted(err error) error {
	e := new(exit)
	if err == nil || errors.As(err, &e) {
		return err
	}
	return &exit{exitInterrupted, "interrupted: " + err.Error(), ""}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
