package lower

import (
	"slices"

	"github.com/ai-agent-mesh/mesh/engine/term"
)

// equal is CEL's ==. Each element of lists and objects that is compared counts
// as steps, and so does each text by its length: an action may hold the same
// large value at two places.
func (in *Input) equal(v, w value) Truth {
	if v.kind == text && w.kind == text && len(v.text) == len(w.text) && !in.step(len(v.text)/bytesPerStep) {
		return Error
	}
	if equal, scalar := v.equal(w); scalar {
		return equal
	}
	if v.kind == list {
		return in.equalLists(v.any, w.any)
	}
	return in.equalObjects(v.any, w.any)
}

// order is CEL's <, <=, > and >=; texts count by how far they are looked at.
func (in *Input) order(op term.Op, v, w value) Truth {
	if v.kind == text && w.kind == text && !in.step(min(len(v.text), len(w.text))/bytesPerStep) {
		return Error
	}
	return v.order(op, w)
}

func (in *Input) equalLists(a, b any) Truth {
	n, left := elements(a)
	m, right := elements(b)
	if n != m {
		return False
	}
	for i := range n {
		if !in.step(stepsPerElement) {
			return Error
		}
		if t := in.equal(left(i), right(i)); t != True {
			return t
		}
	}
	return True
}

// equalObjects compares the values of all keys: they have no order, and what is
// compared must not depend on Go's, for it is counted.
func (in *Input) equalObjects(a, b any) Truth {
	left, _ := a.(map[string]any)
	right, _ := b.(map[string]any)
	if len(left) != len(right) {
		return False
	}
	if !in.step(len(left) * stepsPerElement) {
		return Error
	}
	out := True
	for k, v := range left {
		if w, ok := right[k]; ok {
			out = out.and(in.equal(valueOf(v), valueOf(w)))
		} else {
			out = False
		}
	}
	if !in.step(0) { // which values were left out, Go's order says
		return Error
	}
	return out
}

// member is membership in a list or among the keys of a map.
func (in *Input) member(v, w value) Truth {
	switch {
	case v.kind == none:
		return Error
	case w.kind == list:
		return in.among(v, w.any)
	case w.kind == object && v.kind == text:
		m, _ := w.any.(map[string]any)
		_, ok := m[v.text]
		return TruthOf(ok)
	}
	return Error
}

func (in *Input) among(v value, of any) Truth {
	n, at := elements(of)
	if !in.step(n * stepsPerElement) {
		return Error
	}
	for i := range n {
		if in.equal(v, at(i)) == True {
			return True
		}
	}
	if !in.step(0) {
		return Error
	}
	return False
}

// amongTexts is membership in a list of texts.
func (in *Input) amongTexts(v value, texts []string) Truth {
	switch {
	case v.kind == none || !in.step(len(texts)):
		return Error
	case v.kind != text:
		return False
	case len(v.text) < bytesPerStep:
		return TruthOf(slices.Contains(texts, v.text))
	}
	for _, s := range texts {
		if t := in.equal(v, textValue(s)); t != False {
			return t
		}
	}
	return False
}
