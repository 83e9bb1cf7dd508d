package bundle_test

import (
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry/bundle"
)

func version(t testing.TB, s string) bundle.Version {
	t.Helper()
	v, err := bundle.ParseVersion(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"0.0.1", "1.2.3", "1.0.0-rc.1", "10.20.30-alpha-x.7"} {
		if got := version(t, s).String(); got != s {
			t.Errorf("%s reads as %s", s, got)
		}
	}
	for _, s := range []string{"", "1", "1.2", "v1.2.3", "1.2.3+build", "01.2.3", "1.2.3-", "latest", "1.2.3-01", "1.2.3-" + strings.Repeat("a", 200)} {
		if _, err := bundle.ParseVersion(s); mesh.CodeOf(err) != mesh.CodeInvalid || mesh.HintOf(err) == "" {
			t.Errorf("ParseVersion(%q) gives %v, want %s and a hint", s, err, mesh.CodeInvalid)
		}
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	var none bundle.Version
	ordered := []bundle.Version{none, version(t, "0.9.0"), version(t, "1.0.0-alpha"), version(t, "1.0.0-alpha.1"), version(t, "1.0.0-rc.1"), version(t, "1.0.0"), version(t, "1.0.10"), version(t, "1.2.0")}
	for i, a := range ordered {
		for j, b := range ordered {
			want := 0
			switch {
			case i < j:
				want = -1
			case i > j:
				want = 1
			}
			if got := a.Compare(b); got != want {
				t.Errorf("%q compared with %q is %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestHighest(t *testing.T) {
	t.Parallel()
	published := []string{"1.0.0", "1.1.0", "2.0.0-rc.1", "1.10.0", "2.1.0", "3.0.0-alpha", "0.4.0"}
	var versions []bundle.Version
	for _, s := range published {
		versions = append(versions, version(t, s))
	}
	for _, tt := range []struct{ name, rng, want string }{
		{"everything", "", "2.1.0"},
		{"any", "*", "2.1.0"},
		{"caret", "^1", "1.10.0"},
		{"caret of zero", "^0.4", "0.4.0"},
		{"tilde", "~1.1", "1.1.0"},
		{"exact", "1.0.0", "1.0.0"},
		{"wildcard", "1.x", "1.10.0"},
		{"interval", ">=1.0 <1.10", "1.1.0"},
		{"either", "0.x || ~1.0", "1.0.0"},
		{"pre-release asked for", ">=3.0.0-0", "3.0.0-alpha"},
		{"nothing", "^9", ""},
		{"never a pre-release unasked", "^3", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := bundle.ParseRange(tt.rng)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := bundle.Highest(versions, r)
			if got.String() != tt.want || ok != (tt.want != "") {
				t.Errorf("got %q %v, want %q", got, ok, tt.want)
			}
		})
	}
}

func TestParseRangeRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"newest", "^", ">=1 ||", "1.2.3.4", strings.Repeat("1", 200)} {
		if _, err := bundle.ParseRange(s); mesh.CodeOf(err) != mesh.CodeInvalid {
			t.Errorf("ParseRange(%q) gives %v, want %s", s, err, mesh.CodeInvalid)
		}
	}
}

func FuzzVersionAndRange(f *testing.F) {
	f.Add("1.2.3", "^1")
	f.Add("1.0.0-rc.1", ">=1.0.0-0 <2 || ~3.x")
	f.Add("0.0.0", "*")
	f.Fuzz(func(t *testing.T, vs, rs string) {
		v, verr := bundle.ParseVersion(vs)
		r, rerr := bundle.ParseRange(rs)
		if verr == nil && v.String() != vs {
			t.Errorf("version %q reads as %q", vs, v)
		}
		if verr != nil || rerr != nil {
			return
		}
		got, ok := bundle.Highest([]bundle.Version{v}, r)
		if ok != r.Contains(v) || ok && got.Compare(v) != 0 {
			t.Errorf("Highest and Contains differ for %q in %q", vs, rs)
		}
	})
}
