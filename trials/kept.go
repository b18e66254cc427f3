package trials

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// scoreFile is what a trial came to, in its folder.
const scoreFile = "score.json"

// Kept reads the scores of trials that Play kept in folders such as out, in the order of their names. Errors name the file. It is an
// error if there are none, if a trial is there twice, which would count twice, and if they were not all answered by the same responder.
func Kept(outs ...string) ([]Score, error) {
	type trial struct {
		seed int64
		id   string
	}
	var scores []Score
	where := map[trial]string{}
	who, whose := "", "" // answered, and the first file that says so
	for _, out := range outs {
		paths, err := fs.Glob(os.DirFS(out), "*/"+scoreFile)
		if err != nil {
			return nil, err
		}
		if len(paths) == 0 {
			return nil, fmt.Errorf("no %s in the folders of %s", scoreFile, out)
		}
		for _, path := range paths {
			path = filepath.Join(out, path)
			s, err := readScore(path)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			key := trial{s.Seed, s.Trial}
			if other, twice := where[key]; twice {
				return nil, fmt.Errorf("trial %s of seed %d is both in %s and in %s", s.Trial, s.Seed, other, path)
			}
			where[key] = path
			if who == "" {
				who, whose = s.Responder, path
			}
			if s.Responder != "" && s.Responder != who {
				return nil, fmt.Errorf("%s was answered by %s, and %s by %s", whose, who, path, s.Responder)
			}
			scores = append(scores, s)
		}
	}
	return scores, nil
}

func readScore(path string) (Score, error) {
	var s Score
	text, err := os.ReadFile(path)
	if err != nil {
		if at := (*fs.PathError)(nil); errors.As(err, &at) {
			err = at.Err // Kept names the file
		}
		return s, err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("no score of a trial: %w", err)
	}
	_, healthy, err := ParseID(s.Trial)
	switch {
	case err != nil:
		return s, fmt.Errorf("no score of a trial: %w", err)
	case healthy != s.Healthy, !slices.ContainsFunc(Kinds(), func(k Kind) bool { return k.Name == s.Kind && k.Healthy == s.Healthy }):
		return s, fmt.Errorf("no score of a trial: trial %s of kind %q", s.Trial, s.Kind)
	}
	return s, nil
}
