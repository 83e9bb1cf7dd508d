package mesh_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
)

func TestParseBundleRef(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		in   string
		want mesh.BundleRef // zero: refused
	}{
		"official":       {in: "mesh/gdpr", want: mesh.BundleRef{Namespace: "mesh", Name: "gdpr"}},
		"separators":     {in: "acme-inc/eu.shop_v2", want: mesh.BundleRef{Namespace: "acme-inc", Name: "eu.shop_v2"}},
		"no namespace":   {in: "gdpr"},
		"three parts":    {in: "a/b/c"},
		"upper case":     {in: "Acme/gdpr"},
		"parent folder":  {in: "../gdpr"},
		"empty name":     {in: "acme/"},
		"line break":     {in: "acme/gdpr\n"},
		"non-ASCII":      {in: "аcme/gdpr"}, // begins with a Cyrillic letter
		"name too long":  {in: "acme/" + strings.Repeat("a", 101)},
		"double hyphen":  {in: "acme/a--b", want: mesh.BundleRef{Namespace: "acme", Name: "a--b"}},
		"trailing hypen": {in: "acme/a-"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := mesh.ParseBundleRef(tc.in)
			if got != tc.want {
				t.Errorf("ParseBundleRef(%q) = %v, want %v", tc.in, got, tc.want)
			}
			if refused := tc.want.IsZero(); refused != (err != nil) {
				t.Errorf("ParseBundleRef(%q): error %v", tc.in, err)
			}
			if err != nil && (mesh.CodeOf(err) != mesh.CodeInvalid || mesh.HintOf(err) == "") {
				t.Errorf("ParseBundleRef(%q): code %q, hint %q; want invalid and a hint", tc.in, mesh.CodeOf(err), mesh.HintOf(err))
			}
		})
	}
}

func TestParseSubscription(t *testing.T) {
	t.Parallel()
	digest := "sha256:" + strings.Repeat("0a", 32)
	for name, tc := range map[string]struct {
		in, want string // want empty: refused
		kind     mesh.SelectorKind
	}{
		"official by name": {in: "gdpr", want: "mesh/gdpr", kind: mesh.SelectLatest},
		"latest":           {in: "gdpr@latest", want: "mesh/gdpr@latest", kind: mesh.SelectLatest},
		"caret range":      {in: "hipaa@^3", want: "mesh/hipaa@^3", kind: mesh.SelectRange},
		"exact version":    {in: "acme/shop@1.2.3", want: "acme/shop@1.2.3", kind: mesh.SelectRange},
		"bounds":           {in: "acme/shop@>=1.2 <2", want: "acme/shop@>=1.2 <2", kind: mesh.SelectRange},
		"channel":          {in: "acme/shop@stable", want: "acme/shop@stable", kind: mesh.SelectChannel},
		"digest":           {in: "acme/shop@" + digest, want: "acme/shop@" + digest, kind: mesh.SelectDigest},
		"short digest":     {in: "acme/shop@sha256:00"},
		"nothing behind @": {in: "gdpr@"},
		"bad channel":      {in: "gdpr@Stable!"},
		"bad name":         {in: "GDPR"},
		"empty":            {in: ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := mesh.ParseSubscription(tc.in)
			if tc.want == "" {
				if err == nil {
					t.Fatalf("ParseSubscription(%q) = %v, want it refused", tc.in, got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != tc.want || got.Kind() != tc.kind {
				t.Errorf("ParseSubscription(%q) = %q of kind %v, want %q of kind %v", tc.in, got, got.Kind(), tc.want, tc.kind)
			}
		})
	}
}

func FuzzParseSubscription(f *testing.F) {
	for _, s := range []string{"gdpr", "hipaa@^3", "acme/shop@stable", "a/b@sha256:" + strings.Repeat("f", 64), "@", "a/b@@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		s, err := mesh.ParseSubscription(in)
		if err != nil {
			return
		}
		again, err := mesh.ParseSubscription(s.String())
		if err != nil || again != s {
			t.Errorf("%q is read as %q, and that as %q, %v", in, s, again, err)
		}
	})
}

func TestControlID(t *testing.T) {
	t.Parallel()
	c := mesh.NewControlID("hipaa", "164.312(e)(1)")
	if c != "hipaa:164.312(e)(1)" || c.Framework() != "hipaa" || c.Local() != "164.312(e)(1)" {
		t.Errorf("%q has framework %q and local part %q", c, c.Framework(), c.Local())
	}
	if bare := mesh.ControlID("Art.6"); bare.Framework() != "" || bare.Local() != "Art.6" {
		t.Errorf("%q has framework %q and local part %q", bare, bare.Framework(), bare.Local())
	}
}

func TestParseDigest(t *testing.T) {
	t.Parallel()
	for in, ok := range map[string]bool{
		"sha256:" + strings.Repeat("ab", 32): true,
		"sha512:" + strings.Repeat("ab", 64): true,
		"sha256:" + strings.Repeat("AB", 32): false,
		"sha1:" + strings.Repeat("ab", 20):   false,
		"":                                   false,
	} {
		if _, err := mesh.ParseDigest(in); (err == nil) != ok {
			t.Errorf("ParseDigest(%q): %v", in, err)
		}
	}
}

func TestModeOrder(t *testing.T) {
	t.Parallel()
	order := []mesh.Mode{"", mesh.ModeAudit, mesh.ModeMonitor, mesh.ModeEnforce}
	for i, weaker := range order {
		for j, stricter := range order {
			if got := weaker.WeakerThan(stricter); got != (i < j) {
				t.Errorf("%q.WeakerThan(%q) = %v", weaker, stricter, got)
			}
		}
	}
}

func TestErrorCodes(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk full")
	err := mesh.Errorf(mesh.CodeUnavailable, "writing the journal: %w", cause).WithHint("free some space")
	wrapped := errors.Join(errors.New("deciding"), err)

	if !errors.Is(wrapped, cause) || !errors.Is(wrapped, &mesh.Error{Code: mesh.CodeUnavailable}) {
		t.Errorf("%v does not match its cause and its code", wrapped)
	}
	if errors.Is(wrapped, &mesh.Error{Code: mesh.CodeInvalid}) {
		t.Errorf("%v matches a code it does not have", wrapped)
	}
	if mesh.CodeOf(wrapped) != mesh.CodeUnavailable || mesh.HintOf(wrapped) != "free some space" {
		t.Errorf("code %q, hint %q", mesh.CodeOf(wrapped), mesh.HintOf(wrapped))
	}
	if mesh.CodeOf(nil) != "" || mesh.CodeOf(cause) != mesh.CodeInternal {
		t.Errorf("CodeOf(nil) = %q, CodeOf(a plain error) = %q", mesh.CodeOf(nil), mesh.CodeOf(cause))
	}
	if got := mesh.CodeOf(fmt.Errorf("waiting: %w", context.Canceled)); got != mesh.CodeCanceled {
		t.Errorf("CodeOf(a canceled context) = %q", got)
	}
}

// Every code must survive the trip over HTTP as well as its status allows.
func TestCodeOfHTTPStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]mesh.Code{
		400: mesh.CodeInvalid, 401: mesh.CodeUnauthenticated, 403: mesh.CodeForbidden, 404: mesh.CodeNotFound,
		409: mesh.CodeConflict, 413: mesh.CodeTooLarge, 418: mesh.CodeInvalid, 429: mesh.CodeRateLimited,
		500: mesh.CodeInternal, 502: mesh.CodeUnavailable, 503: mesh.CodeUnavailable, 504: mesh.CodeUnavailable, 599: mesh.CodeInternal,
	} {
		if got := mesh.CodeOfHTTPStatus(status); got != want {
			t.Errorf("CodeOfHTTPStatus(%d) = %q, want %q", status, got, want)
		}
	}
	if got := mesh.Code("of another version").HTTPStatus(); got != 500 {
		t.Errorf("an unknown code has status %d, want 500", got)
	}
}
