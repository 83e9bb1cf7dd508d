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
	more int // that were found and are not in the list: none stands before those that are

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
// than [MaxFindings] the first and how many more there are.
func (f *Findings) List() []mesh.Finding {
	out := slices.Clone(f.list)
	slices.SortStableFunc(out, func(a, b mesh.Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column)
	})
	out = unique(out)
	more := f.more + max(len(out)-MaxFindings, 0)
	if more == 0 {
		return out
	}
	last := mesh.Finding{Level: mesh.LevelWarning, Rule: "more-findings", Message: fmt.Sprintf("and %d more findings", more), Hint: "correct these first"}
	if len(out) > MaxFindings {
		last.Position = out[MaxFindings].Position
	} else {
		last.Position = out[len(out)-1].Position
	}
	if f.more > 0 || mesh.HasErrors(out[min(len(out), MaxFindings):]) {
		last.Level = mesh.LevelError
	}
	return append(out[:min(len(out), MaxFindings)], last)
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
