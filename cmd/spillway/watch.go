package main

import (
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	"spillway/outage"
	"spillway/report"
	"spillway/watch"
)

func watchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "watch URL",
		Short: "Watch a live Redis fill: who grows, when it is full, what to type",
		Long: `Watch keeps one connection to a Redis and shows, live: how many slots are taken,
how each service grows, when none will be left, what is wrong as soon as it is
sure, and the command to type. It changes nothing. It lists the clients as often
as --interval says, and less often where that would take more than 1 % of Redis's
time; what it takes is shown. A time until full is an interval, in which nine of
ten lie if the growth stays what it was; where there is no telling, it says so.
When Redis is full, or the connection is lost, it tries for a slot until it has
one, and goes on.

On a terminal it is one screen, and q or Ctrl-C ends it. Elsewhere it is a line a
look, or with -o json an object a look: JSON Lines, with a field "version". While
Redis is not seen, a field "trouble" says why, every ten seconds.

--exec runs a command by sh, once for each finding that becomes sure: the finding
comes as JSON on its standard input, and SPILLWAY_CAUSE, SPILLWAY_CONFIDENCE,
SPILLWAY_URL, SPILLWAY_SLOTS and SPILLWAY_MAXCLIENTS are set. Nothing that a client
chose, such as its name, is in the command or the environment. It has 30 seconds;
when it fails, that is told, and the watch goes on.

Exit codes: 0 ended by q, Ctrl-C or SIGTERM, 2 wrong usage, 3 no answer at the
start. With --once: 0 nothing is wrong, 1 findings, 3 cannot tell.`,
		Example: `  spillway watch redis://10.0.0.5:6379
  spillway watch redis://10.0.0.5:6379 --once             # one screen, for a ticket
  spillway watch redis://10.0.0.5:6379 -o json | jq -c .forecast
  spillway watch redis://10.0.0.5:6379 --exec './page-me "$SPILLWAY_CAUSE"'`,
		Args:              exactArgs(1, "one redis:// URL"),
		RunE:              runWatch,
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := cmd.Flags()
	f.Bool("once", false, "one screen after some looks, and the exit code of diagnose")
	f.Duration("interval", time.Second, "time between looks, where Redis can afford it")
	f.Int("samples", 6, "looks for --once: fewer than four tell no time until full")
	f.Duration("wait", 10*time.Second, "how long --once keeps trying for a slot when Redis is full; without --once there is no end")
	f.Int("pid", 0, "process of the server, on its own machine: its limits, listen queue and sockets are read too, with no slot")
	f.String("exec", "", "a command to run for each finding that becomes sure")
	f.StringP("format", "o", "text", "text or json")
	f.Bool("json", false, "the same as -o json")
	oneOf(cmd, "format", "text", "json")
	atLeast(cmd, "interval", 500*time.Millisecond)
	between(cmd, "samples", 2, 1000)
	atLeast(cmd, "wait", 0)
	connectFlags(cmd)
	return cmd
}

func runWatch(cmd *cobra.Command, args []string) error {
	v, err := settings(cmd)
	if err != nil {
		return err
	}
	if err := checkWatch(cmd, v); err != nil {
		return err
	}
	o, err := address(cmd, v, args[0])
	if err != nil {
		return err
	}
	outside, err := newOutside(v.GetInt("pid"), o)
	if err != nil {
		return err
	}
	begin := time.Now()
	w := &watcher{
		options: o, flags: v, outside: outside, every: v.GetDuration("interval"), begin: begin,
		watch: watch.Watch{Began: begin, Target: toType(o), Secret: o.Password != "", Every: outage.Duration(v.GetDuration("interval"))},
		hook:  newHook(v.GetString("exec"), o),
	}
	if v.GetBool("once") {
		w.looks, w.wait = v.GetInt("samples"), v.GetDuration("wait")
		return once(cmd, v, w)
	}
	return live(cmd, v, w)
}

// checkWatch refuses what would not be done.
func checkWatch(cmd *cobra.Command, v *viper.Viper) error {
	for _, name := range []string{"samples", "wait"} {
		if cmd.Flags().Changed(name) && !v.GetBool("once") {
			return usage("--"+name+" is for --once", "add --once, or leave it out: without it, watch goes on until it is ended")
		}
	}
	if cmd.Flags().Changed("format") && v.GetString("format") != "json" && v.GetBool("json") {
		return usage("--json and -o "+v.GetString("format")+" exclude each other", "leave one of them out")
	}
	if v.GetString("exec") != "" {
		if _, err := exec.LookPath("sh"); err != nil {
			return usage("--exec: "+err.Error(), "it needs sh on the PATH")
		}
	}
	return nil
}

func asJSON(v *viper.Viper) bool { return v.GetBool("json") || v.GetString("format") == "json" }

// once shows the last of some looks, and turns it into the exit code.
func once(cmd *cobra.Command, v *viper.Viper, w *watcher) error {
	w.show = func(watch.View) error { return nil }
	err := w.run(cmd.Context())
	if err != nil {
		return err
	}
	last := w.watch.View(w.now())
	if out := cmd.OutOrStdout(); asJSON(v) {
		err = report.WatchJSON(out, last)
	} else {
		err = report.Watch(out, last, report.Options{Color: color(), Width: width(os.Stdout)})
	}
	switch {
	case err != nil:
		return err
	case last.Trouble != "" || last.Verdict == watch.CannotTell:
		return &exit{code: exitInconclusive}
	case last.Verdict == watch.Found:
		return &exit{code: exitFail}
	}
	return nil
}

// live shows every look until it is ended.
func live(cmd *cobra.Command, v *viper.Viper, w *watcher) error {
	if !asJSON(v) && isTerminal(os.Stdout) {
		return onScreen(cmd.Context(), w)
	}
	log := logged{out: cmd.OutOrStdout(), json: asJSON(v)}
	w.show = log.show
	err := w.run(cmd.Context())
	if cmd.Context().Err() != nil {
		return nil // ended as it should be
	}
	return err
}

// troubleEvery is how often a log repeats that Redis is not seen.
const troubleEvery = outage.Duration(10 * time.Second)
