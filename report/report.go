// Package report is the voice: it writes results for people, for machines and for CI systems, and diagnoses in the
// style of redis's own doctors.
//
// It stands at the end of the flow and decides nothing: whatever it writes was already in the assert.Result or the
// outage.Diagnosis. Names and messages that came from Redis or its clients may be hostile, so every one of them goes
// through Clean on its way out.
package report

// Options say what the reader's screen can do. The zero value is 80 columns without color.
type Options struct {
	Color bool // the caller has looked at the terminal and at NO_COLOR
	Width int  // columns; 0 means 80
}

// Columns narrower than this cannot hold the table; a terminal that claims less is treated as if it had them.
const (
	defaultWidth = 80
	minWidth     = 60
)

func (o Options) width() int {
	if o.Width == 0 {
		return defaultWidth
	}
	return max(o.Width, minWidth)
}
