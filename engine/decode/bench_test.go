package decode_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/engine/decode"
)

// BenchmarkDecoder reports how many times as long encoding/json needs for the
// typical action as a Decoder does. They take turns of about the same length,
// and the medians of the turns are compared, so that what else the machine does
// meets both.
func BenchmarkDecoder(b *testing.B) {
	data := typical(b)
	var d decode.Decoder
	ours := func() error {
		_, err := d.Action(data)
		return err
	}
	theirs := func() error {
		var a mesh.Action
		return json.Unmarshal(data, &a)
	}
	const turn = 50
	var our, their []time.Duration
	for b.Loop() {
		our = append(our, timed(b, 10*turn, ours)/10)
		their = append(their, timed(b, turn, theirs))
	}
	slices.Sort(our)
	slices.Sort(their)
	b.ReportMetric(0, "ns/op") // of both together, which says nothing
	b.ReportMetric(float64(our[len(our)/2])/turn, "ns/action")
	b.ReportMetric(float64(their[len(their)/2])/float64(our[len(our)/2]), "x-of-encoding/json")
}

func timed(b *testing.B, times int, f func() error) time.Duration {
	start := time.Now()
	for range times {
		if err := f(); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(start)
}

// BenchmarkAction compares the ways to read an action.
func BenchmarkAction(b *testing.B) {
	one := typical(b)
	batch := []byte(`{"actions":[` + strings.Repeat(string(one)+",", 99) + string(one) + `]}`)
	freeForm := []byte(full)
	var d decode.Decoder
	for _, bm := range []struct {
		name string
		read func() error
	}{
		{"decoder", func() error { _, err := d.Action(one); return err }},
		{"decoder/batch=100", func() error { _, _, err := d.Batch(batch, 0); return err }},
		{"decoder/free-form", func() error { _, err := d.Action(freeForm); return err }},
		{"action", func() error { _, err := decode.Action(one); return err }},
		{"action/free-form", func() error { _, err := decode.Action(freeForm); return err }},
		{"general", func() error { _, err := decode.GeneralAction(one); return err }},
		{"general/free-form", func() error { _, err := decode.GeneralAction(freeForm); return err }},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := bm.read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// typical is an action of ordinary size, without free-form maps.
func typical(tb testing.TB) []byte {
	tb.Helper()
	data, err := os.ReadFile("testdata/typical.json")
	if err != nil {
		tb.Fatal(err)
	}
	return data
}
