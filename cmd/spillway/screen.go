package main

import (
	"context"
	"errors"
	"os"
	"strings"

	tea "charm.land/bubbletea/v2"

	"spillway/report"
	"spillway/watch"
)

// screen draws the latest view of a watch on a terminal.
type screen struct {
	view    watch.View
	options report.Options
	height  int
	err     error // how the watch ended
}

// endedMsg is the message that the watch is over.
type endedMsg struct{ err error }

func (s screen) Init() tea.Cmd { return nil }

func (s screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch m := msg.(type) {
	case watch.View:
		s.view = m
	case tea.WindowSizeMsg:
		s.options.Width, s.height = m.Width, m.Height
	case endedMsg:
		s.err = m.err
		return s, tea.Quit
	case tea.KeyPressMsg:
		switch m.String() {
		case "q", "ctrl+c":
			return s, tea.Quit
		}
	}
	return s, nil
}

func (s screen) View() tea.View {
	v := tea.NewView(strings.Join(s.lines(), "\n"))
	v.AltScreen = true
	return v
}

// lines fill the screen, or say that there is nothing yet.
func (s screen) lines() []string {
	if s.height == 0 {
		return nil
	}
	if s.view.Version == 0 {
		return []string{"looking …"}
	}
	return report.WatchScreen(s.view, s.options, s.height)
}

// onScreen watches on the terminal. What was seen last stays there when it is over.
func onScreen(ctx context.Context, w *watcher) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	options := []tea.ProgramOption{tea.WithContext(ctx), tea.WithoutSignalHandler()}
	if !isTerminal(os.Stdin) {
		options = append(options, tea.WithInput(nil))
	}
	program := tea.NewProgram(screen{options: report.Options{Color: color()}}, options...)
	w.show = func(v watch.View) error {
		program.Send(v)
		return nil
	}
	done := make(chan error, 1)
	go func() {
		err := w.run(ctx)
		program.Send(endedMsg{err})
		done <- err
	}()
	last, err := program.Run()
	cancel()
	werr := <-done
	if s, ok := last.(screen); ok && s.view.Version != 0 {
		_ = report.Watch(os.Stdout, s.view, report.Options{Color: color(), Width: width(os.Stdout)})
		if s.err != nil {
			return s.err
		}
	}
	if err != nil && !errors.Is(err, tea.ErrProgramKilled) && !errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(werr, context.Canceled) {
		return nil
	}
	return werr
}
