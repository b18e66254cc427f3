package watch

import (
	"time"

	"spillway/outage"
)

// ViewVersion is the version of a View as JSON; fields are only ever added to it.
const ViewVersion = 1

// View is all there is to see at one time.
type View struct {
	Version int             `json:"version"`
	Time    time.Time       `json:"time"`
	At      outage.Duration `json:"at"`               // since the watch began
	Target  string          `json:"target"`           // the URL, without a password
	Server  string          `json:"server,omitempty"` // product and version; empty until Redis told
	// Trouble says why Redis is not seen now: no slot, no connection. All else is then what was seen last, LastSeen.
	Trouble  string          `json:"trouble,omitempty"`
	LastSeen outage.Duration `json:"last_seen"`
	Outside  []string        `json:"outside,omitempty"` // what the server's own machine shows meanwhile

	Slots    Slots    `json:"slots"`
	Refused  Refused  `json:"refused"`
	Forecast Forecast `json:"forecast"`

	// Services are those of the latest list of clients, largest first; nil where it cannot be read. ServicesOver is the time over
	// which they grew: that of the forecast, up to half a minute; 0 while that is not known.
	Services     []Service       `json:"services"`
	ServicesOver outage.Duration `json:"services_over,omitempty"`

	Verdict  Verdict   `json:"verdict"`
	Findings []Finding `json:"findings"`
	Unsure   []string  `json:"unsure,omitempty"` // what kept the diagnosis from telling
	// Plan is what would be done about it, in a few words each, and Next the lines to type.
	Plan []string `json:"plan,omitempty"`
	Next []string `json:"next,omitempty"`

	Cost  Cost   `json:"cost"`
	Notes []Note `json:"notes,omitempty"` // what happened lately, oldest first
}

// Verdict is what a look comes to.
type Verdict string

// The verdicts; the zero value, before a first look, is none of them.
const (
	Healthy    Verdict = "healthy"
	Found      Verdict = "findings"
	CannotTell Verdict = "cannot-tell"
)

// Slots are the connections that count towards maxclients.
type Slots struct {
	Taken    int `json:"taken"`
	Limit    int `json:"limit"` // in force; 0 when it cannot be read
	Free     int `json:"free"`
	Clients  int `json:"clients"`
	Replicas int `json:"replicas"`
	Links    int `json:"cluster_links"`
}

// Refused are the connections that Redis turned away.
type Refused struct {
	PerSecond float64 `json:"per_second"` // between the latest two looks
	Total     int64   `json:"total"`      // since the watch began
}

// Service is a row of the table.
type Service struct {
	Service     string  `json:"service"`
	Connections int     `json:"connections"`
	Hosts       int     `json:"hosts"`
	Growth      float64 `json:"growth_per_second"`
}

// Finding is one of the diagnosis. It is sure when it is more likely than not, and two looks in a row agree on it.
type Finding struct {
	outage.Finding
	Sure  bool            `json:"sure"`
	Since outage.Duration `json:"since"` // when it was seen first
}

// Cost is what the watch takes from Redis.
type Cost struct {
	Look  outage.Duration `json:"look"`  // of Redis's time, for one list of the clients and what is read beside it
	Every outage.Duration `json:"every"` // how often that is
	Share float64         `json:"share"` // of Redis's time, over the last minute, 0 to 1
	// By is commandstats where Redis itself tells, and clock where all that is known is how long its answers took to come.
	By string `json:"by,omitempty"`
}

// Note is something that happened.
type Note struct {
	At   outage.Duration `json:"at"`
	Text string          `json:"text"`
}
