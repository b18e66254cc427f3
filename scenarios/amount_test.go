package scenarios

import (
	"encoding/json"
	"testing"

	"go.yaml.in/yaml/v4"
)

func TestAmount(t *testing.T) {
	for text, want := range map[string]Amount{
		"150":   {Count: 150},
		"0":     {},
		"80%":   {Percent: 80},
		"62.5%": {Percent: 62.5},
	} {
		var a Amount
		if err := a.UnmarshalText([]byte(text)); err != nil || a != want {
			t.Errorf("%q: want %v, got %v, %v", text, want, a, err)
		}
		data, err := json.Marshal(a)
		var back Amount
		if err == nil {
			err = json.Unmarshal(data, &back)
		}
		if err != nil || back != want {
			t.Errorf("%q through JSON %s: want %v, got %v, %v", text, data, want, back, err)
		}
		if data, err := yaml.Marshal(a); err != nil || string(data) != text+"\n" {
			t.Errorf("%q: YAML %q, %v", text, data, err)
		}
	}
	for _, text := range []string{"", "-1", "1.5", "many", "%", "-3%", "NaN%", "1e9%", "99999999999"} {
		var a Amount
		if err := a.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is an amount: %v", text, a)
		}
	}
	if got := (Amount{Percent: 80}).Of(128); got != 102 {
		t.Errorf("80%% of 128: want 102, got %d", got)
	}
	if got := (Amount{Count: 150}).Of(128); got != 150 {
		t.Errorf("150: want 150, got %d", got)
	}
}
