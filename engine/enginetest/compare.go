package enginetest

import (
	"fmt"
	"reflect"
	"strings"
)

// Difference is an action that two back ends decide differently, and the
// policies they did it by.
type Difference struct {
	Seed     uint64 // that generated it
	Policies []Source
	Action   *Action
	Names    [2]string  // of the back ends
	Outcomes [2]Outcome // what they made of it
	Failures [2]error   // where one had no outcome at all
}

// Error describes the difference so that it can be reproduced.
func (d *Difference) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s and %s decide differently (seed %d)\n", d.Names[0], d.Names[1], d.Seed)
	for i, name := range d.Names {
		if d.Failures[i] != nil {
			fmt.Fprintf(&b, "%s: %v\n", name, d.Failures[i])
			continue
		}
		fmt.Fprintf(&b, "%s: %v\n", name, d.Outcomes[i])
	}
	for _, p := range d.Policies {
		fmt.Fprintf(&b, "--- policy %s", p.ID)
		if p.Mode != "" {
			fmt.Fprintf(&b, ", mode %s", p.Mode)
		}
		if len(p.Params) > 0 {
			fmt.Fprintf(&b, ", params %v", p.Params)
		}
		fmt.Fprintf(&b, "\n%s", p.YAML)
	}
	fmt.Fprintf(&b, "--- action\n%s\n", indent(d.Action.JSON))
	return b.String()
}

// refused reports whether a back end had no outcome.
func (d *Difference) refused() bool { return d.Failures != [2]error{} }

// Tally counts what was compared.
type Tally struct {
	Decisions   int
	Unsupported int // decisions that were skipped, because a back end did not know something
	Denied      int
	Violations  int
	Failures    int // rules that could not be evaluated
	Looks       int // rules that looked at an action
}

// Add adds what another comparison counted.
func (t *Tally) Add(other Tally) {
	t.Decisions += other.Decisions
	t.Unsupported += other.Unsupported
	t.Denied += other.Denied
	t.Violations += other.Violations
	t.Failures += other.Failures
	t.Looks += other.Looks
}

func (t *Tally) count(o Outcome) {
	t.Decisions++
	t.Violations += len(o.Violated)
	t.Failures += len(o.Failed)
	t.Looks += len(o.Looked)
	if !o.Allowed {
		t.Denied++
	}
}

// Compare decides every action by every back end and compares with the first.
// It returns the first difference, as small as [minimize] can make it. The
// error is that of a back end that cannot compile the policies: the generator
// has made what is no policy.
func Compare(backends []Backend, seed uint64, policies []Source, actions []*Action) (Tally, *Difference, error) {
	var tally Tally
	decide := make([]Decide, len(backends))
	for i, b := range backends {
		var err error
		if decide[i], err = b.Compile(policies); err != nil {
			return tally, nil, fmt.Errorf("%s, seed %d: %w", b.Name, seed, err)
		}
	}
	for _, action := range actions {
		first, firstErr := decide[0](action)
		tally.count(first)
		if len(first.Unsupported) > 0 {
			tally.Unsupported++
			continue
		}
		for i := 1; i < len(backends); i++ {
			other, err := decide[i](action)
			if len(other.Unsupported) > 0 {
				tally.Unsupported++
				break
			}
			if err == nil && firstErr == nil && reflect.DeepEqual(first, other) {
				continue
			}
			d := &Difference{Seed: seed, Policies: policies, Action: action}
			return tally, minimize(d, backends[0], backends[i]), nil
		}
	}
	return tally, nil, nil
}

// Trial generates a set of policies and as many actions from a seed, and
// compares the back ends. The error says that the generator made what is no
// policy or no action.
func Trial(backends []Backend, seed uint64, actions int) (Tally, *Difference, error) {
	g, err := NewGenerator(seed)
	if err != nil {
		return Tally{}, nil, err
	}
	policies, err := g.Policies()
	if err != nil {
		return Tally{}, nil, err
	}
	asked := make([]*Action, actions)
	for i := range asked {
		if asked[i], err = g.Action(); err != nil {
			return Tally{}, nil, err
		}
	}
	return Compare(backends, seed, policies, asked)
}

// differ decides one action by two back ends, and returns nil if they agree or
// one does not know or refuses the policies.
func differ(d *Difference, one, other Backend) *Difference {
	found := &Difference{Seed: d.Seed, Policies: d.Policies, Action: d.Action}
	for i, b := range []Backend{one, other} {
		decide, err := b.Compile(d.Policies)
		if err != nil {
			return nil
		}
		found.Names[i] = b.Name
		found.Outcomes[i], found.Failures[i] = decide(NewAction(d.Action.JSON))
		if len(found.Outcomes[i].Unsupported) > 0 {
			return nil
		}
	}
	if !found.refused() && reflect.DeepEqual(found.Outcomes[0], found.Outcomes[1]) {
		return nil
	}
	if found.Failures[0] != nil && found.Failures[1] != nil {
		return nil // an action that neither reads
	}
	return found
}
