package scenarios

import "spillway/outage"

// FailsBy reports whether an attempt that ends so counts towards until.failures: as expect.suffer says, or, where it says
// nothing, in any way but well or refused.
func (s Scenario) FailsBy(o outage.Outcome) bool {
	if s.Until.Failures == 0 || o == outage.OK || o == outage.Refused {
		return false
	}
	return s.Expect.Suffer == "" || s.Expect.Suffer == o
}

// failuresAgree refuses a wait for failures beside answers that contradict it.
func (s scene) failuresAgree() {
	until, expect := s.at.key("until"), s.at.key("expect")
	if s.Until.Failures == 0 || !s.sound(until, expect.key("cause"), expect.key("refusals"), expect.key("suffer")) {
		return
	}
	if s.Expect.Cause == Nothing {
		s.add(until.key("failures"), "write until.duration", "expect.cause is nothing: nobody is to fail")
	}
	if s.ExpectsRefusals() {
		s.add(expect.key("refusals"), "write until.refusals", "until.failures waits for anything but refusals, and expect.refusals wants them")
	}
	if s.Expect.Suffer == outage.Refused {
		s.add(expect.key("suffer"), "write until.refusals", "until.failures waits for anything but refusals, and expect.suffer wants them")
	}
}
