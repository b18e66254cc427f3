package observe

// Guard says why a command must not be sent; empty lets it through. Where a managed service forbids a command, already the refusal may
// alarm somebody, so what is known to be forbidden is held back here, whoever asks for it. nil lets everything through.
type Guard func(args []string) (why string)

// notSent is the code of the Error that stands for the answer to a command that was held back.
const notSent = "NOTSENT"

// sort parts what may be sent from what is held back: held has the reply of each command that is, and nil for the others.
func (g Guard) sort(cmds [][]string) (sent [][]string, held []any) {
	held = make([]any, len(cmds))
	for i, args := range cmds {
		if g != nil {
			if why := g(args); why != "" {
				held[i] = Error(notSent + " " + why)
				continue
			}
		}
		sent = append(sent, args)
	}
	return sent, held
}

// merge puts the replies of what was sent where held has room for them, as far as they go.
func merge(held, replies []any) []any {
	for i, reply := range held {
		if reply != nil {
			continue
		}
		if len(replies) == 0 {
			return held[:i]
		}
		held[i], replies = replies[0], replies[1:]
	}
	return held
}
