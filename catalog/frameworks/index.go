package frameworks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// index finds rows by the parts of their identifiers: a tree with one level
// for each part, so that what stands below a row can be told from what stands
// beside it.
type index struct {
	notation notation
	prefixes [][]string
	root     *node
	spans    []span
	keys     []string // the parts of each row's identifier, joined; for nearest
}

// node is a part of an identifier. row is -1 where the parts up to here are
// no identifier themselves.
type node struct {
	row      int
	children map[string]*node
	order    []*node // children in the order of the framework
}

// span is a row that stands for all sections between two.
type span struct {
	prefix      []string
	first, last int
	row         int
}

func newNode() *node { return &node{row: -1, children: map[string]*node{}} }

func newIndex(n notation, rows []Control) (*index, error) {
	x := &index{notation: n, root: newNode(), keys: make([]string, len(rows))}
	for _, p := range n.Prefixes {
		parts, ok := split(p)
		if !ok {
			return nil, fmt.Errorf("prefix %q is no word", p)
		}
		x.prefixes = append(x.prefixes, parts)
	}
	// The longest prefix is taken off first: "45 CFR Part" before "45 CFR".
	slices.SortStableFunc(x.prefixes, func(a, b []string) int { return len(b) - len(a) })
	for i, row := range rows {
		for _, spelling := range append([]string{row.ID.Local()}, row.spellings...) {
			if err := x.insert(i, spelling); err != nil {
				return nil, err
			}
		}
		if row.span[0] != "" {
			if err := x.insertSpan(i, row.span); err != nil {
				return nil, err
			}
		}
	}
	x.adopt(rows)
	return x, nil
}

func (x *index) insert(row int, spelling string) error {
	parts, ok := x.parts(spelling)
	if !ok {
		return fmt.Errorf("%q has no identifier in it", spelling)
	}
	if x.keys[row] == "" {
		x.keys[row] = strings.Join(parts, " ")
	}
	n := x.root
	for _, p := range parts {
		child, ok := n.children[p]
		if !ok {
			child = newNode()
			n.children[p] = child
			n.order = append(n.order, child)
		}
		n = child
	}
	if n.row >= 0 && n.row != row {
		return fmt.Errorf("%q cites two controls", spelling)
	}
	n.row = row
	return nil
}

func (x *index) insertSpan(row int, ends [2]string) error {
	first, ok1 := x.parts(ends[0])
	last, ok2 := x.parts(ends[1])
	if !ok1 || !ok2 || len(first) != len(last) {
		return fmt.Errorf("%q to %q is no range", ends[0], ends[1])
	}
	end := len(first) - 1
	from, err1 := strconv.Atoi(first[end])
	to, err2 := strconv.Atoi(last[end])
	if err1 != nil || err2 != nil || !slices.Equal(first[:end], last[:end]) {
		return fmt.Errorf("%q to %q is no range of numbers", ends[0], ends[1])
	}
	x.spans = append(x.spans, span{prefix: first[:end], first: from, last: to, row: row})
	return nil
}

// adopt lets parts that are no identifier themselves mean the row that stands
// for them. A paragraph whose first sub-paragraph states the standard means
// that standard (45 CFR 164.312(e) is (e)(1)); otherwise it means the control
// its first row belongs to. Parts that only group rows stay without one.
func (x *index) adopt(rows []Control) {
	local := make(map[string]int, len(rows))
	for i, row := range rows {
		local[row.ID.Local()] = i
	}
	// visit returns the first row at or below n, and how many parts below.
	var visit func(n *node) (first, depth int)
	visit = func(n *node) (int, int) {
		first, depth := n.row, 0
		for i, child := range n.order {
			if f, d := visit(child); i == 0 && n.row < 0 {
				first, depth = f, d+1
			}
		}
		if n.row >= 0 || n == x.root {
			return first, depth
		}
		if depth == 1 && rows[first].Kind == "standard" {
			n.row = first
		} else if parent, ok := local[rows[first].Parent]; ok {
			n.row = parent
		}
		return first, depth
	}
	visit(x.root)
}

// resolve returns the row a label cites.
func (x *index) resolve(label string) (int, bool) {
	parts, ok := x.parts(label)
	if !ok {
		return 0, false
	}
	n, rest := x.walk(parts)
	if len(rest) == 0 && n.row >= 0 {
		return n.row, true
	}
	if row, ok := x.within(parts); ok {
		return row, true
	}
	if n.row < 0 || len(rest) == 0 || !x.below(n, rest) {
		return 0, false
	}
	return n.row, true
}

// walk follows the parts as far as the tree knows them.
func (x *index) walk(parts []string) (*node, []string) {
	n := x.root
	for i, p := range parts {
		child, ok := n.children[p]
		if !ok {
			return n, parts[i:]
		}
		n = child
	}
	return n, nil
}

// within looks for a range of sections that holds the cited one.
func (x *index) within(parts []string) (int, bool) {
	for _, s := range x.spans {
		at := len(s.prefix)
		if len(parts) <= at || !slices.Equal(parts[:at], s.prefix) {
			continue
		}
		number, err := strconv.Atoi(parts[at])
		if err == nil && number >= s.first && number <= s.last && x.allow(parts[at+1:]) {
			return s.row, true
		}
	}
	return 0, false
}

// below reports whether rest are paragraphs of the control at n: of a kind
// the framework has, and not a sibling that its list leaves out.
func (x *index) below(n *node, rest []string) bool {
	if !x.allow(rest) {
		return false
	}
	for sibling := range n.children {
		if isNumber(sibling) == isNumber(rest[0]) {
			return false
		}
	}
	return true
}

// allow reports whether all parts look like paragraphs of this framework.
func (x *index) allow(parts []string) bool {
	if len(parts) == 0 {
		return true
	}
	switch x.notation.Paragraphs {
	case noParagraph:
		return false
	case letterParagraph:
		if isNumber(parts[0]) {
			return false
		}
	}
	for _, p := range parts {
		if !isParagraph(p) {
			return false
		}
	}
	return true
}

// nearest returns the row whose identifier differs least from the label's.
func (x *index) nearest(label string) (int, bool) {
	parts, ok := x.parts(label)
	if !ok {
		return 0, false
	}
	key := strings.Join(parts, " ")
	limit := min(maxDistance, max(1, len(key)/2)) + 1
	best, distance := 0, limit
	for i, candidate := range x.keys {
		if d := editDistance(key, candidate, distance); d < distance {
			best, distance = i, d
		}
	}
	return best, distance < limit
}
