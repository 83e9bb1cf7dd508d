package shape_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/shape"
)

// fill sets every field below v to a value of its own.
func fill(v reflect.Value, n *int64) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(*n, 0).UTC()))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]any{"n": *n}))
	case reflect.String:
		v.SetString("text " + time.Duration(*n).String())
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64:
		v.SetInt(*n)
	case reflect.Float64:
		v.SetFloat(float64(*n))
	}
}

// byReflection reads what a leaf should read.
func byReflection(a *mesh.Action, path []string) (value any, present bool) {
	v, o := reflect.ValueOf(a).Elem(), shape.Action()
	for i, name := range path {
		f := o.Field(name)
		v, o = v.Field(f.Index), f.Object
		switch v.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			if v.IsNil() {
				return nil, false
			}
		}
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		if last := i == len(path)-1; last && f.Kind == shape.Struct {
			return nil, true
		} else if last && f.Kind == shape.String {
			return v.String(), true
		}
	}
	return v.Interface(), true
}

func split(path string) []string {
	var out []string
	for {
		i := 0
		for i < len(path) && path[i] != '.' {
			i++
		}
		out = append(out, path[:i])
		if i == len(path) {
			return out
		}
		path = path[i+1:]
	}
}

// TestLeavesReadTheStruct compares every leaf with reflection, on an action
// that says everything, on one that says nothing, and on those in between.
func TestLeavesReadTheStruct(t *testing.T) {
	t.Parallel()
	var full mesh.Action
	n := int64(0)
	fill(reflect.ValueOf(&full).Elem(), &n)
	actions := []*mesh.Action{&full, {}}
	for i := range reflect.TypeFor[mesh.Action]().NumField() {
		partial := full
		f := reflect.ValueOf(&partial).Elem().Field(i)
		f.SetZero()
		actions = append(actions, &partial)
	}
	actions = append(actions, &mesh.Action{Data: &mesh.Data{Consent: &mesh.Consent{}, Categories: []string{}}, Context: map[string]any{}})
	for _, a := range actions {
		for _, l := range shape.Leaves() {
			want, present := byReflection(a, split(l.Path))
			if got := l.Present(a); got != present {
				t.Fatalf("%s: present is %t, want %t", l.Path, got, present)
			}
			if diff := cmp.Diff(want, l.Value(a)); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", l.Path, diff)
			}
			if shape.LeafAt(l.Path) != l || shape.Leaves()[l.Index] != l {
				t.Fatalf("%s is not found again", l.Path)
			}
		}
	}
	for _, a := range actions[:2] {
		text, _ := shape.LeafAt("data.purpose").Text(a)
		given, _ := shape.LeafAt("data.consent.given").Bool(a)
		days, _ := shape.LeafAt("data.retentionDays").Int(a)
		hours, _ := shape.LeafAt("request.ageHours").Float(a)
		at, _ := shape.LeafAt("timestamp").Time(a)
		if absent := a.Data == nil; (text == "") != absent || given == absent || (days == 0) != absent || (hours == 0) != absent || at.IsZero() != absent {
			t.Errorf("typed reads of %v", a)
		}
	}
}
