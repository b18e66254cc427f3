package outage

// LookAlike reports whether c is a trouble that is mistaken for the outage: clients suffer, and maxclients is not what
// stops them. A remedy for it does not wait for Redis to be full.
func (c Cause) LookAlike() bool {
	switch c {
	case FDExhausted, BacklogOverflow, PortExhaustion, ServerStalled, AccessDenied:
		return true
	}
	return false
}
