package shape_test

import (
	"testing"

	"github.com/ai-agent-mesh/mesh/engine/shape"
)

func TestAction(t *testing.T) {
	t.Parallel()
	o := shape.Action()
	if len(o.Fields) != o.Type.NumField() {
		t.Errorf("%d fields of %d", len(o.Fields), o.Type.NumField())
	}
	if f := o.Field("action"); f == nil || !f.Required || f.Kind != shape.Struct {
		t.Errorf("action: %+v", f)
	}
	if f := o.Field("context"); f == nil || f.Required || f.Kind != shape.FreeForm {
		t.Errorf("context: %+v", f)
	}
	if o.Field("Context") != nil {
		t.Error("names must be compared with their case")
	}
}

func TestAt(t *testing.T) {
	t.Parallel()
	tests := []struct {
		path []string
		want string // Go type, "" for nil
	}{
		{nil, "Action"},
		{[]string{"data"}, "Data"},
		{[]string{"data", "consent"}, "Consent"},
		{[]string{"content", "findings", "0"}, "ContentFinding"},
		{[]string{"content", "findings"}, "ContentFinding"},
		{[]string{"context"}, ""},
		{[]string{"data", "purpose"}, ""},
		{[]string{"nothing"}, ""},
	}
	for _, tt := range tests {
		got := ""
		if o := shape.At(tt.path); o != nil {
			got = o.Name
		}
		if got != tt.want {
			t.Errorf("At(%v) = %q, want %q", tt.path, got, tt.want)
		}
	}
}
