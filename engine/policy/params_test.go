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
  code: {type: string, pattern: "^[A-Z]{2}", minLength: 3, maxLength: 5, default: AB1}
  owner: {type: string, format: email, default: a@example.com}
  form: {type: string, format: regex, default: "^a"}
  ports: {type: array, items: {type: integer, minimum: 1, maximum: 65535}, minItems: 1, maxItems: 3, uniqueItems: true, default: [443]}
  names: {type: array, items: {type: string, format: hostname, maxLength: 10}, default: []}
  old: {type: array, items: {type: integer}, minimum: 2, enum: [2, 3], default: []}
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
		{"another form", map[string]any{"limit": 3, "code": "ab1"}, nil, `parameter code: "ab1" does not have the form "^[A-Z]{2}"`},
		{"too short", map[string]any{"limit": 3, "code": "AB"}, nil, `parameter code: "AB" has fewer than 3 characters`},
		{"too long", map[string]any{"limit": 3, "code": "ABÄÖÜß"}, nil, `parameter code: "ABÄÖÜß" has more than 5 characters`},
		{"long enough", map[string]any{"limit": 3, "code": "ABÄÖÜ"}, map[string]any{"limit": int64(3), "code": "ABÄÖÜ"}, ""},
		{"no address", map[string]any{"limit": 3, "owner": "a.example.com"}, nil, `parameter owner: "a.example.com" has not the format email`},
		{"no regular expression", map[string]any{"limit": 3, "form": "(a"}, nil, `parameter form: "(a" has not the format regex`},
		{"a regular expression that unfolds", map[string]any{"limit": 3, "form": "(a{1000}){1000}"}, nil, `has not the format regex`},
		{"too few", map[string]any{"limit": 3, "ports": []any{}}, nil, `parameter ports: 0 elements are fewer than 1`},
		{"too many", map[string]any{"limit": 3, "ports": []any{1, 2, 3, 4}}, nil, `parameter ports: 4 elements are more than 3`},
		{"twice", map[string]any{"limit": 3, "ports": []any{80, 80.0}}, nil, `parameter ports: 80 stands in the list twice`},
		{"element too large", map[string]any{"limit": 3, "ports": []any{70000}}, nil, `parameter ports: 70000 is more than 65535`},
		{"element of no format", map[string]any{"limit": 3, "names": []any{"a b"}}, nil, `parameter names: "a b" has not the format hostname`},
		{"element too long", map[string]any{"limit": 3, "names": []string{"example.com"}}, nil, `parameter names: "example.com" has more than 10 characters`},
		{"element not in enum", map[string]any{"limit": 3, "old": []any{4}}, nil, `parameter old: 4 is not one of [2,3]`},
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
			want := map[string]any{
				"hosts": []any{"a"}, "rate": 0.5, "on": false, "level": "low", "code": "AB1", "owner": "a@example.com", "form": "^a",
				"ports": []any{int64(443)}, "names": []any{}, "old": []any{},
			}
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
	schema := compileStrict(t, d.ParamsSchema())
	for _, in := range []string{
		`{"limit":3}`, `{}`, `{"limit":0}`, `{"limit":101}`, `{"limit":1.5}`, `{"limit":"3"}`, `{"limit":3,"hosts":["x"]}`, `{"limit":3,"hosts":[1]}`, `{"limit":3,"hosts":"x"}`,
		`{"limit":3,"on":1}`, `{"limit":3,"rate":2}`, `{"limit":3,"level":"high"}`, `{"limit":3,"level":"mid"}`, `{"limit":3,"other":1}`, `{"limit":null}`,
		`{"limit":3,"code":"AB1"}`, `{"limit":3,"code":"AB"}`, `{"limit":3,"code":"ABÄÖÜ"}`, `{"limit":3,"code":"ABÄÖÜß"}`, `{"limit":3,"code":"1AB"}`,
		`{"limit":3,"owner":"a@b.example"}`, `{"limit":3,"owner":"a"}`, `{"limit":3,"form":"a+"}`, `{"limit":3,"form":"a("}`,
		`{"limit":3,"ports":[]}`, `{"limit":3,"ports":[1]}`, `{"limit":3,"ports":[0]}`, `{"limit":3,"ports":[1,2,3,4]}`, `{"limit":3,"ports":[1,1]}`, `{"limit":3,"ports":[1,"1"]}`,
		`{"limit":3,"names":["a.example"]}`, `{"limit":3,"names":["a_b"]}`, `{"limit":3,"names":["example.com"]}`, `{"limit":3,"old":[2]}`, `{"limit":3,"old":[4]}`, `{"limit":3,"old":[1]}`,
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

// TestParamFormats has a value for and one against each format.
func TestParamFormats(t *testing.T) {
	t.Parallel()
	for format, values := range map[string][2]string{
		"date": {"2026-11-22", "22.11.2026"}, "date-time": {"2026-11-22T10:00:00Z", "2026-11-22"}, "email": {"a@example.com", "a"},
		"hostname": {"a.example", "a b"}, "ipv4": {"10.0.0.1", "10.0.0"}, "ipv6": {"::1", "10.0.0.1"}, "uri": {"https://a.example/b", "/b"},
		"uuid": {"2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d", "2c5ea4c0"}, "regex": {"^a+$", "*"},
	} {
		d := parse(t, "version: \"3.0.0\"\nname: n\nparams: {a: {type: string, format: "+format+"}}\nrules: {custom: [{id: a, require: 'true'}]}\n")
		if _, err := d.Params[0].Convert(values[0]); err != nil {
			t.Error(err)
		}
		if _, err := d.Params[0].Convert(values[1]); err == nil {
			t.Errorf("%q has the format %s", values[1], format)
		}
	}
}

func TestParamFindings(t *testing.T) {
	t.Parallel()
	wantFindings(t, []findingsTest{
		{"param without a type", head + "rules: {}\nparams: {a: {}}\n", []string{"4:13 missing-key the key type is missing"}},
		{"param type", head + "rules: {}\nparams: {a: {type: strng}}\n", []string{"did you mean string?"}},
		{"array without items", head + "rules: {}\nparams: {a: {type: array}}\n", []string{"4:13 missing-key the key items is missing"}},
		{"items of no array", head + "rules: {}\nparams: {a: {type: string, items: {type: string}}}\n", []string{"4:28 misplaced-key the key items has no meaning here"}},
		{"param default", head + "rules: {}\nparams: {a: {type: integer, default: x}}\n", []string{"4:29 param-value default of parameter a: expected a value of type integer, found \"x\""}},
		{"param enum", head + "rules: {}\nparams: {a: {type: string, enum: [1]}}\n", []string{"4:35 param-value enum of parameter a"}},
		{"param default not in enum", head + "rules: {}\nparams: {a: {type: string, enum: [x], default: y}}\n", []string{`parameter a: "y" is not one of ["x"]`}},
		{"bound of a text", head + "rules: {}\nparams: {a: {type: string, minimum: 3, default: x}}\n", []string{"4:28 misplaced-key the key minimum has no meaning here (remove it)"}},
		{"bound of a list of texts", head + "rules: {}\nparams: {a: {type: array, items: {type: string}, maximum: 3}}\n", []string{"4:50 misplaced-key the key maximum has no meaning here (remove it)"}},
		{"bounds that leave nothing", head + "rules: {}\nparams: {a: {type: integer, minimum: 3, maximum: 1}}\n", []string{"4:29 wrong-value minimum 3 is above maximum 1"}},
		{"bound of a list of numbers", head + "rules: {}\nparams: {a: {type: array, items: {type: integer}, minimum: 3, default: [2]}}\n", []string{"4:63 param-value default of parameter a: 2 is less than 3 (choose a default that fits"}},
		{"bound said twice", head + "rules: {}\nparams: {a: {type: array, enum: [x], items: {type: string, enum: [x]}}}\n", []string{"4:27 misplaced-key the key enum speaks of the elements, and so does the one in items (keep the one in items)"}},
		{"text keys of a number", head + "rules: {}\nparams: {a: {type: number, pattern: a, minLength: 1, maxLength: 2, format: date}}\n", []string{"4:28 misplaced-key the key pattern", "4:40 misplaced-key the key minLength", "4:54 misplaced-key the key maxLength", "4:68 misplaced-key the key format"}},
		{"text keys of a list", head + "rules: {}\nparams: {a: {type: array, items: {type: string}, pattern: a}}\n", []string{"4:50 misplaced-key the key pattern has no meaning here"}},
		{"list keys of a text", head + "rules: {}\nparams: {a: {type: string, minItems: 1, maxItems: 2, uniqueItems: true}}\n", []string{"4:28 misplaced-key the key minItems", "4:41 misplaced-key the key maxItems", "4:54 misplaced-key the key uniqueItems"}},
		{"text keys of numbers in a list", head + "rules: {}\nparams: {a: {type: array, items: {type: integer, minLength: 1}}}\n", []string{"4:50 misplaced-key the key minLength"}},
		{"number keys of texts in a list", head + "rules: {}\nparams: {a: {type: array, items: {type: string, minimum: 1}}}\n", []string{"4:49 misplaced-key the key minimum"}},
		{"lengths that leave nothing", head + "rules: {}\nparams: {a: {type: string, minLength: 3, maxLength: 1}}\n", []string{"4:28 wrong-value minLength 3 is above maxLength 1"}},
		{"lengths of elements that leave nothing", head + "rules: {}\nparams: {a: {type: array, items: {type: string, minLength: 3, maxLength: 1}}}\n", []string{"4:49 wrong-value minLength 3 is above maxLength 1"}},
		{"numbers of elements that leave nothing", head + "rules: {}\nparams: {a: {type: array, items: {type: string}, minItems: 3, maxItems: 1}}\n", []string{"4:50 wrong-value minItems 3 is above maxItems 1"}},
		{"param pattern", head + "rules: {}\nparams: {a: {type: string, pattern: \"(a\"}}\n", []string{"4:37 wrong-value the regular expression does not compile: missing closing ) in (a"}},
		{"param pattern that unfolds", head + "rules: {}\nparams: {a: {type: array, items: {type: string, pattern: \"(a{1000}){1000}\"}}}\n", []string{"4:58 wrong-value the regular expression unfolds into more than 2000 steps"}},
		{"param format", head + "rules: {}\nparams: {a: {type: string, format: hostnme}}\n", []string{"4:36 wrong-value \"hostnme\" is not one of date, date-time,", "did you mean hostname?"}},
		{"param key", head + "rules: {}\nparams: {a: {type: string, patern: x}}\n", []string{"4:28 unknown-key unknown key patern (did you mean pattern?)"}},
		{"param key of items", head + "rules: {}\nparams: {a: {type: array, items: {type: string, maxlength: 3}}}\n", []string{"4:49 unknown-key unknown key maxlength (did you mean maxLength?)"}},
		{"param enum value twice", head + "rules: {}\nparams: {a: {type: string, enum: [x, x]}}\n", []string{"4:38 duplicate-value"}},
		{"param enum value that does not fit", head + "rules: {}\nparams: {a: {type: string, maxLength: 1, enum: [xx]}}\n", []string{"4:49 param-value enum of parameter a: \"xx\" has more than 1 characters"}},
		{"param default of another form", head + "rules: {}\nparams: {a: {type: string, pattern: \"^[a-z]+$\", default: A}}\n", []string{"4:49 param-value default of parameter a: \"A\" does not have the form"}},
		{"a fraction of an element", head + "rules: {}\nparams: {a: {type: array, items: {type: string}, minItems: 1.5}}\n", []string{"4:60 wrong-type expected a whole number"}},
		{"param name", head + "rules: {}\nparams: {a-b: {type: string}}\n", []string{"4:10 wrong-value a-b is not a valid name"}},
		{"param is a word of CEL", head + "rules: {}\nparams: {in: {type: string}}\n", []string{"4:10 reserved-id in is a word of CEL"}},
	})
}
