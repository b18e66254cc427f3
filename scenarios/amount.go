package scenarios

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Of returns the amount as a number of connections, given the effective maxclients. A percentage is rounded down.
func (a Amount) Of(maxclients int) int {
	if a.Percent > 0 {
		return int(math.Floor(float64(maxclients) * a.Percent / 100))
	}
	return a.Count
}

// String writes the amount as a catalogue has it: 150 or 80%.
func (a Amount) String() string {
	if a.Percent > 0 {
		return strconv.FormatFloat(a.Percent, 'f', -1, 64) + "%"
	}
	return strconv.Itoa(a.Count)
}

// UnmarshalText reads 150 or 80%.
func (a *Amount) UnmarshalText(text []byte) error {
	s := string(text)
	if number, isPercent := strings.CutSuffix(s, "%"); isPercent {
		v, err := strconv.ParseFloat(number, 64)
		if err != nil || math.IsNaN(v) || v < 0 || v > 1000 {
			return fmt.Errorf("%q is no percentage: write one as in 80%%", s)
		}
		*a = Amount{Percent: v}
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is no amount: write a number of connections or a percentage, as in 150 or 80%%", s)
	}
	*a = Amount{Count: int(n)}
	return nil
}

// MarshalYAML writes a count as a number and a percentage as text, as a person would.
func (a Amount) MarshalYAML() (any, error) {
	if a.Percent > 0 {
		return a.String(), nil
	}
	return a.Count, nil
}

// MarshalJSON writes a count as a number and a percentage as a string.
func (a Amount) MarshalJSON() ([]byte, error) {
	if a.Percent > 0 {
		return json.Marshal(a.String())
	}
	return json.Marshal(a.Count)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (a *Amount) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		return a.UnmarshalText([]byte(s))
	}
	return a.UnmarshalText(data)
}
