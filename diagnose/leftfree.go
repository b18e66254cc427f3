package diagnose

// tookMuch is the part of the slots that others must have opened since, for a leak to have missed that many.
const tookMuch = 0.2

// leftFree reports whether slots were free after l's last connection for so long that a leak would have taken some: it
// goes on as long as it can, so that this one stopped by itself. What it opened rests, and leaks no more.
func (v *view) leftFree(l leaking) bool {
	youngest, _ := ageRange([]leaking{l})
	missed := func(quiet float64) bool { return quiet >= idleEnough && quiet*l.rate >= slowest }
	for i := len(v.looks) - 1; i >= 0; i-- {
		if v.fullAt(v.looks[i]) {
			continue
		}
		// The last look with room, or before: from the last connection to there nothing kept it from opening another.
		if missed(float64(youngest) - between(v.looks[i], v.now)) {
			return true
		}
		break
	}
	return missed(v.unrefused(float64(youngest))) || v.share(v.cameAfter(l)) >= tookMuch
}

// unrefused returns for how many seconds of the window, none of them more than youngest ago, everybody was let in, though
// the server may count as full: up to the last look before the first refusal, and none without slots for a leak to show in.
func (v *view) unrefused(youngest float64) float64 {
	from, quiet := v.looks[0], 0.0
	for _, s := range v.looks {
		if s.Rejected() > from.Rejected() || v.limit-slots(s) < slowest || s.Listen != nil && s.Listen.Queue > 0 {
			break
		}
		quiet = min(youngest, between(from, v.now)) - between(s, v.now)
	}
	return quiet
}
