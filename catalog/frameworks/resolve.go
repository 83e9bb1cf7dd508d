package frameworks

import (
	"slices"
	"strings"
	"unicode"

	"github.com/ai-agent-mesh/mesh"
)

// FrameworkID returns the id of the framework a label names: its id or one of
// its aliases, in any case, spacing and punctuation. "SOC 2 Type II" is soc2.
func (c *Catalog) FrameworkID(label string) (mesh.FrameworkID, bool) {
	if len(label) > maxLabel {
		return "", false
	}
	id, ok := c.byName[fold(label)]
	return id, ok
}

// Known reports whether the catalog has the framework, by any of its names.
func (c *Catalog) Known(framework mesh.FrameworkID) bool {
	_, ok := c.FrameworkID(string(framework))
	return ok
}

// Resolve returns the control that a label cites. The framework may be given
// by any of its names, or be empty where the label begins with it
// ("GDPR: Art. 17"). Case, spacing, punctuation and words like "Article" do
// not matter; a paragraph below a listed control means that control. What a
// framework could list but does not ("AC-2(6)" of a baseline without it,
// "Art. 100" of 99) is not found.
func (c *Catalog) Resolve(framework mesh.FrameworkID, label string) (mesh.ControlID, bool) {
	list, label, ok := c.find(framework, label)
	if !ok {
		return "", false
	}
	i, ok := list.index.resolve(label)
	if !ok {
		return "", false
	}
	return list.rows[i].ID, true
}

// Nearest returns the control that a label which does not resolve probably
// meant, or "" if nothing is near.
func (c *Catalog) Nearest(framework mesh.FrameworkID, label string) string {
	list, label, ok := c.find(framework, label)
	if !ok {
		return ""
	}
	i, ok := list.index.nearest(label)
	if !ok {
		return ""
	}
	return string(list.rows[i].ID)
}

// find returns the list of the framework and what remains of the label when
// the framework's name is taken off it.
func (c *Catalog) find(framework mesh.FrameworkID, label string) (*controls, string, bool) {
	if len(label) > maxLabel {
		return nil, "", false
	}
	id, ok := c.FrameworkID(string(framework))
	if head, rest, found := strings.Cut(label, ":"); found {
		if named, known := c.FrameworkID(head); known && (framework == "" || named == id) {
			id, ok, label = named, true, rest
		}
	}
	if !ok {
		return nil, "", false
	}
	return c.lists[id], label, true
}

// fold reduces a framework's name to its letters and digits in lower case.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// FrameworkNames returns every name that [Catalog.FrameworkID] knows, ids and
// aliases. The slice is the caller's.
func (c *Catalog) FrameworkNames() []string { return slices.Clone(c.names) }
