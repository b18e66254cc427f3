package outage

// ActionKind is what a remedy does.
type ActionKind string

// The kinds of action. Advise changes nothing: it says what only a person or a deploy can do.
const (
	KillClients     ActionKind = "kill-clients"
	SetTimeout      ActionKind = "set-timeout"
	SetKeepalive    ActionKind = "set-keepalive"
	RaiseMaxclients ActionKind = "raise-maxclients"
	RaiseNofile     ActionKind = "raise-nofile"
	RestartRedis    ActionKind = "restart-redis"
	ResetSockets    ActionKind = "reset-sockets"
	Advise          ActionKind = "advise"
)

// ActionKinds returns every kind with a one-line description.
func ActionKinds() []Described[ActionKind] {
	return []Described[ActionKind]{
		{KillClients, "close connections the diagnosis has evidence against, by id"},
		{SetTimeout, "CONFIG SET timeout, so that idle connections are reaped"},
		{SetKeepalive, "CONFIG SET tcp-keepalive, so that vanished peers are noticed"},
		{RaiseMaxclients, "CONFIG SET maxclients, within the file descriptor limit"},
		{RaiseNofile, "raise the file descriptor limit of the running server"},
		{RestartRedis, "restart the server with a higher file descriptor limit"},
		{ResetSockets, "reset connections on the server's machine, where no slot is free to do it by id"},
		{Advise, "say what a person has to do: nothing is changed"},
	}
}

// ActionState is how far an action got.
type ActionState string

// The states of an action. The zero value is a plan that nobody has applied.
const (
	Planned ActionState = ""
	Done    ActionState = "done"
	Skipped ActionState = "skipped" // its precondition did not hold; Result says why
	Errored ActionState = "errored" // it was tried; Result says what Redis answered
	Undone  ActionState = "undone"
)

// Action is one step of a remedy, planned or carried out.
type Action struct {
	Kind ActionKind `json:"kind"`
	// Relief stops the bleeding; without it the action prevents a return or ends the cause.
	Relief       bool     `json:"relief,omitempty"`
	Reason       string   `json:"reason"`
	After        Duration `json:"after,omitempty"`        // how long is waited first
	Precondition string   `json:"precondition,omitempty"` // checked again just before it is applied
	Commands     []string `json:"commands,omitempty"`     // exactly what is sent, as redis-cli lines
	Undo         []string `json:"undo,omitempty"`         // what restores the state before; empty when nothing can
	Param        string   `json:"param,omitempty"`        // the setting that changes
	From         string   `json:"from,omitempty"`
	To           string   `json:"to,omitempty"`
	Instead      string   `json:"instead,omitempty"` // what Param becomes where an earlier action did not make the room that To needs; empty for nothing
	Victims      []Victim `json:"victims,omitempty"` // of kill-clients and reset-sockets
	Slots        int      `json:"slots,omitempty"`   // how many slots it frees, at once or soon, as far as the snapshot tells
	Frees        []string `json:"frees,omitempty"`   // whose those are and when they are free, a line each; empty for advice

	State  ActionState `json:"state,omitempty"`
	At     Duration    `json:"at,omitempty"`     // when it was finished
	Result string      `json:"result,omitempty"` // what Redis answered, or why it was skipped
	Killed []Victim    `json:"killed,omitempty"` // the victims that were still what the plan took them for
	Spared int         `json:"spared,omitempty"` // the victims that were not
}

// Victim is a connection that a plan means to kill, as the diagnosis saw it.
type Victim struct {
	ID   int64  `json:"id"` // of CLIENT LIST; of reset-sockets the cookie of the socket
	Addr string `json:"addr"`
	Name string `json:"name,omitempty"`
	Age  int64  `json:"age"`
	Idle int64  `json:"idle"`
	Cmd  string `json:"cmd,omitempty"` // the last command
	// Received counts the bytes that had come from a victim of reset-sockets: while they are as many, it has done nothing.
	Received int64 `json:"received,omitempty"`
}

// Plan is an ordered remedy for one diagnosis.
type Plan struct {
	Cause    Cause    `json:"cause"`
	Actions  []Action `json:"actions"`
	Warnings []string `json:"warnings,omitempty"`
	// ReliefFor is how long the relief lasts at the growth seen, if nothing ends the cause; 0 when it does not run out.
	ReliefFor Duration `json:"relief_for,omitempty"`
	// Fix is what ends the cause for good and lies outside Redis, such as deploying a pooled client; empty when the actions do.
	Fix string `json:"fix,omitempty"`
	// ConfLines are the redis.conf lines that make the settings outlive a restart.
	ConfLines []string `json:"conf_lines,omitempty"`
	// Rewrite says what CONFIG REWRITE can and cannot persist here.
	Rewrite string `json:"rewrite,omitempty"`
}
