package enginetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh/engine"
)

// careless is an interpreter with a fault of a kind that hand-written lowering
// makes: a region at rest is enough.
func careless(t *testing.T) Backend {
	t.Helper()
	i := newInterpreter(t)
	const id = "data_storage.location_restrictions.allowed_regions"
	section := i.Sections[id]
	section.Met = func(a facts, regions any, _ settings) bool { return a.among("data.region", regions) }
	i.Sections[id] = section
	return i.Backend("careless")
}

func TestCompareFindsAndMinimizes(t *testing.T) {
	t.Parallel()
	const yaml = "version: \"3.0.0\"\nname: n\nrules:\n" +
		"    data_collection: {consent_required: true, purpose_limitation: true, valid_purposes: [a, b]}\n" +
		"    data_storage: {location_restrictions: {allowed_regions: [eu-west-1, eu-central-1]}, retention: {max_days: 30}}\n" +
		"    custom:\n    - {id: a, when: 'action.type == \"egress\"', require: 'has(egress.tls) && egress.tls'}\n"
	backends := []Backend{newInterpreter(t).Backend("documents"), careless(t)}
	for seed := range uint64(200) {
		g, err := NewGenerator(seed)
		if err != nil {
			t.Fatal(err)
		}
		actions := make([]*Action, 50)
		for i := range actions {
			if actions[i], err = g.Action(); err != nil {
				t.Fatal(err)
			}
		}
		tally, d, err := Compare(backends, seed, []Source{{ID: "a/b", YAML: yaml}}, actions)
		if err != nil {
			t.Fatal(err)
		}
		if d == nil {
			continue
		}
		if tally.Decisions == 0 || d.Seed != seed || d.Names != [2]string{"documents", "careless"} {
			t.Errorf("%+v of seed %d, after %+v", d, seed, tally)
		}
		if len(d.Policies) != 1 || strings.Contains(d.Policies[0].YAML, "custom") || strings.Count(d.Policies[0].YAML, "\n") > 10 || len(d.Action.JSON) > 150 {
			t.Errorf("not as small as it could be: %v", d)
		}
		if text := d.Error(); !strings.Contains(text, "allowed_regions") || !strings.Contains(text, "careless: allowed true") {
			t.Errorf("says %s", text)
		}
		return
	}
	t.Error("found nothing")
}

func TestMinimizeShrinksExpressions(t *testing.T) {
	t.Parallel()
	const yaml = "version: \"3.0.0\"\nname: n\nrules:\n  custom:\n" +
		"    - {id: a, when: 'action.type != \"y\" && (has(data.purpose) || 1 + 2 < 4)', require: 'has(tool.name) || (has(egress.tls) && egress.tls ? data.retentionDays > 3 : false)'}\n"
	deaf := Backend{"deaf", func([]Source) (Decide, error) {
		return func(*Action) (Outcome, error) { return Outcome{Allowed: true, WouldAllow: true}, nil }, nil
	}}
	action := NewAction([]byte(`{"action":{"type":"x"},"data":{"retentionDays":3,"purpose":"p"},"egress":{"tls":true}}`))
	_, d, err := Compare([]Backend{EngineBackend("engine", engine.Compile), deaf}, 1, []Source{{ID: "a/b", YAML: yaml}}, []*Action{action})
	if err != nil || d == nil {
		t.Fatalf("difference %v, error %v", d, err)
	}
	if !strings.Contains(d.Policies[0].YAML, `require: "true"`) || strings.Contains(d.Policies[0].YAML, "when") {
		t.Errorf("shrunk to %s", d.Policies[0].YAML)
	}
}

func TestCompareSkipsAndCountsWhatIsUnsupported(t *testing.T) {
	t.Parallel()
	source := []Source{{ID: "a/b", YAML: "version: \"3.0.0\"\nname: n\nrules: {custom: [{id: a, require: 'string(0.5) == \"x\"'}]}\n"}}
	actions := []*Action{NewAction([]byte(`{"action":{"type":"x"}}`)), NewAction([]byte(`{"action":{"type":"y"}}`))}
	own, product := newInterpreter(t).Backend("documents"), EngineBackend("engine", engine.Compile)
	for _, backends := range [][]Backend{{own, product}, {product, own}} {
		tally, d, err := Compare(backends, 1, source, actions)
		if err != nil || d != nil || tally.Unsupported != 2 || tally.Decisions != 2 {
			t.Errorf("%s first: %+v, difference %v, error %v", backends[0].Name, tally, d, err)
		}
	}
}

func TestCompareReportsWhatDoesNotCompile(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	refusing := Backend{"refusing", func([]Source) (Decide, error) { return nil, broken }}
	source := []Source{{ID: "a/b", YAML: "version: \"3.0.0\"\nname: n\nrules: {custom: [{id: a, require: 'has(egress.tls)'}]}\n"}}
	actions := []*Action{NewAction([]byte(`{"action":{"type":"x"}}`))}
	if _, _, err := Compare([]Backend{newInterpreter(t).Backend("documents"), refusing}, 1, source, actions); !errors.Is(err, broken) || !strings.Contains(err.Error(), "refusing") {
		t.Errorf("error %v", err)
	}
	failing := Backend{"failing", func([]Source) (Decide, error) {
		return func(*Action) (Outcome, error) { return Outcome{}, broken }, nil
	}}
	_, d, err := Compare([]Backend{newInterpreter(t).Backend("documents"), failing}, 1, source, actions)
	if err != nil || d == nil || !errors.Is(d.Failures[1], broken) || !strings.Contains(d.Error(), "failing: broken") {
		t.Errorf("difference %v, error %v", d, err)
	}
}
