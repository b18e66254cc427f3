package fleet

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// spin keeps Redis busy for ARGV[1] microseconds of its CPU, and no longer than ARGV[2] where a script can tell the time: a
// script of no use at all, and the one long command that every server allows. From 7.2 on time stands still in scripts,
// and CPU time is all that is left to go by; before 7.0 there is no os.clock. It looks at the clock rarely, since each look
// counts as a command.
const spin = "local os = rawget(_G, 'os') " +
	"local function wall() local t = redis.call('TIME') return t[1] * 1000000 + t[2] end " +
	"local function cpu() return os and os.clock and os.clock() * 1000000 or 0 end " +
	"local began, used, n = wall(), cpu(), 0 " +
	"repeat for i = 1, 20000 do n = n + i % 7 end " +
	"until cpu() - used >= tonumber(ARGV[1]) or wall() - began >= tonumber(ARGV[2]) " +
	"return n"

// slow runs a command that keeps Redis busy for about as long as hold says, at the service's rate, one at a time: what is
// due while one runs is left out. It waits for an answer without end, so that it does not run what it has given up.
func slow(ctx context.Context, h *host) error {
	c, l := h.client(func(o *redis.Options) {
		o.PoolSize, o.MinIdleConns = 1, 0
		o.ReadTimeout = -1
		o.MaxRetries = -1
	})
	defer c.Close()
	// go-redis does not look at ctx while it reads.
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	t := turns{pacer{rate: h.spec.Service.Rate, ramp: h.spec.Service.Ramp.Std()}, 1}
	hold := h.spec.Service.Hold.Std()
	cpu := firstSpin(hold)
	start := time.Now()
	for n := 0; sleep(ctx, t.due(n)-time.Since(start)); n = t.next(n, time.Since(start)) {
		began := time.Now()
		err := h.request(ctx, l, func(ctx context.Context) error {
			return c.Eval(ctx, spin, nil, cpu.Microseconds(), hold.Microseconds()).Err()
		})
		if err == nil {
			cpu = nextSpin(hold, cpu, time.Since(began))
		}
	}
	return nil
}

// firstSpin is the CPU time of the first command: how fast the machine is shows only then, and a command that goes on for
// seconds is another outage, in which Redis answers BUSY.
func firstSpin(hold time.Duration) time.Duration { return hold / 4 }

// nextSpin is the CPU time of a command that is to take hold, after one of cpu took so long: a server that gets half of a
// core has half of the time to spend. It is pure.
func nextSpin(hold, cpu, took time.Duration) time.Duration {
	if took <= 0 {
		return hold
	}
	next := time.Duration(float64(cpu) * float64(hold) / float64(took))
	return min(max(next, hold/20), hold)
}
