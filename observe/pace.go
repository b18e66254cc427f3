package observe

import (
	"math"
	"time"

	"spillway/outage"
)

// serverClock is the field of INFO with the server's time in microseconds since 1970.
const serverClock = "server_time_usec"

// lateInSecond is when in a second of the server's clock a look tells most. CLIENT LIST counts idle in whole seconds of that
// clock, so that 0 means "since its last second began": early in a second next to nothing is 0, late in it all that was used
// within most of a second. A tenth is left, by which Redis may set its clock late (hz is 10).
const lateInSecond = 0.85

// Pause returns how long to wait before the next look, so that looks are about every apart and come late in a second of the
// server's clock. s is the latest look, and now the time on the same clock as its At. It is at least half of every: where what
// came since the look took too long for that, a second more is waited rather than to look at some other moment. Where every is below
// half a second or the server does not tell its time, it is just what is left of every.
func Pause(s outage.Snapshot, now outage.Duration, every time.Duration) time.Duration {
	left := every - (now - s.At).Std()
	if usec, ok := s.Number(serverClock); ok && every >= time.Second/2 {
		phase := float64(usec%1e6)/1e6 + every.Seconds()
		shift := lateInSecond - (phase - math.Floor(phase))
		if shift > 0.5 {
			shift--
		} else if shift <= -0.5 {
			shift++
		}
		left += time.Duration(shift * float64(time.Second))
		if late := every/2 - left; late > 0 {
			left += (late + time.Second - 1).Truncate(time.Second)
		}
	}
	return max(left, every/2)
}
