package primitives

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ai-agent-mesh/mesh"
)

// TestLibraryLoads reports every fault of the library at once.
func TestLibraryLoads(t *testing.T) {
	t.Parallel()
	_, findings := load(files)
	for _, f := range findings {
		t.Error(f)
	}
}

// sound is a section without faults, of which the tests spoil something.
const sound = `section: shop
summary: What the shop does.
groups:
  shop.limits: Limits.
options:
  - {path: shop.limits.hours, type: count, narrows: at-most, description: Hours.}
primitives:
  - id: shop.limits.amounts.*
    summary: Payments stay below this.
    each: [currency]
    value: {type: number, narrows: at-most, as: amount}
    reads: [shop.limits.hours]
    looks_at: [tool.call]
    require: has(tool.args.amount) && tool.args.amount <= rule.amount
    obligations:
      - {type: review, properties: {within: {parameter: hours}}}
    message: the payment is too high
    recommendation: pay less
    controls: ["soc2:CC6.1"]
    example: {currency: EUR, amount: 10}
    cases:
      - {name: low, want: satisfied, action: {action: {type: tool.call}, tool: {args: {amount: 3}}}}
      - {name: high, parameters: {amount: 1, hours: null}, want: violated, action: {action: {type: tool.call}, tool: {args: {amount: 3}}}}
  - id: shop.open
    summary: The shop is open.
    value: {type: flag, narrows: "on"}
    require: has(environment)
    message: the shop is closed
    recommendation: wait
    controls: ["soc2:CC6.1"]
    cases:
      - {name: open, want: satisfied, action: {action: {type: tool.call}, environment: shop}}
      - {name: closed, want: violated, action: {action: {type: tool.call}}}
`

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, old, changed, want string }{
		{"nothing", "", "", "the groups do not say what shop.limits.amounts holds"},
		{"a key nobody knows", "    message: the pay", "    massage: the pay", "unknown key massage"},
		{"another section", "section: shop", "section: market", "the file must have the name of its section"},
		{"no sentence", "summary: Payments", "summary: payments", "does not have the form"},
		{"no controls", "    controls: [\"soc2:CC6.1\"]\n    example", "    example", "serves no controls"},
		{"no message", "    message: the shop is closed\n", "", "needs a message"},
		{"nothing demanded", "    require: has(environment)\n", "", "one of the keys require, obligations is needed"},
		{"too few keys", "each: [currency]", "each: [currency, country]", "as many keys as the id has *"},
		{"the same name twice", "as: amount", "as: currency", "the same name in CEL"},
		{"no name in CEL", ", as: amount", "", "needs a name for CEL"},
		{"an option nobody has", "reads: [shop.limits.hours]", "reads: [shop.limits.hour]", "shop.limits.hour is none of the options"},
		{"an option nobody reads", "    reads: [shop.limits.hours]\n", "", "nobody reads the option shop.limits.hours"},
		{"a parameter nobody has", "{parameter: hours}", "{parameter: days}", "days is no parameter of shop.limits.amounts.*"},
		{"no such narrowing", "type: count, narrows: at-most", "type: count, narrows: subset", "a count cannot be narrowed by subset"},
		{"an example of another type", "amount: 10}", "amount: ten}", "amount is a number"},
		{"an incomplete example", "example: {currency: EUR, amount: 10}", "example: {currency: EUR}", "the example does not say amount"},
		{"a case of something else", "{amount: 1, hours: null}", "{sum: 1}", "sum is neither a key nor a parameter"},
		{"another place", "id: shop.open", "id: market.open", "market.open is not in the section shop"},
		{"two parameters at a place", "id: shop.open", "id: shop.limits.hours", "a parameter at shop.limits.hours is there already"},
		{"a parameter that is a group", "id: shop.open", "id: shop.limits", "shop.limits is a group"},
		{"a number in any case", "each: [currency]", "each: [currency]\n    any_case: [amount]", "amount is neither a key nor a list"},
		{"a number that is an action type", "each: [currency]", "each: [currency]\n    vocabulary: {amount: action_type}", "amount is neither a key nor a parameter that holds texts"},
		{"a vocabulary that nobody has", "each: [currency]", "each: [currency]\n    vocabulary: {currency: currency}", "there is no vocabulary currency"},
		{"nothing contrary", "value: {type: flag, narrows: \"on\"}", "value: {type: flag, narrows: \"on\"}\n    contrary: shop.open", "shop.open is no list of what is allowed"},
		{"an empty text that counts as another", "looks_at: [tool.call]", "looks_at: [tool.call]\n    when: (!has(tool.name) || tool.name == rule.currency)", `!has(tool.name) must be followed by || tool.name == ""`},
		{"an empty type of a finding", "require: has(environment)", "require: 'content.findings.all(f, !has(f.type) || f.type in [\"EMAIL\"])'", `!has(f.type) must be followed by || f.type == ""`},
		{"no flag", "value: {type: flag, narrows: \"on\"}", "value: {type: flag, narrows: \"on\"}\n    unless: shop.shut", "shop.shut is no flag"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			src := sound
			if tt.old != "" {
				src = strings.Replace(src, "  shop.limits: Limits.\n", "  shop.limits: Limits.\n  shop.limits.amounts: Amounts.\n", 1)
				if !strings.Contains(src, tt.old) {
					t.Fatalf("nothing to change: %q", tt.old)
				}
				src = strings.Replace(src, tt.old, tt.changed, 1)
			}
			section, findings := parse("library/shop.yaml", []byte(src))
			if section != nil || len(findings) == 0 {
				t.Fatal("no findings")
			}
			wanted := func(f mesh.Finding) bool { return strings.Contains(f.Message, tt.want) }
			if !slices.ContainsFunc(findings, wanted) {
				t.Errorf("findings %v, want %q", findings, tt.want)
			}
			for _, f := range findings {
				if f.Line == 0 || f.Column == 0 || f.File != "library/shop.yaml" {
					t.Errorf("%v has no place", f)
				}
			}
		})
	}
}

func TestParseSound(t *testing.T) {
	t.Parallel()
	src := strings.Replace(sound, "  shop.limits: Limits.\n", "  shop.limits: Limits.\n  shop.limits.amounts: Amounts.\n", 1)
	section, findings := parse("library/shop.yaml", []byte(src))
	if section == nil {
		t.Fatal(findings)
	}
	p := section.Primitives[0]
	if p.Parameters[0].Name() != "amount" || p.Parameters[1].Name() != "hours" || p.Parameters[0].Description != "Payments stay below this." {
		t.Errorf("parameters %+v", p.Parameters)
	}
	if p.Example["amount"] != 10.0 || p.Cases[1].Values["amount"] != 1.0 || p.Cases[1].Values["currency"] != "EUR" {
		t.Errorf("example %v, cases %v", p.Example, p.Cases)
	}
	if open := section.Primitives[1]; open.When != "" || open.Example["open"] != true {
		t.Errorf("%+v", open)
	}
}

func TestLoadReportsEveryFile(t *testing.T) {
	t.Parallel()
	_, findings := load(fstest.MapFS{
		"library/a.yaml": {Data: []byte("section: a\n")}, "library/b.yaml": {Data: []byte("- 1\n")}, "other.yaml": {},
	})
	if len(findings) < 2 || findings[0].File != "library/a.yaml" || findings[len(findings)-1].File != "library/b.yaml" {
		t.Errorf("findings %v", findings)
	}
}

func TestTypeValue(t *testing.T) {
	t.Parallel()
	for _, v := range []any{true, "a", int64(1), 1.5, []any{"a"}} {
		fits := 0
		for _, typ := range typeNames() {
			if _, ok := typ.Value(v); ok {
				fits++
			}
		}
		want := 1
		if v == int64(1) {
			want = 2 // a count and a number
		}
		if fits != want {
			t.Errorf("%v is a value of %d types", v, fits)
		}
	}
	for _, v := range []any{nil, []any{int64(1)}, map[string]any{}} {
		if _, ok := Texts.Value(v); ok {
			t.Errorf("%v is a list of texts", v)
		}
	}
}

func FuzzParse(f *testing.F) {
	names, err := fs.Glob(files, "library/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		src, err := fs.ReadFile(files, name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Add([]byte(sound))
	f.Fuzz(func(t *testing.T, src []byte) {
		section, findings := parse("library/shop.yaml", src)
		if (section == nil) != (len(findings) > 0) {
			t.Fatalf("section %v beside findings %v", section, findings)
		}
	})
}
