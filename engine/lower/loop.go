package lower

import (
	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/term"
)

// MaxLoop is the number of elements a loop of the engine's own looks at. The
// decoder accepts no longer list; one that comes by the Go API has no value, as
// it would cost too much in cel-go.
const MaxLoop = 10_000

// element is what the loop variable stands for.
type element struct {
	text    string
	finding *mesh.ContentFinding
}

// compileLoop is list.exists, which True decides, or list.all, which False does.
func compileLoop(t *term.Term, decisive Truth) test {
	leaf, body := t.Args[0].Leaf, compileTest(t.Args[1])
	if t.Args[0].Kind == term.Texts {
		return func(in *Input) Truth {
			texts := leaf.Texts(in.action)
			if texts == nil || len(texts) > MaxLoop {
				return Error
			}
			out := decisive.not()
			for _, s := range texts {
				in.element.text = s
				switch body(in) {
				case decisive:
					return decisive
				case Error:
					out = Error
				}
			}
			return out
		}
	}
	return func(in *Input) Truth {
		findings := leaf.Findings(in.action)
		if findings == nil || len(findings) > MaxLoop {
			return Error
		}
		out := decisive.not()
		for i := range findings {
			in.element.finding = &findings[i]
			switch body(in) {
			case decisive:
				return decisive
			case Error:
				out = Error
			}
		}
		return out
	}
}

func compileElement(field string) read {
	switch field {
	case "type":
		return func(in *Input) value {
			if s := in.element.finding.Type; s != nil {
				return textValue(*s)
			}
			return value{}
		}
	case "count":
		return func(in *Input) value {
			if n := in.element.finding.Count; n != nil {
				return intValue(*n)
			}
			return value{}
		}
	}
	return func(in *Input) value { return textValue(in.element.text) }
}

func compileHasElement(field string) test {
	if field == "type" {
		return func(in *Input) Truth { return truth(in.element.finding.Type != nil) }
	}
	return func(in *Input) Truth { return truth(in.element.finding.Count != nil) }
}
