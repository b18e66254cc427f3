package fleet

import (
	"context"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// identify makes the connections of a client show what the service is to look like in CLIENT LIST.
func (h *host) identify(o *redis.Options) {
	s := h.spec.Service
	o.ClientName = s.ClientName // empty: go-redis sends no CLIENT SETNAME
	o.DB = s.DB
	if s.LibName == "" {
		return
	}
	o.DisableIdentity = true
	o.OnConnect = func(ctx context.Context, c *redis.Conn) error {
		// Servers before 7.2 do not know it, and serve all the same.
		_ = c.Do(ctx, "CLIENT", "SETINFO", "lib-name", s.LibName).Err()
		return nil
	}
}

// introduction is what a raw connection sends first, command by command, to look like the others of its service.
func (h *host) introduction() []string {
	s := h.spec.Service
	var say []string
	if login := h.login(); login != "" {
		say = append(say, login)
	}
	if s.ClientName != "" {
		say = append(say, command("CLIENT", "SETNAME", s.ClientName))
	}
	if s.LibName != "" {
		say = append(say, command("CLIENT", "SETINFO", "lib-name", s.LibName))
	}
	if s.DB > 0 {
		say = append(say, command("SELECT", strconv.Itoa(s.DB)))
	}
	return say
}
