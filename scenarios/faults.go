package scenarios

import "fmt"

// happens says what the fault does, as the beginning of a sentence.
func (f Fault) happens() string {
	switch {
	case f.LowerNofile > 0:
		return fmt.Sprintf("the file descriptor limit is lowered to %d", f.LowerNofile)
	case f.Meet > 0:
		return fmt.Sprintf("%d nodes are met", f.Meet)
	}
	return f.Cut + " is cut"
}

// nofileLowers refuses a limit that is none: Redis has what it starts with, and keeps what it has open.
func (s scene) nofileLowers() {
	for i, f := range s.Faults {
		p := s.at.key("faults").item(i).key("lower-nofile")
		if f.LowerNofile == 0 || !s.sound(p, s.at.key("redis")) {
			continue
		}
		// The rig gives the server what maxclients needs, and as much again as Redis reserves.
		starts := s.Redis.Nofile
		orElse(&starts, s.Redis.MaxClients+2*ReservedFiles)
		switch {
		case f.LowerNofile <= ReservedFiles:
			s.add(p, "", "lower-nofile %d: Redis's own files take up to %d", f.LowerNofile, ReservedFiles)
		case f.LowerNofile >= starts:
			s.add(p, "", "lower-nofile %d is no lower than what Redis starts with, %d", f.LowerNofile, starts)
		}
		for _, key := range []string{"replace", "replace-after"} {
			if s.given(s.at.key("faults").item(i).key(key)) {
				s.add(s.at.key("faults").item(i).key(key), "", "%s has no effect: nobody is cut off", key)
			}
		}
	}
}
