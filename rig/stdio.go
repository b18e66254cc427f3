package rig

import (
	"io"
	"os"
	"time"

	"github.com/moby/moby/client"
)

// writeLimit is how long a program may leave its stdin unread when the pipe to it is full. Beyond, it is taken for
// hung: whoever writes to it gets an error instead of hanging, too.
const writeLimit = 30 * time.Second

// stdin is the writing side of an attached container; closing it ends the program's input and leaves its output open.
type stdin struct{ att client.HijackedResponse }

func (s stdin) Write(p []byte) (int, error) {
	_ = s.att.Conn.SetWriteDeadline(time.Now().Add(writeLimit)) // some connections know no deadlines
	return s.att.Conn.Write(p)
}

func (s stdin) Close() error { return s.att.CloseWrite() }

// childIn is the writing side of a child's stdin.
type childIn struct{ *os.File }

func (c childIn) Write(p []byte) (int, error) {
	_ = c.SetWriteDeadline(time.Now().Add(writeLimit))
	return c.File.Write(p)
}

// stdio joins the two directions of a program's stdio for the multiplexer.
type stdio struct {
	io.Reader
	io.WriteCloser
}

// Close ends both directions: the multiplexer waits for the end of what it reads.
func (s stdio) Close() error {
	err := s.WriteCloser.Close()
	if out, ok := s.Reader.(io.Closer); ok {
		_ = out.Close()
	}
	return err
}
