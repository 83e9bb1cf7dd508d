package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/expr"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// inWords says why an expression has no value: which field it reads that is
// absent, or what is of a kind that it does not apply to. It names fields and
// kinds but no values, because errors are recorded. err is what cel-go says of
// it, and stands where there are no other words.
func (e *expansion) inWords(err error, x *expr.Expr, rule *rule) error {
	failed := lower.NewReasons(x.Term(rule.records), predicateTerms()).Failed(&e.in.bound)
	if failed == nil {
		return err
	}
	if words := failureWords(failed, e.in.bound.Action(), err.Error()); words != "" {
		return errors.New(words)
	}
	return err
}

// What cel-go says where a value is absent.
var absentInCEL = [...]string{"no such key: ", "no such attribute(s): "}

func failureWords(t *term.Term, a *mesh.Action, cel string) string {
	text := t.String()
	if t.Op == term.Opaque {
		text = t.Source
	}
	switch {
	case strings.Contains(cel, "division by zero"), strings.Contains(cel, "modulus by zero"):
		return "`" + text + "` divides by zero"
	case strings.Contains(cel, "overflow"):
		return "`" + text + "` makes a number that is out of range"
	}
	reads := t.Reads()
	for _, r := range reads {
		if r.Op == term.HasKey {
			r = r.Args[0] // what it asks for a key
		}
		if r.Op != term.Has && r.Kind != term.Map && r.ValueIn(a) == nil && (t.Op != term.Opaque || namesIt(cel, r.Path())) {
			return "it reads " + r.Path() + ", which is absent"
		}
	}
	if t.Op == term.Exists || t.Op == term.All {
		for _, mark := range absentInCEL {
			if name, ok := strings.CutPrefix(cel, mark); ok {
				return fmt.Sprintf("it reads %s of an element of %s, which is absent", name, t.Args[0].Path())
			}
		}
	}
	var kinds []string
	for _, r := range reads {
		if kind := kindOf(r.ValueIn(a)); kind != "" {
			kinds = append(kinds, r.Path()+" is "+kind)
		}
	}
	if len(kinds) == 0 || !strings.Contains(cel, "no such overload") {
		return ""
	}
	return fmt.Sprintf("`%s` does not apply to what is there: %s", text, strings.Join(kinds, ", "))
}

// namesIt reports whether cel-go says of the field at a path that it is absent.
func namesIt(cel, path string) bool {
	for _, mark := range absentInCEL {
		if name, ok := strings.CutPrefix(cel, mark); ok && (name == path || strings.HasSuffix(path, "."+name)) {
			return true
		}
	}
	return false
}

// kindOf names the kind of a value of an action; empty for none.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return ""
	case string:
		return "a text"
	case bool:
		return "true or false"
	case int64, float64:
		return "a number"
	case json.RawMessage:
		return "null"
	case []any, []string, []mesh.ContentFinding:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return "a time"
}
