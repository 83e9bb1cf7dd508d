package decode

import (
	"strings"

	"github.com/ai-agent-mesh/mesh"
)

// The scanner's functions for the objects of the schema are written by the test
// that compares them with the structs.
//go:generate go test -run TestObjects$ -update .

// Decoder reads actions as [Action] does, with the same results and errors,
// into memory that it uses again: a typical action costs no allocation. The zero
// value is ready. A Decoder must not be copied, and serves one goroutine at a
// time.
//
// What it returned is valid until its next call, and its texts (those of the
// free-form maps too) are parts of the data they were read from. So data must
// not change, and the Decoder not be called, while the actions or anything
// taken from them are in use; what is to live longer has to be copied
// (strings.Clone). Data and actions stay in memory until the next call.
type Decoder struct {
	scanner scanner
	actions []*mesh.Action
}

// Action reads one action. See [Action] for its errors.
func (d *Decoder) Action(data []byte) (*mesh.Action, error) {
	return d.action(view(data), data)
}

// Batch reads either one action, or {"actions": […]} with at most max of them;
// max <= 0 means no limit but the size. batch says which form it was. Above
// [MaxBatchSize], or with more than max actions, the error's code is
// CodeTooLarge. An error in one action refuses them all. The list is valid as
// long as the actions are.
func (d *Decoder) Batch(data []byte, max int) (actions []*mesh.Action, batch bool, err error) {
	actions, batch, ok := d.scanBatch(view(data), data, max)
	if !ok {
		return generalBatch(data, max)
	}
	return actions, batch, nil
}

// action scans the action in data. Its texts become parts of text, which are
// the same bytes.
func (d *Decoder) action(text string, data []byte) (*mesh.Action, error) {
	if a := d.scanAction(text, data); a != nil {
		return a, nil
	}
	return generalAction(data)
}

// scanAction returns nil if the scanner failed.
func (d *Decoder) scanAction(text string, data []byte) *mesh.Action {
	if len(data) > MaxActionSize {
		return nil
	}
	s := &d.scanner
	s.start(text, data)
	a := s.acceptable()
	if !s.end() {
		return nil
	}
	return a
}

// scanBatch is not ok if the scanner failed.
func (d *Decoder) scanBatch(text string, data []byte, max int) (actions []*mesh.Action, batch, ok bool) {
	if len(data) > MaxBatchSize {
		return nil, false, false
	}
	d.actions = emptied(d.actions, 1, maxKeptObjects)
	s := &d.scanner
	s.start(text, data)
	const name = `"` + batchField + `":`
	if !s.first() || !strings.HasPrefix(s.in[s.pos:], name) {
		a := d.scanAction(text, data)
		d.actions = append(d.actions, a)
		return d.actions, false, a != nil
	}
	s.pos += len(name)
	for more := s.open('[', ']'); more; more = s.next(']') {
		a := s.element()
		d.actions = append(d.actions, a)
		if max > 0 && len(d.actions) > max {
			return nil, true, false
		}
	}
	if s.following() || !s.end() {
		return nil, true, false
	}
	return d.actions, true, true
}

// start makes ready for a document.
func (s *scanner) start(text string, data []byte) {
	s.in, s.data = text, data
	s.pos, s.depth, s.failed = 0, 0, false
	s.reset()
}

// element reads one action of a batch, whose depth is counted on its own.
func (s *scanner) element() *mesh.Action {
	around := s.depth
	s.depth = 0
	a := s.acceptable()
	s.depth = around
	return a
}

// acceptable reads an action and holds it to what [Action] asks beyond types.
func (s *scanner) acceptable() *mesh.Action {
	s.peek()
	start := s.pos
	a := s.readAction()
	if s.failed || a == nil || s.pos-start > MaxActionSize || check(a) != nil {
		s.fail()
		return nil
	}
	return a
}
