package remedy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
	"spillway/remedy"
)

// service allows what it lists, and has words for everything.
type service []string

func (s service) Allows(args ...string) bool {
	return slices.Contains(s, strings.Join(args[:min(2, len(args))], " "))
}
func (s service) Setting(name, value string) []string {
	return []string{"console: " + name + " " + value}
}

func kinds(p outage.Plan) (list []outage.ActionKind) {
	for _, a := range p.Actions {
		list = append(list, a.Kind)
	}
	return list
}

// Where connections cannot be closed, it is said whose they are.
func TestAdvisesOwnersWhenKillIsForbidden(t *testing.T) {
	d, s := leak()
	s.Missing = []outage.Missing{{What: "CLIENT KILL", Why: "NOPERM User mon has no permissions to run the 'client|kill' command"}}
	p := remedy.Plan(d, s, remedy.Options{})
	if p.Actions[0].Kind != outage.SetTimeout || p.ReliefFor != 0 {
		t.Errorf("%v, relief for %s: nothing frees a slot", kinds(p), p.ReliefFor)
	}
	a := p.Actions[1]
	if a.Kind != outage.Advise || !a.Relief || len(a.Victims) > 0 || !strings.Contains(a.Reason, "NOPERM") || !strings.Contains(a.Reason, "must be restarted") {
		t.Errorf("%+v", a)
	}
	if len(a.Commands) == 0 || !strings.HasPrefix(a.Commands[0], `restart "api`) || !strings.Contains(a.Commands[0], " at 10.") {
		t.Errorf("who is to be restarted: %q", a.Commands)
	}
	if strings.Contains(strings.Join(remedy.Commands(p), "\n"), "KILL") {
		t.Errorf("a forbidden command is printed: %q", remedy.Commands(p))
	}
}

// Of several owners the one that holds most comes first, with how many those are.
func TestAdvisesTheLargestOwnerFirst(t *testing.T) {
	d, s := leak()
	s.Missing = []outage.Missing{{What: "CLIENT KILL", Why: "NOPERM"}}
	one := slices.IndexFunc(s.Clients, func(c outage.Client) bool { return c.ID == d.Findings[0].Culprits[0].IDs[0] })
	s.Clients[one].Name, s.Clients[one].Addr = "api-0", "10.0.0.2:1" // before all others by name
	var lines []string
	for _, c := range remedy.Plan(d, s, remedy.Options{}).Actions[1].Commands {
		if strings.HasPrefix(c, "restart ") {
			lines = append(lines, c)
		}
	}
	if len(lines) < 2 || strings.Contains(lines[0], "api-0") || !strings.Contains(strings.Join(lines, "\n"), "\"api-0\" at 10.0.0.2: it holds 1 of them") {
		t.Errorf("%q", lines)
	}
}

// A service's plan has only what it allows, in its own words.
func TestPlansInTheWordsOfAService(t *testing.T) {
	d, s := leak()
	p := remedy.Plan(d, s, remedy.Options{Service: service{"CLIENT KILL"}})
	if diff := cmp.Diff([]outage.ActionKind{outage.KillClients, outage.Advise}, kinds(p)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if diff := cmp.Diff([]string{"console: timeout 300"}, p.Actions[1].Commands); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	p = remedy.Plan(d, s, remedy.Options{Service: service{}})
	if got := remedy.Commands(p); len(got) > 0 {
		t.Errorf("commands where none is allowed: %q", got)
	}
	p = remedy.Plan(d, s, remedy.Options{Service: service{"CLIENT KILL", "CONFIG GET", "CONFIG SET"}})
	if diff := cmp.Diff([]outage.ActionKind{outage.KillClients, outage.SetTimeout}, kinds(p)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// The same of advice: no line that may not be sent, none for a host that is out of reach, and each hint once.
func TestAdviceInTheWordsOfAService(t *testing.T) {
	d, s := small(outage.FDLimitClamp, outage.Finding{Asked: 200, Effective: 100, Needed: 130})
	hard(&s, 132)
	for _, o := range []remedy.Options{{Service: service{}}, {Service: service{}, CanRestart: true, CanRaiseNofile: true}} {
		for _, a := range remedy.Plan(d, s, o).Actions {
			for _, c := range a.Commands {
				if a.Kind != outage.Advise || !strings.HasPrefix(c, "console: ") {
					t.Errorf("%s: %s", a.Kind, c)
				}
			}
		}
	}
	d, s = small(outage.AccessDenied, outage.Finding{Culprits: []outage.Culprit{{Service: "api", Addr: "10.0.0.1"}}})
	s.ACLLog = []outage.ACLEntry{{Count: 1, Reason: "command", Object: "get", User: "api"}, {Count: 1, Reason: "key", Object: "k", User: "api"}}
	p := remedy.Plan(d, s, remedy.Options{Service: service{"ACL LOG"}})
	if diff := cmp.Diff([]string{"ACL LOG 32", "console: access "}, p.Actions[0].Commands); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	d, s = small(outage.ServerStalled, outage.Finding{})
	p = remedy.Plan(d, s, remedy.Options{Service: service{"SLOWLOG GET"}})
	if diff := cmp.Diff([]string{"SLOWLOG GET 32"}, p.Actions[0].Commands); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
