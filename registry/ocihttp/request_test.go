package ocihttp

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry"
)

// Every kind has a handler, an access and is reached by some request.
func TestEveryKindIsServed(t *testing.T) {
	t.Parallel()
	h, ok := New(nil, Options{}).(*handler)
	if !ok {
		t.Fatal("New returns something else")
	}
	d := string(registry.DigestOf("", nil))
	reached := map[kind]bool{}
	for _, line := range []string{
		"GET /v2/", "GET /v2/a/blobs/" + d, "DELETE /v2/a/blobs/" + d, "POST /v2/a/blobs/uploads/", "GET /v2/a/blobs/uploads/0123456789abcdef",
		"PATCH /v2/a/blobs/uploads/0123456789abcdef", "PUT /v2/a/blobs/uploads/0123456789abcdef", "DELETE /v2/a/blobs/uploads/0123456789abcdef",
		"HEAD /v2/a/manifests/x", "PUT /v2/a/manifests/x", "DELETE /v2/a/manifests/x", "GET /v2/a/b/c/tags/list", "GET /v2/a/referrers/" + d, "GET /v2/_catalog",
	} {
		method, path, _ := strings.Cut(line, " ")
		r, err := parse(method, path)
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		reached[r.kind] = true
	}
	for k := range kindCount {
		if h.table[k] == nil || !reached[k] || k.access() == "" {
			t.Errorf("kind %d: handler %t, reached %t, access %q", k, h.table[k] != nil, reached[k], k.access())
		}
	}
}

// A repository may be called like a part of the API.
func TestNamesLikeEndpoints(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]registry.Name{
		"/v2/blobs/uploads/manifests/x":                 "blobs/uploads",
		"/v2/manifests/tags/list":                       "manifests",
		"/v2/tags/list/tags/list":                       "tags/list",
		"/v2/acme/blobs/uploads/uploads/tags/list":      "acme/blobs/uploads/uploads",
		"/v2/blobs/blobs/uploads/0123456789abcdef":      "blobs",
		"/v2/referrers/manifests/manifests/sha256-0123": "referrers/manifests",
	} {
		r, err := parse(http.MethodGet, path)
		if err != nil || r.repo != want {
			t.Errorf("%s: repository %q, %v; want %q", path, r.repo, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, path := range []string{"/v2/", "/v2/a/b/manifests/1.0.0", "/v2/a/blobs/uploads/", "/v2/a/blobs/sha256:" + strings.Repeat("0", 64), "/v2/_catalog", "/v2//tags/list", "/v2/a/tags/list"} {
		f.Add("GET", path)
		f.Add("PUT", path)
	}
	f.Fuzz(func(t *testing.T, method, path string) {
		r, err := parse(method, path)
		if err != nil {
			if w := wireOf(err); w.status < 400 || w.status > 499 || w.code == "" {
				t.Errorf("error %v would be answered with %+v", err, w)
			}
			return
		}
		if r.kind == kindPing || r.kind == kindCatalog {
			return
		}
		if name, err := registry.ParseName(string(r.repo)); err != nil || name != r.repo {
			t.Errorf("%q: repository %q, %v", path, r.repo, err)
		}
		if r.digest != "" {
			if _, err := mesh.ParseDigest(string(r.digest)); err != nil {
				t.Errorf("%q: %v", path, err)
			}
		}
	})
}

func TestChunkOffset(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		header string
		length int64
		want   int64
		fault  *registry.Fault
	}{
		{"", 5, -1, nil},
		{"0-4", 5, 0, nil},
		{"10-14", -1, 10, nil},
		{"bytes 10-14/*", 5, 10, nil},
		{"bytes 10-14/20", 5, 10, nil},
		{"0-4", 6, 0, registry.ErrRangeInvalid},
		{"4-0", -1, 0, registry.ErrUploadInvalid},
		{"-4", -1, 0, registry.ErrUploadInvalid},
		{"+1-4", -1, 0, registry.ErrUploadInvalid},
		{"1-", -1, 0, registry.ErrUploadInvalid},
		{"9223372036854775808-9223372036854775809", -1, 0, registry.ErrUploadInvalid},
	} {
		got, err := chunkOffset(tt.header, tt.length)
		if tt.fault != nil {
			if !errors.Is(err, tt.fault) {
				t.Errorf("%q: %v, want %v", tt.header, err, tt.fault)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%q: %d, %v; want %d", tt.header, got, err, tt.want)
		}
	}
}

func FuzzChunkOffset(f *testing.F) {
	f.Add("0-4", int64(5))
	f.Add("bytes 10-14/20", int64(-1))
	f.Add("bytes */20", int64(0))
	f.Fuzz(func(t *testing.T, header string, length int64) {
		start, err := chunkOffset(header, length)
		if err != nil {
			if !errors.Is(err, registry.ErrUploadInvalid) && !errors.Is(err, registry.ErrRangeInvalid) {
				t.Errorf("unexpected error %v", err)
			}
			return
		}
		if start < -1 || (start == -1) != (header == "") {
			t.Errorf("%q begins at %d", header, start)
		}
	})
}
