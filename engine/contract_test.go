package engine_test

import (
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/cases"
	"github.com/ai-agent-mesh/mesh/engine/explain"
)

var update = flag.Bool("update", false, "write testdata/contract.txt anew")

// TestContract holds the names in the JSON that programs read to a file. Names are
// added to it; one that goes, or changes what it holds, breaks those programs.
func TestContract(t *testing.T) {
	t.Parallel()
	const file = "testdata/contract.txt"
	var got strings.Builder
	for _, document := range []struct {
		name string
		of   any
	}{{"decision", mesh.Decision{}}, {"report", cases.Report{}}, {"mutation", cases.Mutation{}}, {"trace", explain.Trace{}}, {"finding", mesh.Finding{}}} {
		writeNames(&got, reflect.TypeOf(document.of), document.name)
	}
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("the JSON contract changed; if that is meant, run go test ./engine -run TestContract -update (-want +got):\n%s", diff)
	}
}

// writeNames lists what the JSON of a type holds, as
// decision.violations[].clauses[].wanted string; ? marks what may be left out.
func writeNames(out *strings.Builder, t reflect.Type, path string) {
	switch {
	case t.Kind() == reflect.Pointer:
		writeNames(out, t.Elem(), path)
	case t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8:
		writeNames(out, t.Elem(), path+"[]")
	case t.Kind() == reflect.Struct && !isText(t):
		for i := range t.NumField() {
			f := t.Field(i)
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch {
			case name == "-" || !f.IsExported():
			case name == "" && f.Anonymous:
				writeNames(out, f.Type, path)
			case name == "":
				writeNames(out, f.Type, path+"."+f.Name)
			case options != "":
				writeNames(out, f.Type, path+"."+name+"?")
			default:
				writeNames(out, f.Type, path+"."+name)
			}
		}
	default:
		out.WriteString(path + " " + kindName(t) + "\n")
	}
}

// isText reports whether values of a type are texts in JSON.
func isText(t reflect.Type) bool {
	_, ok := reflect.New(t).Interface().(interface{ MarshalText() ([]byte, error) })
	return ok
}

func kindName(t reflect.Type) string {
	switch k := t.Kind(); {
	case isText(t) || k == reflect.String:
		return "string"
	case k == reflect.Map:
		return "object"
	case k == reflect.Interface:
		return "any"
	case k == reflect.Bool:
		return "boolean"
	}
	return "number"
}
