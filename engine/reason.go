package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/expr"
	"github.com/ai-agent-mesh/mesh/engine/lower"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

var errNoValue = errors.New("it has no value for this action")

// reasonsOf returns what finds out why an expression has no value. It is made
// when a rule fails for the first time.
func reasonsOf(x *expr.Expr, records map[string]expr.Values) func() *lower.Reasons {
	if x == nil {
		return nil
	}
	return sync.OnceValue(func() *lower.Reasons { return lower.NewReasons(x.Term(records), predicateTerms()) })
}

// reason says why an expression has no value: which field it reads that is
// absent, or what is of a kind that it does not apply to. It names fields and
// kinds but no values, because errors are recorded. Where the engine does not
// know by itself, cel-go is asked. What it costs to ask counts for the decision,
// too; where it is too much, nobody says.
func (e *expansion) reason(x *expr.Expr, reasons *lower.Reasons, records map[string]expr.Values) error {
	in := &e.in.bound
	failed := reasons.Failed(in)
	if failed != nil && failsForAbsence(failed) {
		if words := absenceWords(failed, in.Action()); words != "" {
			return errors.New(words)
		}
	}
	_, err := x.Eval(in.Context(), &expr.Input{Action: in.Action(), Records: records, Predicate: in.Ask, Spend: in.Spend})
	switch {
	case err == nil || term.BoundOf(err) != term.Unbound:
		return errNoValue
	case failed != nil:
		if words := failureWords(failed, in.Action(), err); words != "" {
			return errors.New(words)
		}
	}
	return errors.New(expr.FailureWords(err))
}

// failsForAbsence reports whether a term that has no value, and reads what is
// absent, has none because of that.
func failsForAbsence(t *term.Term) bool {
	alone := true
	t.Walk(func(t *term.Term) bool {
		switch t.Op {
		case term.Add, term.Sub, term.Mul, term.Div, term.Mod, term.Neg, term.Predicate, term.Opaque, term.Fail:
			alone = false
		}
		return alone
	})
	return alone
}

// absenceWords names the first absent field that a term reads; empty for none.
func absenceWords(t *term.Term, a *mesh.Action) string {
	for _, r := range t.Reads() {
		if path := absentIn(r, a); path != "" {
			return "it reads " + path + ", which is absent"
		}
	}
	return ""
}

// absentIn returns the path of what a read reads if it is absent; else empty.
func absentIn(r *term.Term, a *mesh.Action) string {
	if r.Op == term.HasKey {
		r = r.Args[0] // what it asks for a key
	}
	if r.Op != term.Has && r.Kind != term.Map && r.ValueIn(a) == nil {
		return r.Path()
	}
	return ""
}

// What cel-go says where a value is absent.
var absentInCEL = [...]string{"no such key: ", "no such attribute(s): "}

func failureWords(t *term.Term, a *mesh.Action, err error) string {
	failure, cel := expr.FailureOf(err), err.Error()
	switch failure {
	case expr.ByZero:
		return "`" + t.Written() + "` divides by zero"
	case expr.OutOfRange:
		return "`" + t.Written() + "` makes a number that is out of range"
	}
	reads := t.Reads()
	for _, r := range reads {
		if path := absentIn(r, a); path != "" && (t.Op != term.Opaque || namesIt(cel, path)) {
			return "it reads " + path + ", which is absent"
		}
	}
	if t.Op == term.Exists || t.Op == term.All {
		for _, mark := range absentInCEL {
			if name, ok := strings.CutPrefix(cel, mark); ok && readsOfElements(t, name) {
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
	if len(kinds) == 0 || failure != expr.Mismatch {
		return ""
	}
	return fmt.Sprintf("`%s` does not apply to what is there: %s", t.Written(), strings.Join(kinds, ", "))
}

// readsOfElements reports whether a loop reads the field of its elements: the
// name of any other key may be a value.
func readsOfElements(loop *term.Term, field string) bool {
	reads := false
	loop.Args[1].Walk(func(t *term.Term) bool {
		reads = reads || t.Op == term.Element && t.Name == field
		return !reads
	})
	return reads
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
