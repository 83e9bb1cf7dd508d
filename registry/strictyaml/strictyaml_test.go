package strictyaml_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/strictyaml"
)

// lines returns the findings as a person sees them.
func lines(findings []mesh.Finding) []string {
	var out []string
	for _, f := range findings {
		f.Hint = ""
		out = append(out, f.String())
	}
	return out
}

func TestReadsADocument(t *testing.T) {
	t.Parallel()
	root := strictyaml.Parse("a.yaml", []byte("version: 1.0\nlist: [a, 2]\ninner:\n  text: |\n    x\n"))
	fields := root.Fields("version", "list", "inner", "absent")
	if got := fields["version"].Text(); got != "1.0" {
		t.Errorf("the version is %q", got)
	}
	var items []string
	for _, n := range fields["list"].Items() {
		items = append(items, n.Text())
	}
	if !cmp.Equal(items, []string{"a", "2"}) {
		t.Errorf("the list is %q", items)
	}
	if got := fields["inner"].Fields("text")["text"].Text(); got != "x\n" {
		t.Errorf("the text is %q", got)
	}
	absent := fields["absent"]
	if absent.Exists() || absent.Text() != "" || absent.Items() != nil || len(absent.Fields()) != 0 || absent.Findings() != nil || absent.Position() != (mesh.Position{}) {
		t.Error("what is absent is there")
	}
	if got := root.Findings(); len(got) != 0 {
		t.Errorf("findings %v", got)
	}
}

func TestFindingsAreCompleteAndInOrder(t *testing.T) {
	t.Parallel()
	root := strictyaml.Parse("a.yaml", []byte("name: [x]\ntint: red\nname: y\nlist: z\nempty:\n"))
	fields := root.Fields("name", "list", "empty")
	fields["empty"].Text()
	fields["list"].Items()
	fields["name"].Text()
	fields["list"].Fields("a")
	fields["list"].Errorf("custom", "", "wrong: %d", 7)
	want := []string{
		"a.yaml:1:7: error: expected a text",
		`a.yaml:2:1: error: unknown key "tint"`,
		`a.yaml:3:1: error: "name" is given twice`,
		"a.yaml:4:7: error: expected a list",
		"a.yaml:4:7: error: expected key: value pairs with a",
		"a.yaml:4:7: error: wrong: 7",
		"a.yaml:5:7: error: expected a text",
	}
	if diff := cmp.Diff(want, lines(root.Findings())); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestRefusesDocuments(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, src, want string }{
		{"empty", "", "a.yaml:1:1: error: the file is empty"},
		{"comment alone", "# nothing\n", "a.yaml:1:1: error: the file is empty"},
		{"syntax", "a: b\n  c: [\n", "a.yaml:2:3: error: the YAML does not parse: mapping values are not allowed in this context"},
		{"two documents", "a: 1\n---\nb: 2\n", "a.yaml:2:1: error: a second document begins"},
		{"a text", "hello", "a.yaml:1:1: error: the file must hold key: value pairs"},
		{"alias", "a: &x 1\nb: *x\n", "a.yaml:1:4: error: anchors and aliases are not supported"},
		{"depth", "a: " + strings.Repeat("[", 20) + strings.Repeat("]", 20), "a.yaml:1:20: error: the file is nested deeper than 16 levels"},
		{"size", "a: " + strings.Repeat("x", strictyaml.MaxSize), "a.yaml: error: the file has 262147 bytes, more than the 262144 allowed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			root := strictyaml.Parse("a.yaml", []byte(tt.src))
			if root.Exists() {
				t.Error("there is a document")
			}
			if diff := cmp.Diff([]string{tt.want}, lines(root.Findings())); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("a: {b: [1, 2]}\n"))
	f.Add([]byte("a: &x [*x]\n"))
	f.Add([]byte("? [a]\n: b\n--- x"))
	f.Add([]byte("%YAML 1.2\n---\n!!map {a: !!str 1}\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		root := strictyaml.Parse("a.yaml", src)
		if root.Exists() == mesh.HasErrors(root.Findings()) {
			t.Fatalf("exists %v with %v", root.Exists(), root.Findings())
		}
		for _, n := range root.Fields("a") {
			n.Items()
			n.Text()
			n.Fields("b")
		}
	})
}
