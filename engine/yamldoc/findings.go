package yamldoc

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ai-agent-mesh/mesh"
)

// MaxFindings bounds what is reported of one document: nobody reads more at
// once, and a hostile document must not fill the reader's memory.
const MaxFindings = 200

// Findings collects what is found wrong with one document. The zero value is
// nothing.
type Findings struct {
	list []mesh.Finding
	more int // that were found and are not in the list: errors, and none stands before those that are
}

// Add adds findings.
func (f *Findings) Add(findings ...mesh.Finding) { f.list = append(f.list, findings...) }

// Empty reports whether nothing was found.
func (f *Findings) Empty() bool { return len(f.list) == 0 }

// Full reports whether there are more than are listed.
func (f *Findings) Full() bool { return f.more > 0 || len(f.list) > MaxFindings }

// HasErrors reports whether any finding refuses the document.
func (f *Findings) HasErrors() bool { return f.more > 0 || mesh.HasErrors(f.list) }

// Said returns the findings that are put into words, in the order they were
// added. Whoever knows more of the document may say them better.
func (f *Findings) Said() []mesh.Finding { return f.list }

// Join adds what g holds.
func (f *Findings) Join(g *Findings) {
	f.list = append(f.list, g.list...)
	f.more += g.more
}

// List returns the findings in the order of the file, each once, and of more
// than [MaxFindings] the first and how many more there are; errors before
// warnings.
func (f *Findings) List() []mesh.Finding {
	out := slices.Clone(f.list)
	slices.SortStableFunc(out, func(a, b mesh.Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column)
	})
	var unsaid rest
	if f.more > 0 {
		unsaid = rest{f.more, mesh.LevelError}
	}
	return cut(unique(out), unsaid)
}

// InOrder sorts findings about several documents by place, and leaves each once.
func InOrder(findings []mesh.Finding) []mesh.Finding {
	slices.SortStableFunc(findings, func(a, b mesh.Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column, cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(findings)
}

// Bound leaves of the findings about each document, which are in order, as many
// as [Findings.List] does: whoever joins what was found in several ways bounds
// it anew.
func Bound(inOrder []mesh.Finding) []mesh.Finding {
	out := make([]mesh.Finding, 0, len(inOrder))
	for len(inOrder) > 0 {
		file, n := inOrder[0].File, 0
		var before rest
		var own []mesh.Finding
		for ; n < len(inOrder) && inOrder[n].File == file; n++ {
			if f := inOrder[n]; f.Rule == ruleMore {
				before.join(f)
			} else {
				own = append(own, f)
			}
		}
		out, inOrder = append(out, cut(own, before)...), inOrder[n:]
	}
	return out
}

// ruleMore is the rule of the finding that stands for those that are left out.
const ruleMore = "more-findings"

// rest is what is left out.
type rest struct {
	findings int
	level    mesh.FindingLevel // of the worst
}

// join takes over what an earlier list left out. What several lists of a document
// left out is taken for the same: mostly a file was read twice.
func (r *rest) join(more mesh.Finding) {
	r.findings = max(r.findings, more.More)
	r.worst(more)
}

func (r *rest) worst(f mesh.Finding) {
	if r.level == "" || f.Level == mesh.LevelError {
		r.level = f.Level
	}
}

// cut leaves of the findings of a document the first, with errors before
// warnings: who corrects what is listed must not believe that there is no more
// than warnings. It says what it leaves out, beside what was before.
func cut(inOrder []mesh.Finding, before rest) []mesh.Finding {
	if len(inOrder) <= MaxFindings && before.findings == 0 {
		return inOrder
	}
	failing := 0
	for _, f := range inOrder {
		if f.Level == mesh.LevelError {
			failing++
		}
	}
	room := map[bool]int{true: min(failing, MaxFindings), false: max(MaxFindings-failing, 0)}
	kept := make([]mesh.Finding, 0, MaxFindings+1)
	var at mesh.Position // of the first that is left out behind all that are kept
	behind := false
	for _, f := range inOrder {
		if fails := f.Level == mesh.LevelError; room[fails] > 0 {
			room[fails]--
			kept, at, behind = append(kept, f), f.Position, false
			continue
		}
		if !behind {
			at, behind = f.Position, true
		}
		before.findings++
		before.worst(f)
	}
	return append(kept, mesh.Finding{
		Position: at, Level: before.level, Rule: ruleMore,
		Message: fmt.Sprintf("and %d more findings", before.findings), Hint: "correct these first", More: before.findings,
	})
}

// unique leaves out what is said twice of one place. Findings of a place stand
// together.
func unique(sorted []mesh.Finding) []mesh.Finding {
	out := sorted[:0]
	start := 0 // of the findings of the same place
	for _, f := range sorted {
		if len(out) > 0 && out[len(out)-1].Position != f.Position {
			start = len(out)
		}
		if !slices.Contains(out[start:], f) {
			out = append(out, f)
		}
	}
	return out
}
