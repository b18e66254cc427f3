package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"spillway/outage"
)

// What a connection must be to be held against its host, as only the server's machine shows it. The times are longer than an answer takes on a busy
// machine; the requests are more than a library needs to log in and ask once: go-redis sends four.
const (
	quietEnough  = outage.Duration(2 * time.Second)
	mutedEnough  = outage.Duration(3 * time.Second)
	fewRequests  = 8
	outsideShare = 0.3 // of all connections, before anybody is named
	outsideMost  = 0.75
)

// sockets is what the looks from outside say of the connections, by the host at the other end.
type sockets struct {
	last    outage.Outside
	seconds float64               // between the first look and the last
	before  map[int64]outage.Held // in the first look; nil with one look
	hosts   []*peer
}

// peer is one host and those of its connections that are of a kind.
type peer struct {
	host                    string
	all                     int
	came                    int // since the first look
	abandoned, muted, stuck []outage.Held
}

// outsideRules are asked in this order; a connection is of one kind only, so no two of the last three name the same.
var outsideRules = []func(*sockets) *outage.Finding{outOfFiles, unanswering, neverSpoke, abandoned}

// Outside says from looks at the sockets of a server, which need no slot, who holds them. It is for a server that has just refused a connection
// or left it unanswered: it cannot tell by itself whether the server is full.
//
// It sees less than Diagnose: no names, no duty, no age. Connections that were used once and then left are a leak's or an idle crowd's; a
// subscriber to whom nobody has sent anything looks the same. So no confidence is above 0.75, and culprits are hosts. Their IDs are cookies.
func Outside(looks ...outage.Outside) outage.Diagnosis {
	if len(looks) == 0 {
		return outage.Diagnosis{Findings: []outage.Finding{}, Unsure: []string{"everything: there was no look"}}
	}
	s := lookAtSockets(looks)
	d := outage.Diagnosis{At: s.last.At, Slots: len(s.last.Held), Rejecting: true, Findings: []outage.Finding{}}
	for _, rule := range outsideRules {
		if f := rule(s); f != nil {
			d.Findings = append(d.Findings, *f)
		}
	}
	slices.SortStableFunc(d.Findings, func(a, b outage.Finding) int { return cmp.Compare(b.Confidence, a.Confidence) })
	d.Unsure = []string{"names, duties and the limit: with no slot only the sockets of the server's machine were seen; CLIENT LIST, INFO and CONFIG tell more"}
	if len(looks) == 1 {
		d.Unsure = append(d.Unsure, "growth, and which connections are in use: look a second time")
	}
	for _, m := range s.last.Missing {
		if m.What != "log" {
			d.Unsure = append(d.Unsure, m.What+": "+m.Why)
		}
	}
	return d
}

func lookAtSockets(looks []outage.Outside) *sockets {
	looks = slices.SortedStableFunc(slices.Values(looks), func(a, b outage.Outside) int { return cmp.Compare(a.At, b.At) })
	s := &sockets{last: looks[len(looks)-1]}
	if len(looks) > 1 {
		s.seconds = (s.last.At - looks[0].At).Std().Seconds()
		s.before = map[int64]outage.Held{}
		for _, c := range looks[0].Held {
			s.before[c.Cookie] = c
		}
	}
	byHost := map[string]*peer{}
	for _, c := range s.last.Held {
		host := outage.Host(c.Peer)
		p := byHost[host]
		if p == nil {
			p = &peer{host: host}
			byHost[host] = p
			s.hosts = append(s.hosts, p)
		}
		s.sort(p, c)
	}
	slices.SortFunc(s.hosts, func(a, b *peer) int { return cmp.Or(cmp.Compare(b.all, a.all), cmp.Compare(a.host, b.host)) })
	return s
}

// sort puts a connection with those of its kind. One that the server spoke to unasked is in use: a subscriber, a replica, a monitor.
func (s *sockets) sort(p *peer, c outage.Held) {
	p.all++
	was, known := s.before[c.Cookie]
	if s.before != nil && !known {
		p.came++
	}
	switch used := known && (was.Received != c.Received || was.Replies != c.Replies); {
	case c.Probes > 0 || c.Retransmits > 0 && c.SendQueue > 0:
		p.stuck = append(p.stuck, c)
	case used:
	case c.Received == 0 && c.Quiet >= mutedEnough:
		p.muted = append(p.muted, c)
	case c.Received > 0 && c.Quiet >= quietEnough && c.Requests <= fewRequests && c.Answered() && !toldUnasked(c):
		p.abandoned = append(p.abandoned, c)
	}
}

// answerTakes is within how much time of a request its answer is out. What goes out later was not asked for just then.
const answerTakes = outage.Duration(500 * time.Millisecond)

func toldUnasked(c outage.Held) bool { return c.Quiet-c.Told > answerTakes }

// named returns the hosts that hold at least a quarter as many of a kind as the one that holds most, and how many those are in all. A few
// belong to any pool.
func (s *sockets) named(of func(*peer) []outage.Held) (hosts []*peer, total int) {
	most := 0
	for _, p := range s.hosts {
		most = max(most, len(of(p)))
	}
	for _, p := range s.hosts {
		if n := len(of(p)); n >= fewest && 4*n >= most {
			hosts, total = append(hosts, p), total+n
		}
	}
	slices.SortStableFunc(hosts, func(a, b *peer) int { return cmp.Compare(len(of(b)), len(of(a))) })
	return hosts, total
}

// crowd makes a finding of the connections of a kind; nil where they are too few to have filled the server.
func (s *sockets) crowd(cause outage.Cause, confidence float64, what string, of func(*peer) []outage.Held) *outage.Finding {
	hosts, total := s.named(of)
	share := float64(total) / float64(max(1, len(s.last.Held)))
	if total == 0 || share < outsideShare {
		return nil
	}
	summary := fmt.Sprintf("%s of %s %s: %s of all", count(total, "connection"), count(len(hosts), "host"), what, percent(share))
	f := &outage.Finding{
		Cause: cause, Confidence: round(min(outsideMost, confidence+0.15*share)), Summary: summary,
		Culprits: []outage.Culprit{}, Commands: []string{s.countCommand()},
		Evidence: []outage.Evidence{{Text: summary, Command: socketsCommand}},
	}
	came := 0
	for _, p := range hosts {
		f.Culprits = append(f.Culprits, suspect(p, of(p)))
		f.Evidence = append(f.Evidence, outage.Evidence{Text: fmt.Sprintf("%s: %d of %s", clean(p.host), len(of(p)), count(p.all, "connection"))})
		came += p.came
	}
	if came > 0 && s.seconds > 0 {
		f.Growth = round(float64(came) / s.seconds)
	}
	return f
}

// suspect is a host with the connections held against it, the longest quiet first.
func suspect(p *peer, against []outage.Held) outage.Culprit {
	against = slices.SortedFunc(slices.Values(against), func(a, b outage.Held) int {
		return cmp.Or(cmp.Compare(b.Quiet, a.Quiet), cmp.Compare(a.Cookie, b.Cookie))
	})
	c := outage.Culprit{
		Service: p.host, Addr: p.host, Connections: len(against), By: "address", Certainty: ownAddress,
		Why: "from outside nothing is seen of a program but its address",
	}
	for _, h := range against {
		c.IDs = append(c.IDs, h.Cookie)
		if len(c.Examples) < mostExamples {
			c.Examples = append(c.Examples, h.Peer)
		}
	}
	return c
}

// countCommand shows the connections by host on the server's machine.
func (s *sockets) countCommand() string {
	port := "6379"
	if len(s.last.Held) > 0 {
		local := s.last.Held[0].Local
		port = local[strings.LastIndexByte(local, ':')+1:]
	}
	return "ss -tn state established '( sport = :" + port + " )' | awk 'NR>1 {sub(/:[0-9]+$/, \"\", $4); print $4}' | sort | uniq -c | sort -rn"
}

func unanswering(s *sockets) *outage.Finding {
	return s.crowd(outage.HalfOpenPeers, 0.6, "do not acknowledge what they are sent", func(p *peer) []outage.Held { return p.stuck })
}

func neverSpoke(s *sockets) *outage.Finding {
	return s.crowd(outage.SilentConnections, 0.6, "never sent a byte", func(p *peer) []outage.Held { return p.muted })
}

// abandoned tells a leak from an idle crowd by when they fell quiet: a leak opens one after the other, and uses each once. Where most of
// a host's connections are in use, those that are not are of a pool whose calls take seconds, or of subscribers to whom little is sent.
func abandoned(s *sockets) *outage.Finding {
	of := func(p *peer) []outage.Held {
		if 2*len(p.abandoned) < p.all {
			return nil
		}
		return p.abandoned
	}
	hosts, _ := s.named(of)
	var quiet []outage.Duration
	for _, p := range hosts {
		for _, c := range p.abandoned {
			quiet = append(quiet, c.Quiet)
		}
	}
	if spread(quiet) {
		return s.crowd(outage.ConnectionLeak, 0.55, "were used once and left, one after the other", of)
	}
	return s.crowd(outage.IdleNotReaped, 0.45, "were used and fell quiet at about the same time", of)
}

// spread reports whether times lie over seconds, and not most of them within a quarter of that.
func spread(times []outage.Duration) bool {
	if len(times) < 2 {
		return false
	}
	slices.Sort(times)
	span := times[len(times)-1] - times[0]
	if span < outage.Duration(2*time.Second) {
		return false
	}
	densest := 0
	for i, j := 0, 0; j < len(times); j++ {
		for times[j]-times[i] > span/4 {
			i++
		}
		densest = max(densest, j-i+1)
	}
	return 10*densest < 6*len(times)
}

// outOfFiles recognises the wall below the limit: no descriptor is left to accept with, and the queue is not served.
func outOfFiles(s *sockets) *outage.Finding {
	p, l := s.last.Process, s.last.Listen
	if p == nil || l == nil || l.Queue == 0 || p.OpenFDs == 0 || int64(p.OpenFDs) < p.NofileSoft {
		return nil
	}
	text := fmt.Sprintf("all of %d file descriptors are open, and %s", p.NofileSoft, waiting(l.Queue))
	return &outage.Finding{
		Cause: outage.FDExhausted, Confidence: outsideMost, Summary: text, Culprits: []outage.Culprit{},
		Evidence: []outage.Evidence{{Text: text, Command: listenCommand}}, Commands: []string{listenCommand},
	}
}

func waiting(n int) string { return count(n, "connection") + " wait to be accepted" }
