package policy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/policy"
)

const withParams = `version: "3.0.0"
name: n
params:
  hosts: {type: array, items: {type: string}, default: [a]}
  limit: {type: integer, minimum: 1, maximum: 100}
  rate: {type: number, default: 0.5}
  on: {type: boolean, default: false}
  level: {type: string, enum: [low, high], default: low, description: How much}
rules: {custom: [{id: a, require: 'params.on'}]}
`

func parse(t *testing.T, src string) *policy.Document {
	t.Helper()
	d, findings := policy.Parse("p.yaml", []byte(src))
	if d == nil {
		t.Fatalf("findings: %v", findings)
	}
	return d
}

func TestBindParams(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		given map[string]any
		want  map[string]any // values that differ from the defaults
		err   string
	}{
		{"defaults", map[string]any{"limit": int64(3)}, map[string]any{"limit": int64(3)}, ""},
		{"as JSON decodes", map[string]any{"limit": 3.0, "hosts": []any{"x", "y"}, "on": true}, map[string]any{"limit": int64(3), "hosts": []any{"x", "y"}, "on": true}, ""},
		{"as Go writes", map[string]any{"limit": 3, "hosts": []string{"x"}, "rate": 1}, map[string]any{"limit": int64(3), "hosts": []any{"x"}, "rate": 1.0}, ""},
		{"json.Number", map[string]any{"limit": json.Number("7")}, map[string]any{"limit": int64(7)}, ""},
		{"missing", nil, nil, "parameter limit has no default and must be set"},
		{"unknown", map[string]any{"limit": 3, "host": "x"}, nil, "parameter host is not declared (did you mean hosts?)"},
		{"wrong type", map[string]any{"limit": "3"}, nil, `parameter limit: expected a value of type integer, found "3"`},
		{"fraction", map[string]any{"limit": 3.5}, nil, "expected a value of type integer, found 3.5"},
		{"no list", map[string]any{"limit": 3, "hosts": "x"}, nil, "parameter hosts: expected a list of string"},
		{"wrong element", map[string]any{"limit": 3, "hosts": []any{1.0}}, nil, "parameter hosts: expected a value of type string"},
		{"too small", map[string]any{"limit": 0}, nil, "parameter limit: 0 is less than 1"},
		{"too large", map[string]any{"limit": 101}, nil, "parameter limit: 101 is more than 100"},
		{"not in enum", map[string]any{"limit": 3, "level": "mid"}, nil, `parameter level: "mid" is not one of ["low","high"]`},
		{"all at once", map[string]any{"limit": 0, "level": 1}, nil, "; parameter level"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parse(t, withParams).BindParams(tt.given)
			if tt.err != "" {
				if mesh.CodeOf(err) != mesh.CodeInvalid || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("BindParams: %v, want an error that says %q", err, tt.err)
				}
				return
			}
			want := map[string]any{"hosts": []any{"a"}, "rate": 0.5, "on": false, "level": "low"}
			for k, v := range tt.want {
				want[k] = v
			}
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("BindParams: %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// TestParamsSchemaAgrees checks that what the published schema accepts is what
// BindParams accepts.
func TestParamsSchemaAgrees(t *testing.T) {
	t.Parallel()
	d := parse(t, withParams)
	schema := compile(t, d.ParamsSchema())
	for _, in := range []string{
		`{"limit":3}`, `{}`, `{"limit":0}`, `{"limit":101}`, `{"limit":1.5}`, `{"limit":"3"}`, `{"limit":3,"hosts":["x"]}`, `{"limit":3,"hosts":[1]}`, `{"limit":3,"hosts":"x"}`,
		`{"limit":3,"on":1}`, `{"limit":3,"rate":2}`, `{"limit":3,"level":"high"}`, `{"limit":3,"level":"mid"}`, `{"limit":3,"other":1}`, `{"limit":null}`,
	} {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		bySchema := schema.Validate(v)
		_, byBind := d.BindParams(v.(map[string]any))
		if (bySchema == nil) != (byBind == nil) {
			t.Errorf("%s: schema says %v, BindParams says %v", in, bySchema, byBind)
		}
	}
}
