package expr

import "testing"

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
