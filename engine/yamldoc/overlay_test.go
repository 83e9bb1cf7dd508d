package yamldoc_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/ai-agent-mesh/mesh/engine/yamldoc"
)

func TestOverlay(t *testing.T) {
	t.Parallel()
	doc := func(file, src string) *yamldoc.Document {
		d, findings := yamldoc.Parse(file, []byte(src))
		if d == nil {
			t.Fatal(findings)
		}
		return d
	}
	below := doc("below.yaml", "a: {b: 1, c: [1]}\nd: {e: 1}\nf: x\n")
	over := doc("over.yaml", "a:\n  b: 2\n  g: {h: 3}\n  i: 4\nf: y\nj: {k: {l: 5}}\n")
	var asked []string
	out := over.Overlay(below, below.Root, over.Root, func(path []string, b, o *yaml.Node) bool {
		was := "nothing"
		if b != nil {
			was = b.Value
		}
		asked = append(asked, strings.Join(path, ".")+": "+was+" "+o.Value)
		return o.Value != "y" && o.Value != "4"
	})
	want := map[string]any{
		"a": map[string]any{"b": int64(2), "c": []any{int64(1)}, "g": map[string]any{"h": int64(3)}},
		"d": map[string]any{"e": int64(1)}, "f": "x", "j": map[string]any{"k": map[string]any{"l": int64(5)}},
	}
	if diff := cmp.Diff(want, yamldoc.Value(out.Root)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a.b: 1 2", "a.g.h: nothing 3", "a.i: nothing 4", "f: x y", "j.k.l: nothing 5"}, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	a := yamldoc.Get(out.Root, "a")
	for key, want := range map[string]string{"b": "over.yaml:2:6", "c": "below.yaml:1:14", "g": "over.yaml:3:6"} {
		if got := out.Position(yamldoc.Get(a, key)).String(); got != want {
			t.Errorf("a.%s stands at %s, want %s", key, got, want)
		}
	}
	if key, _ := yamldoc.Find(a, "b"); out.Position(key).String() != "over.yaml:2:3" || out.Position(a).File != "below.yaml" {
		t.Errorf("a.b has its key at %s, a stands in %s", out.Position(key), out.Position(a).File)
	}
	if yamldoc.Value(yamldoc.Get(below.Root, "a")).(map[string]any)["b"] != int64(1) {
		t.Error("the document below was changed")
	}

	top := doc("top.yaml", "d: {e: 9}\n")
	third := top.Overlay(out, out.Root, top.Root, func([]string, *yaml.Node, *yaml.Node) bool { return true })
	for path, want := range map[string]string{"d.e": "top.yaml:1:8", "a.b": "over.yaml:2:6", "a.c": "below.yaml:1:14"} {
		outer, inner, _ := strings.Cut(path, ".")
		if got := third.Position(yamldoc.Get(yamldoc.Get(third.Root, outer), inner)).String(); got != want {
			t.Errorf("%s stands at %s, want %s", path, got, want)
		}
	}
}
