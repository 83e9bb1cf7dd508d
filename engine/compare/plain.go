package compare

import (
	"regexp"
	"strings"

	"github.com/ai-agent-mesh/mesh/engine/term"
)

// inUTC is how a part of the action's time is asked for in the zone that is
// taken where none is named.
var inUTC = regexp.MustCompile(`(^|[^\w.])(timestamp\.get[A-Z]\w*)\("UTC"\)`)

// bindsTimestamp is a loop that gives the name to something else.
var bindsTimestamp = regexp.MustCompile(`\(\s*timestamp\s*,`)

// plain writes what can be said in two ways in one of them, so that rules which
// differ in that only are the same. Both are equal in CEL, also where they fail.
func plain(t *term.Term) *term.Term {
	if t.Op == term.Opaque {
		return plainSource(t)
	}
	out := t
	for i, a := range t.Args {
		if b := plain(a); b != a {
			if out == t {
				fresh := *t
				fresh.Args = append([]*term.Term(nil), t.Args...)
				out = &fresh
			}
			out.Args[i] = b
		}
	}
	if out.Op != term.Not {
		return out
	}
	opposite := map[term.Op]term.Op{term.Eq: term.Ne, term.Ne: term.Eq}
	if op, ok := opposite[out.Args[0].Op]; ok {
		fresh := *out.Args[0]
		fresh.Op = op
		return &fresh
	}
	return out
}

// plainSource leaves out the zone UTC. What may be within a text is left alone.
func plainSource(t *term.Term) *term.Term {
	if strings.ContainsAny(t.Source, `'\`) || bindsTimestamp.MatchString(t.Source) || !inUTC.MatchString(t.Source) {
		return t
	}
	fresh := *t
	fresh.Source = inUTC.ReplaceAllString(t.Source, "$1$2()")
	return &fresh
}
