package expr

import (
	"strings"
	"testing"

	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// TestTextsOfUnlikeLength: what compares a long text with a short one costs little,
// and is not left to cel-go, which would count the characters of both to find out.
func TestTextsOfUnlikeLength(t *testing.T) {
	t.Parallel()
	costs := actualCosts{known: new(patterns)}
	long, short := types.String(strings.Repeat("x", 100_000)), types.String("x")
	list := types.NewStringList(types.DefaultTypeAdapter, []string{"a", "b"})
	read := uint64(len(long)) / 10
	for _, tt := range []struct {
		function string
		a, b     ref.Val
		most     uint64
	}{
		{operators.Equals, long, short, 1},
		{operators.NotEquals, short, long, 1},
		{operators.Equals, types.Bytes(long), types.Bytes(short), 1},
		{operators.Equals, long, types.Int(1), 1},
		{operators.NotEquals, long, types.NullValue, 1},
		{operators.Equals, long, long, 1 + read},
		{operators.Less, long, short, 1},
		{operators.GreaterEquals, short, long, 1},
		{operators.LessEquals, types.Bytes(long), types.Bytes(short), 1},
		{overloads.StartsWith, long, short, 1},
		{overloads.EndsWith, short, long, 1},
		{overloads.Contains, long, short, 1 + read},
		{operators.In, long, list, 5 + read}, // a set hashes it
		{operators.In, short, list, 3},
		{operators.In, long, types.NewStringStringMap(types.DefaultTypeAdapter, map[string]string{"a": "b"}), 1 + read},
	} {
		cost := costs.CallCost(tt.function, "", []ref.Val{tt.a, tt.b}, nil)
		if cost == nil || *cost > tt.most || *cost == 0 {
			t.Errorf("%s of a %s and a %s: %v, want at most %d", tt.function, tt.a.Type(), tt.b.Type(), cost, tt.most)
		}
	}
}

// TestUnbounded: what an evaluation costs is counted only where the length of the
// expression does not bound it.
func TestUnbounded(t *testing.T) {
	t.Parallel()
	env, err := NewEnv([]Record{{Name: "params", Fields: []RecordField{{Name: "hosts", Type: ListOfString}}}})
	if err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]bool{
		`[context.a, 1] == [context.b, 1]`:       true,
		`[context.a, 1] != [context.b, 1]`:       true,
		`context.a in [context.b, 1]`:            true,
		`data.fields in [data.categories]`:       true,
		`"a" in (data.categories + data.fields)`: true,
		`data.purpose in params.hosts`:           true,
		`context.a == data`:                      true,
		`context.a + context.b == "x"`:           true,
		`data.fields.exists(f, f == "a")`:        true,
		`data.purpose.matches("a")`:              true,
		`context.a + "x" == "x"`:                 false,
		`context.a + data.purpose == "x"`:        false,
		`data.purpose + data.purpose + data.purpose + data.purpose + data.purpose + data.purpose == "x"`:                                                                                 false,
		`data.purpose + data.purpose + data.purpose + data.purpose + data.purpose + data.purpose + data.purpose + data.purpose + data.purpose + data.purpose == "x"`:                     true,
		`[bytes(context.a), bytes(context.b), bytes(context.c), bytes(context.d), bytes(context.e), bytes(context.f), bytes(context.g), bytes(context.h), bytes(context.i)].size() == 0`: true,
		`1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + data.retentionDays == 2`:                                                                                                    false,
		`data.purpose == data.region`:                   false,
		`context.a == "x"`:                              false,
		`context.a == ["x", 1]`:                         false,
		`context.a in ["x", "y"]`:                       false,
		`data.purpose in [data.region, "a"]`:            false,
		`"a" in context`:                                false,
		`data.purpose + "a" == data.region`:             false,
		`data.retentionDays + 1 < size(data.fields)`:    false,
		`timestamp > timestamp("2026-01-01T00:00:00Z")`: false,
	} {
		x, issues := env.Compile(source)
		if x == nil {
			t.Fatalf("%s: %v", source, issues)
		}
		if got := unbounded(x.checked.NativeRep()); got != want {
			t.Errorf("%s: counted %t, want %t", source, got, want)
		}
	}
}
