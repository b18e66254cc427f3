package observe

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

func TestGlance(t *testing.T) {
	var r Reader
	r.Conn = pipe(t, answer(bulk("# Server\r\nrun_id:a\r\nserver_time_usec:12000034\r\n"), bulk("connected_clients:7\r\nmaxclients:100\r\n"), bulk("rejected_connections:3\r\n"),
		bulk("connected_slaves:2\r\n"), bulk("cmdstat_client|list:calls=2,usec=900\r\n")))
	r.Now = func() outage.Duration { return 7 }
	got, err := r.Glance(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := outage.Snapshot{At: 7, Info: map[string]string{
		"run_id": "a", "connected_clients": "7", "maxclients": "100", "rejected_connections": "3", "connected_slaves": "2",
		"cmdstat_client|list": "calls=2,usec=900", "server_time_usec": "12000034",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestGlanceOfWhatIsForbidden(t *testing.T) {
	no := "-NOPERM this user has no permissions to run the 'info' command\r\n"
	r := Reader{Conn: pipe(t, answer(no, no, no, no, no))}
	got, err := r.Glance(t.Context())
	if err != nil || len(got.Info) > 0 || len(got.Missing) != 1 || got.Missing[0].What != "INFO" {
		t.Errorf("%+v, %v", got, err)
	}
}
