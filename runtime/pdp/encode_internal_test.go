package pdp

import (
	stdjson "encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ai-agent-mesh/mesh"
)

// random fills a value with what decisions can hold.
func random(v reflect.Value, r *rand.Rand) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(r.Int64N(1<<33), r.Int64N(1e9)).UTC()))
			return
		}
		for i := range v.NumField() {
			random(v.Field(i), r)
		}
	case reflect.Slice:
		n := r.IntN(3)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			random(v.Index(i), r)
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]any{"fields": []any{"a", 1.5, true}, "<b>": nil}))
	case reflect.Interface:
		values := []any{nil, "text", "", true, false, int64(-3), 1.25, []string{"a", "b"}, []mesh.ContentFinding{{}}, time.Unix(1, 0).UTC(), []any{nil}}
		if x := values[r.IntN(len(values))]; x != nil {
			v.Set(reflect.ValueOf(x))
		}
	case reflect.String:
		v.SetString([]string{"", "plain", `"quoted" \ back`, "<tag> & ünï\u2028", "line\nbreak\x00\x1f", "\U0001F600"}[r.IntN(6)])
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int64:
		v.SetInt(r.Int64() - math.MaxInt64/2)
	}
}

// TestEncoderIsGeneral compares with what a general encoder writes.
func TestEncoderIsGeneral(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var d mesh.Decision
		random(reflect.ValueOf(&d).Elem(), r)
		want, err := stdjson.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var e encoder
		e.decision(&d)
		if e.err != nil {
			t.Fatal(e.err)
		}
		var a, b any
		if err := stdjson.Unmarshal(want, &a); err != nil {
			t.Fatal(err)
		}
		if err := stdjson.Unmarshal(e.out, &b); err != nil {
			t.Fatalf("%v: %s", err, e.out)
		}
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatalf("(-general +own):\n%s", diff)
		}
	}
}

// TestEncoderReplacesWhatIsNoText writes what encoding/json would write.
func TestEncoderReplacesWhatIsNoText(t *testing.T) {
	t.Parallel()
	var e encoder
	e.decision(&mesh.Decision{Mode: "a\xffb"})
	if e.err != nil || !strings.Contains(string(e.out), `"mode":"a`+"\uFFFD"+`b"`) {
		t.Errorf("error %v, wrote %s", e.err, e.out)
	}
}
