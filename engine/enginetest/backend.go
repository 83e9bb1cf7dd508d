package enginetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine"
	"github.com/ai-agent-mesh/mesh/engine/decode"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

// Backend is one way to decide. Compile prepares a set of policies, which many
// actions are then decided by.
type Backend struct {
	Name    string
	Compile func(policies []Source) (Decide, error)
}

// Decide decides one action. It belongs to one goroutine.
type Decide func(action *Action) (Outcome, error)

// Action is an action as JSON, which every back end reads in its own way, but
// once for all of its kind. It belongs to one goroutine.
type Action struct {
	JSON []byte

	plain   func() (map[string]any, error)
	decoded func() (*mesh.Action, error)
}

// NewAction returns the action that is written so.
func NewAction(data []byte) *Action {
	return &Action{
		JSON:    data,
		plain:   sync.OnceValues(func() (map[string]any, error) { return ReadAction(data) }),
		decoded: sync.OnceValues(func() (*mesh.Action, error) { return decode.Action(data) }),
	}
}

// Backend returns the interpreter as a back end.
func (i *Interpreter) Backend(name string) Backend {
	return Backend{name, func(sources []Source) (Decide, error) {
		policies := make([]*Policy, len(sources))
		for n, source := range sources {
			var err error
			if policies[n], err = i.Read(source); err != nil {
				return nil, err
			}
		}
		return func(a *Action) (Outcome, error) {
			action, err := a.plain()
			if err != nil {
				return Outcome{}, err
			}
			return i.DecideAll(policies, action), nil
		}, nil
	}}
}

// EngineBackend returns the engine as a back end: what compile makes of the
// policies evaluates actions, inline and deferred. compile is engine.Compile,
// or it with options.
func EngineBackend(name string, compile func([]engine.Policy) (*engine.Program, error)) Backend {
	return Backend{name, func(sources []Source) (Decide, error) {
		policies := make([]engine.Policy, len(sources))
		for n, source := range sources {
			doc, err := parseSource(source)
			if err != nil {
				return nil, err
			}
			policies[n] = engine.Policy{ID: source.ID, Document: doc, Mode: source.Mode, Params: source.Params}
		}
		program, err := compile(policies)
		if err != nil {
			return nil, describe(err)
		}
		var inline, deferred engine.Result
		return func(a *Action) (Outcome, error) {
			action, err := a.decoded()
			if err != nil {
				return Outcome{}, describe(err)
			}
			program.Evaluate(context.Background(), action, engine.Inline, &inline)
			program.Evaluate(context.Background(), action, engine.Deferred, &deferred)
			return outcomeOf(&inline, &deferred), nil
		}, nil
	}}
}

// parseSource parses a policy with the product's own reader.
func parseSource(source Source) (*policy.Document, error) {
	doc, findings := policy.Parse(source.ID, []byte(source.YAML))
	if doc == nil {
		return nil, fmt.Errorf("parsing policy %s: %v", source.ID, findings)
	}
	return doc, nil
}

// describe adds the findings of an error to what it says.
func describe(err error) error {
	var e *mesh.Error
	if !errors.As(err, &e) || len(e.Findings) == 0 {
		return err
	}
	return fmt.Errorf("%w: %v", err, e.Findings)
}

// outcomeOf joins the results of the phases of one action into an outcome.
func outcomeOf(phases ...*engine.Result) Outcome {
	o := Outcome{Allowed: true, WouldAllow: true}
	for _, r := range phases {
		o.Allowed = o.Allowed && r.Allowed
		o.WouldAllow = o.WouldAllow && r.WouldAllow
		for _, v := range r.Violations {
			o.Violated = append(o.Violated, v.PolicyID+":"+v.RuleID)
		}
		for _, e := range r.Errors {
			o.Failed = append(o.Failed, e.PolicyID+":"+e.RuleID)
		}
		for _, p := range r.Policies {
			for _, id := range p.Rules {
				o.Looked = append(o.Looked, p.PolicyID+":"+id)
			}
		}
		for _, obliged := range r.Obligations {
			o.Obligations = append(o.Obligations, obligation(obliged))
		}
	}
	return o.tidy()
}

// String writes an outcome on one line.
func (o Outcome) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "allowed %t, would allow %t", o.Allowed, o.WouldAllow)
	for _, part := range []struct {
		name string
		list []string
	}{{"violated", o.Violated}, {"failed", o.Failed}, {"looked", o.Looked}, {"obligations", o.Obligations}, {"unsupported", o.Unsupported}} {
		if len(part.list) > 0 {
			fmt.Fprintf(&b, ", %s %q", part.name, part.list)
		}
	}
	return b.String()
}

// indent writes JSON for people; what is none stays as it is.
func indent(data []byte) string {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return string(data)
	}
	out, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return string(data)
	}
	return string(out)
}
