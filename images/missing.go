package images

import (
	"errors"
	"strings"
)

// MissingError says that there is no image to run: what was tried, one line each, and what to do.
type MissingError struct {
	Asked string
	Tried []string
	Hint  string // what to install or do
}

// Error lists everything, so that the message stands alone.
func (e *MissingError) Error() string {
	var b strings.Builder
	b.WriteString("no image for " + e.Asked)
	for _, line := range e.Tried {
		b.WriteString("\n  tried: " + line)
	}
	if e.Hint != "" {
		b.WriteString("\nhint: " + e.Hint)
	}
	return b.String()
}

// because adds the last thing that was tried. Cancellation is nobody's missing image and stays what it is.
func (e *MissingError) because(err error) error {
	if cancelled(err) {
		return err
	}
	e.Tried = append(e.Tried, err.Error())
	e.Hint = hintFor(err, e.Asked)
	return e
}

// hinted is an error that knows what to do about it.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

func hintFor(err error, asked string) string {
	load := "bring the image here from a machine that has it: docker save " + asked + " | docker load"
	var h hinted
	if errors.As(err, &h) {
		return h.hint + "; or " + load
	}
	return load
}
