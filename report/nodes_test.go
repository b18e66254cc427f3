package report

import (
	"bytes"
	"strings"
	"testing"

	"spillway/outage"
)

func someNodes() []Node {
	leak := leakDiagnosis()
	two := leak
	two.Findings = append(append([]outage.Finding{}, leak.Findings...), outage.Finding{Cause: outage.FDLimitClamp, Confidence: 0.9, Summary: "asked for 100, got 60"})
	return []Node{
		{Address: "127.0.0.1:7001", Role: "master", Diagnosis: &leak},
		{Address: "redis-2.example.com:7002", Role: "master", Well: true, Diagnosis: &outage.Diagnosis{Slots: 14, MaxClients: 60}},
		{Address: "127.0.0.1:7004", Role: "replica", Diagnosis: &two},
		{Address: "127.0.0.1:7005", Role: "replica", Diagnosis: &outage.Diagnosis{Slots: 50, Unsure: []string{"CONFIG GET is forbidden: the limit is not known"}}},
		{Address: "127.0.0.1:7006", Role: "replica", Against: "fail", Unread: "connect to redis://127.0.0.1:7006: dial tcp 127.0.0.1:7006: connect: connection refused"},
		{Address: "127.0.0.1:26379", Role: "sentinel", Well: true, Diagnosis: &outage.Diagnosis{Slots: 5, Unsure: []string{"CONFIG GET"}}},
		{Address: "node 0a1b2c3d", Against: "noaddr, handshake", Unread: "nobody knows its address"},
	}
}

func TestNodesGolden(t *testing.T) {
	golden(t, "nodes.txt", write(t, func(b *bytes.Buffer) error { return Nodes(b, someNodes(), Options{}) }))
	golden(t, "nodes.json", write(t, func(b *bytes.Buffer) error { return NodesJSON(b, someNodes()) }))
	well := []Node{{Address: "127.0.0.1:7001", Role: "master", Well: true, Diagnosis: &outage.Diagnosis{Slots: 14, MaxClients: 60}}}
	golden(t, "nodes-well.txt", write(t, func(b *bytes.Buffer) error { return Nodes(b, well, Options{Color: true, Width: 100}) }))
	if text := string(write(t, func(b *bytes.Buffer) error { return NodesJSON(b, nil) })); !strings.Contains(text, `"nodes": []`) {
		t.Errorf("no nodes: %s", text)
	}
}

// What servers and clients call themselves cannot forge a line.
func TestNodesAreHostile(t *testing.T) {
	const evil = "a\x1b[2J\n127.0.0.1:1  master  well"
	nodes := []Node{
		{Address: evil, Role: evil, Against: evil, Unread: evil},
		{Address: evil, Diagnosis: &outage.Diagnosis{Unsure: []string{evil}}},
		{Address: evil, Diagnosis: &outage.Diagnosis{Findings: []outage.Finding{{Cause: evil, Summary: evil, Culprits: []outage.Culprit{{Service: evil, Name: evil, Addr: evil}}}}}},
	}
	text := string(write(t, func(b *bytes.Buffer) error { return Nodes(b, nodes, Options{}) }))
	if strings.Contains(text, "\x1b") || strings.Contains(text, "\n127.0.0.1:1") {
		t.Errorf("%q", text)
	}
}
