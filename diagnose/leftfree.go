package diagnose

// leftFree reports whether slots were free after l's last connection for so long that a leak would have taken some: it
// goes on as long as it can, so that this one stopped by itself. What it opened rests, and leaks no more.
func (v *view) leftFree(l leaking) bool {
	youngest, _ := ageRange([]leaking{l})
	for i := len(v.looks) - 1; i >= 0; i-- {
		if v.fullAt(v.looks[i]) {
			continue
		}
		// The last look with room, or before: from the last connection to there nothing kept it from opening another.
		quiet := float64(youngest) - between(v.looks[i], v.now)
		return quiet >= idleEnough && quiet*l.rate >= slowest
	}
	return false
}
