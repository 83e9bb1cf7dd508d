package decode

// freeForm reads an object that the schema leaves open, or null.
func (s *scanner) freeForm() map[string]any {
	if s.null() {
		return nil
	}
	m := s.emptyMap()
	for more := s.first(); more; more = s.following() {
		name := s.name()
		before := len(m)
		if m[name] = s.any(); len(m) == before {
			s.fail() // given twice
		}
	}
	return m
}

// any reads whatever comes.
func (s *scanner) any() any {
	switch s.peek() {
	case '"':
		return s.string()
	case '{':
		return s.freeForm()
	case '[':
		return s.freeList()
	case 't':
		s.literal("true")
		return true
	case 'f':
		s.literal("false")
		return false
	case 'n':
		s.literal("null")
		return nil
	}
	if n, ok := s.digits(); ok {
		return n
	}
	n, ok := parseFree(s.numeral())
	if !ok {
		s.fail()
	}
	return n
}

// freeList reads a list of anything. Its elements are gathered behind those of
// the lists around it.
func (s *scanner) freeList() []any {
	start := len(s.gathered)
	for more := s.open('[', ']'); more; more = s.next(']') {
		v := s.any() // may gather elements of its own
		s.gathered = append(s.gathered, v)
	}
	elements := s.gathered[start:]
	out := append(make([]any, 0, len(elements)), elements...)
	clear(elements)
	s.gathered = s.gathered[:start]
	return out
}
