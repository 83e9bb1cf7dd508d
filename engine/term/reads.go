package term

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/shape"
)

// Reads returns what a term looks at: the reads of leaves and of keys of
// free-form maps in it, each place once, in the order of the text.
func (t *Term) Reads() []*Term {
	var out []*Term
	t.Walk(func(t *Term) bool {
		switch t.Op {
		case Read, Has, Key, HasKey:
			path := t.Path()
			if !slices.ContainsFunc(out, func(r *Term) bool { return r.Path() == path }) {
				out = append(out, t)
			}
			return false
		}
		return true
	})
	return out
}

// ActionTypes returns the action types for which a boolean term can be true or an
// error, as far as a conjunct of it names them; nil if it can be for any. A
// conjunction with a false conjunct is false even where another fails.
func (t *Term) ActionTypes() []string {
	for _, c := range t.Conjuncts() {
		if types := c.namedTypes(); types != nil {
			return types
		}
	}
	return nil
}

// namedTypes returns the texts that a term compares action.type with; nil for
// another term.
func (t *Term) namedTypes() []string {
	place, texts := t.ComparedTexts()
	if place == nil || place.Op != Read || place.Leaf.Path != "action.type" {
		return nil
	}
	return texts
}

// ComparedTexts returns the place that a term demands to be one of some texts, and
// the texts; nil for another term. There may be no texts: nothing is in an empty
// list.
func (t *Term) ComparedTexts() (place *Term, texts []string) {
	if t.Op != Eq && t.Op != In {
		return nil, nil
	}
	of, with := t.Args[0], t.Args[1]
	if t.Op == Eq && of.Op == Const {
		of, with = with, of
	}
	if of.Op != Read && of.Op != Key || with.Op != Const {
		return nil, nil
	}
	list, ok := with.Value.([]any)
	if !ok {
		list = []any{with.Value}
	}
	texts = make([]string, 0, len(list))
	for _, v := range list {
		text, ok := v.(string)
		if !ok {
			return nil, nil
		}
		texts = append(texts, text)
	}
	return of, texts
}

// isPlace reports whether a term is the value at a place, and not computed.
func (t *Term) isPlace() bool { return t.Op == Read || t.Op == Key || t.Op == Element }

// Path returns the place that a Read, Has, Key or HasKey looks at, as
// data.purpose or tool.args.amount.
func (t *Term) Path() string {
	switch t.Op {
	case Read, Has:
		return t.Leaf.Path
	case Key, HasKey:
		return Below(t.Args[0].Path(), t.Name)
	}
	return t.String()
}

// Below returns the path of a key of the map at path.
func Below(path, key string) string {
	if identifier(key) {
		return path + "." + key
	}
	return path + "[" + strconv.Quote(key) + "]"
}

// ValueIn returns what an action says at the place that t looks at: a Go value
// as of [shape.Leaf.Value], an object as a map, or what a free-form map holds;
// nil if it says nothing. A null in a free-form map is [json.RawMessage], which
// is not nothing.
func (t *Term) ValueIn(a *mesh.Action) any {
	switch t.Op {
	case Read, Has:
		if t.Leaf.Kind == shape.Struct && t.Leaf.Present(a) {
			return map[string]any{} // which of its fields there are is not looked at
		}
		return t.Leaf.Value(a)
	case Key, HasKey:
		v, found := t.Args[0].mapIn(a)[t.Name]
		if found && v == nil {
			return json.RawMessage("null")
		}
		return v
	}
	return nil
}

func (t *Term) mapIn(a *mesh.Action) map[string]any {
	switch t.Op {
	case Read:
		if t.Leaf.Kind == shape.FreeForm {
			return t.Leaf.Map(a)
		}
	case Key:
		m, _ := t.Args[0].mapIn(a)[t.Name].(map[string]any)
		return m
	}
	return nil
}
