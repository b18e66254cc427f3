package observe

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// maxStream bounds what is read of a stream: a hundred snapshots of 10,000 clients have 300 MB.
const maxStream = 512 << 20

// splitStream tells saved outputs that follow one another apart, by their lines. A line "# Server" begins a snapshot.
func splitStream(r io.Reader) ([]dump, error) {
	var dumps []dump
	part := stream{}
	whole := &io.LimitedReader{R: r, N: maxStream + 1}
	lines := bufio.NewReader(whole)
	for {
		line, err := lines.ReadString('\n')
		if strings.TrimPrefix(strings.TrimSpace(line), "txt:") == "# Server" && part.begun {
			dumps = append(dumps, part.dump())
			part = stream{}
		}
		part.add(line)
		if whole.N == 0 {
			return nil, fmt.Errorf("read saved output: it is longer than %d MB: save fewer snapshots", maxStream>>20)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read saved output: %w", err)
		}
	}
	if dumps = append(dumps, part.dump()); len(dumps) == 1 && len(dumps[0]) == 0 {
		return nil, errors.New("read saved output: no line of INFO, CLIENT LIST, CONFIG GET, limits or a log in it")
	}
	return dumps, nil
}

// stream collects the lines of one snapshot by kind.
type stream struct {
	text  map[string]*strings.Builder
	begun bool // INFO was seen
	value bool // the next line is the value of a setting, whatever it looks like
}

func (s *stream) add(line string) {
	kind := kindOf(line)
	trimmed := strings.TrimSpace(line)
	switch {
	case s.value:
		kind, s.value = configKind, false
	case kind == "" && configName.MatchString(trimmed):
		kind, s.value = configKind, true
	case kind == "" && errorReply.MatchString(trimmed):
		kind = errorKind
	case kind == "":
		return
	}
	s.begun = s.begun || kind == infoKind
	if s.text == nil {
		s.text = map[string]*strings.Builder{}
	}
	if s.text[kind] == nil {
		s.text[kind] = &strings.Builder{}
	}
	s.text[kind].WriteString(line)
}

func (s *stream) dump() dump {
	d := dump{}
	for kind, text := range s.text {
		d[kind] = text.String()
	}
	return d
}

var kinds = []struct {
	kind  string
	lines *regexp.Regexp
}{
	{nodesKind, nodeLine},
	{clientsKind, regexp.MustCompile(`^(?:txt:)?id=\d+ `)},
	{limitsKind, regexp.MustCompile(`^(?:Limit|Max [a-z ]+?)  +\S`)},
	{logKind, regexp.MustCompile(`^\d+:(?:[A-Z] \d\d [A-Z][a-z][a-z] |signal-handler )`)},
	{configKind, regexp.MustCompile(`^ *\d+[)#] "|^[a-z][a-z0-9_-]* .*`)},
	{infoKind, regexp.MustCompile(`^(?:txt:)?# [A-Z]|^[A-Za-z0-9][A-Za-z0-9_.|-]*:`)},
}

// kindOf names what a line belongs to; empty for the name of a setting, and for what belongs to nothing.
func kindOf(line string) string {
	for _, k := range kinds {
		if k.lines.MatchString(line) {
			return k.kind
		}
	}
	return ""
}
