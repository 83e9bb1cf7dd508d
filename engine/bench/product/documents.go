package product

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/bench/engines"
	"github.com/ai-agent-mesh/mesh/engine/bench/workload"
)

// documents are the actions of a set in JSON, and what reads them.
type documents struct {
	texts   [][]byte
	decoder engines.Decoder
	program *engines.Program
	in      engines.Input
	verdict engines.Verdict
	err     error // the last of any call
}

// newDocuments encodes the actions and checks that both decoders read the same
// in them.
func newDocuments(set *workload.Set) (*documents, error) {
	policies, err := engines.Policies(set)
	if err != nil {
		return nil, err
	}
	d := &documents{}
	if d.program, err = engines.Compile(policies); err != nil {
		return nil, err
	}
	for i, a := range set.Actions {
		text, err := json.Marshal(a)
		if err != nil {
			return nil, fmt.Errorf("encoding action %d: %w", i, err)
		}
		d.texts = append(d.texts, text)
		read, err := d.decoder.Action(text)
		if err != nil {
			return nil, fmt.Errorf("decoding action %d: %w", i, err)
		}
		if again, err := json.Marshal(read); err != nil || !bytes.Equal(text, again) {
			return nil, fmt.Errorf("action %d is read as %s, not as %s (%w)", i, again, text, err)
		}
	}
	return d, nil
}

func (d *documents) meanSize() float64 {
	size := 0
	for _, text := range d.texts {
		size += len(text)
	}
	return float64(size) / float64(len(d.texts))
}

func (d *documents) text(i int) []byte { return d.texts[uint(i)%workload.Actions] }

func (d *documents) standard(i int) {
	var a mesh.Action
	if err := json.Unmarshal(d.text(i), &a); err != nil {
		d.err = err
	}
}

func (d *documents) decode(i int) {
	if _, err := d.decoder.Action(d.text(i)); err != nil {
		d.err = err
	}
}

func (d *documents) decide(i int) {
	a, err := d.decoder.Action(d.text(i))
	if err != nil {
		d.err = err
		return
	}
	d.program.Bind(a, &d.in)
	d.program.Decide(&d.in, &d.verdict)
}
