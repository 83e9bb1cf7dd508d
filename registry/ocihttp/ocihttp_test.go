package ocihttp_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ai-agent-mesh/mesh"
	"github.com/ai-agent-mesh/mesh/registry"
	"github.com/ai-agent-mesh/mesh/registry/blobs"
	"github.com/ai-agent-mesh/mesh/registry/metadata/sqlite/sqlitetest"
	"github.com/ai-agent-mesh/mesh/registry/ocihttp"
	"github.com/ai-agent-mesh/mesh/registry/registrytest"
	"github.com/ai-agent-mesh/mesh/registry/store"
)

func newStore(t *testing.T, opts blobs.Options) registry.Store {
	t.Helper()
	dir := t.TempDir()
	meta, _ := sqlitetest.Open(t, dir)
	disk, err := blobs.Open(filepath.Join(dir, "blobs"), opts)
	if err != nil {
		t.Fatal(err)
	}
	bytes, err := disk.Tenant(mesh.DefaultTenant)
	if err != nil {
		t.Fatal(err)
	}
	return store.New(meta.Tenant(mesh.DefaultTenant), bytes)
}

// client talks to a registry of its own.
type client struct {
	t     *testing.T
	url   string
	store registry.Store
}

func serve(t *testing.T, opts ocihttp.Options) *client {
	t.Helper()
	s := newStore(t, blobs.Options{MaxBlobSize: 1 << 20})
	server := httptest.NewServer(ocihttp.New(ocihttp.Single(s), opts))
	t.Cleanup(server.Close)
	return &client{t: t, url: server.URL, store: s}
}

type answer struct {
	*http.Response

	body string
}

// do sends a request; headers are "Name: value".
func (c *client) do(method, path string, body io.Reader, headers ...string) answer {
	c.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = c.url + path
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{resp, string(data)}
}

// want fails unless the answer has the status, and for errors the OCI code.
func (a answer) want(t *testing.T, status int, code string) answer {
	t.Helper()
	var body struct {
		Errors []struct{ Code, Message, Detail string }
	}
	if a.StatusCode != status {
		t.Errorf("%s %s: status %d, want %d: %s", a.Request.Method, a.Request.URL.Path, a.StatusCode, status, a.body)
	}
	if code == "" || a.Request.Method == http.MethodHead {
		return a
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || len(body.Errors) != 1 {
		t.Errorf("not the OCI error format: %q", a.body)
	} else if e := body.Errors[0]; e.Code != code || e.Message == "" {
		t.Errorf("%s %s: error %+v, want code %s", a.Request.Method, a.Request.URL.Path, e, code)
	}
	return a
}

// header fails unless the answer has the header.
func (a answer) header(t *testing.T, name, want string) answer {
	t.Helper()
	if got := a.Header.Get(name); got != want {
		t.Errorf("%s %s: %s is %q, want %q", a.Request.Method, a.Request.URL.Path, name, got, want)
	}
	return a
}

const repo = "/v2/acme/privacy"

func sum(data string) string { return string(registry.DigestOf("", []byte(data))) }

func (c *client) push(ref string, body []byte, headers ...string) answer {
	c.t.Helper()
	return c.do(http.MethodPut, repo+"/manifests/"+ref, bytes.NewReader(body), append([]string{"Content-Type: " + ocispec.MediaTypeImageManifest}, headers...)...)
}

func (c *client) blob(data string) {
	c.t.Helper()
	c.do(http.MethodPost, repo+"/blobs/uploads/?digest="+sum(data), strings.NewReader(data)).want(c.t, http.StatusCreated, "")
}

func TestPing(t *testing.T) {
	t.Parallel()
	c := serve(t, ocihttp.Options{})
	for _, path := range []string{"/v2/", "/v2"} {
		c.do(http.MethodGet, path, nil).want(t, http.StatusOK, "").
			header(t, "Docker-Distribution-API-Version", "registry/2.0").header(t, "X-Content-Type-Options", "nosniff")
	}
}

func TestUnknownAddresses(t *testing.T) {
	t.Parallel()
	c := serve(t, ocihttp.Options{})
	for _, tt := range []struct {
		method, path string
		status       int
		code         string
	}{
		{"GET", "/v2/acme", 404, "UNSUPPORTED"},
		{"GET", "/v2x", 404, "UNSUPPORTED"},
		{"GET", "/v2/acme/privacy/tags", 404, "UNSUPPORTED"},
		{"GET", "/v2/ACME/privacy/tags/list", 400, "NAME_INVALID"},
		{"GET", "/v2/acme//privacy/tags/list", 400, "NAME_INVALID"},
		{"GET", "/v2/" + strings.Repeat("a", 256) + "/tags/list", 400, "NAME_INVALID"},
		{"POST", "/v2/", 405, "UNSUPPORTED"},
		{"PATCH", repo + "/manifests/x", 405, "UNSUPPORTED"},
		{"GET", repo + "/manifests/.bad", 404, "MANIFEST_UNKNOWN"},
		{"PUT", repo + "/manifests/.bad", 400, "TAG_INVALID"},
		{"GET", repo + "/manifests/sha256:abc", 400, "DIGEST_INVALID"},
		{"GET", repo + "/blobs/sha256:abc", 400, "DIGEST_INVALID"},
		{"GET", repo + "/blobs/" + sum("x"), 404, "BLOB_UNKNOWN"},
		{"HEAD", repo + "/blobs/" + sum("x"), 404, "BLOB_UNKNOWN"},
		{"GET", repo + "/manifests/1.0.0", 404, "NAME_UNKNOWN"},
		{"GET", repo + "/tags/list", 404, "NAME_UNKNOWN"},
		{"GET", repo + "/referrers/nothing", 400, "DIGEST_INVALID"},
		{"GET", repo + "/blobs/uploads/0123456789abcdef", 404, "BLOB_UPLOAD_UNKNOWN"},
		{"PATCH", repo + "/blobs/uploads/x", 404, "BLOB_UPLOAD_UNKNOWN"},
		{"GET", repo + "/tags/list?n=%zz", 400, "NAME_INVALID"},
		{"GET", repo + "/tags/list?n=-1", 400, "UNSUPPORTED"},
	} {
		c.do(tt.method, tt.path, nil).want(t, tt.status, tt.code)
	}
	c.do("PATCH", repo+"/manifests/x", nil).header(t, "Allow", "GET, HEAD, PUT, DELETE")
}

func TestPushAndPull(t *testing.T) {
	t.Parallel()
	c := serve(t, ocihttp.Options{})
	c.blob("{}")
	c.blob("layer")
	body := registrytest.Image(nil, "layer")
	d := sum(string(body))
	c.push("1.0.0", body).want(t, http.StatusCreated, "").
		header(t, "Docker-Content-Digest", d).header(t, "Location", repo+"/manifests/"+d).header(t, "OCI-Tag", "1.0.0")
	for _, ref := range []string{"1.0.0", d} {
		got := c.do(http.MethodGet, repo+"/manifests/"+ref, nil).want(t, http.StatusOK, "").
			header(t, "Content-Type", ocispec.MediaTypeImageManifest).header(t, "Docker-Content-Digest", d)
		if got.body != string(body) {
			t.Errorf("other bytes came back: %q", got.body)
		}
		head := c.do(http.MethodHead, repo+"/manifests/"+ref, nil).want(t, http.StatusOK, "").
			header(t, "Docker-Content-Digest", d).header(t, "ETag", `"`+d+`"`)
		if head.ContentLength != int64(len(body)) {
			t.Errorf("HEAD promises %d bytes, there are %d", head.ContentLength, len(body))
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		c.do(method, repo+"/manifests/1.0.0", nil, `If-None-Match: "`+d+`"`).want(t, http.StatusNotModified, "")
	}
	if got := c.do(http.MethodGet, repo+"/blobs/"+sum("layer"), nil).want(t, http.StatusOK, ""); got.body != "layer" {
		t.Errorf("blob %q", got.body)
	}
	c.do(http.MethodHead, repo+"/blobs/"+sum("layer"), nil).want(t, http.StatusOK, "").header(t, "Content-Length", "5").header(t, "Accept-Ranges", "bytes")
	if got := c.do(http.MethodGet, repo+"/blobs/"+sum("layer"), nil, "Range: bytes=1-3"); got.StatusCode != http.StatusPartialContent || got.body != "aye" {
		t.Errorf("range: %d %q", got.StatusCode, got.body)
	}
	if got := c.do(http.MethodGet, repo+"/blobs/"+sum("layer"), nil, "Range: bytes=9-"); got.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("range behind the end: %d", got.StatusCode)
	}
	c.do(http.MethodDelete, repo+"/blobs/"+sum("layer"), nil).want(t, http.StatusConflict, "DENIED")
	c.do(http.MethodDelete, repo+"/manifests/"+d, nil).want(t, http.StatusAccepted, "")
	c.do(http.MethodDelete, repo+"/blobs/"+sum("layer"), nil).want(t, http.StatusAccepted, "")
	c.do(http.MethodGet, repo+"/manifests/1.0.0", nil).want(t, http.StatusNotFound, "MANIFEST_UNKNOWN")
}

func TestVersionsDoNotMove(t *testing.T) {
	t.Parallel()
	c := serve(t, ocihttp.Options{})
	for _, layer := range []string{"{}", "a", "b"} {
		c.blob(layer)
	}
	one, two := registrytest.Image(nil, "a"), registrytest.Image(nil, "b")
	c.push("1.0.0", one).want(t, http.StatusCreated, "")
	c.push("1.0.0", one).want(t, http.StatusCreated, "")
	refused := c.push("1.0.0", two).want(t, http.StatusConflict, "DENIED")
	for _, part := range []string{"version 1.0.0", "new version"} {
		if !strings.Contains(refused.body, part) {
			t.Errorf("the refusal does not say %q: %s", part, refused.body)
		}
	}
	c.do(http.MethodDelete, repo+"/manifests/1.0.0", nil).want(t, http.StatusAccepted, "")
	c.push("1.0.0", two).want(t, http.StatusConflict, "DENIED")
	c.push("1.0.0", one).want(t, http.StatusCreated, "")

	c.push("stable", one, "If-None-Match: *").want(t, http.StatusCreated, "")
	c.push("stable", two, "If-None-Match: *").want(t, http.StatusPreconditionFailed, "DENIED")
	c.push("stable", two, `If-Match: "`+sum(string(two))+`"`).want(t, http.StatusPreconditionFailed, "DENIED")
	c.push("stable", two, `If-Match: "`+sum(string(one))+`"`).want(t, http.StatusCreated, "")
	c.push("stable", two, `If-Match: unquoted`).want(t, http.StatusBadRequest, "MANIFEST_INVALID")
	c.push("stable", two, `If-None-Match: "x"`).want(t, http.StatusBadRequest, "MANIFEST_INVALID")
}

func TestPushByDigestWithTags(t *testing.T) {
	t.Parallel()
	c := serve(t, ocihttp.Options{})
	c.blob("{}")
	body := registrytest.Image(nil)
	d := sum(string(body))
	c.push(d+"?tag=1.0.0&tag=stable", body).want(t, http.StatusCreated, "")
	if got := c.do(http.MethodGet, repo+"/tags/list", nil); got.body != `{"name":"acme/privacy","tags":["1.0.0","stable"]}` {
		t.Errorf("tags: %s", got.body)
	}
	c.push(sum("other"), body).want(t, http.StatusBadRequest, "DIGEST_INVALID")
	c.push("latest?digest="+sum("other"), body).want(t, http.StatusBadRequest, "DIGEST_INVALID")
	c.push("latest?digest="+d, body).want(t, http.StatusCreated, "")
	c.push(d+"?tag=.bad", body).want(t, http.StatusBadRequest, "TAG_INVALID")
	c.push(d+"?"+strings.Repeat("tag=x&", 21), body).want(t, http.StatusBadRequest, "TAG_INVALID")
}

func TestManifestLimits(t *testing.T) {
	t.Parallel()
	c := serve(t, ocihttp.Options{})
	c.blob("{}")
	big := registrytest.Image(func(m *ocispec.Manifest) {
		m.Annotations = map[string]string{"filler": strings.Repeat("x", registry.MaxManifestSize)}
	})
	got := c.push("1.0.0", big).want(t, http.StatusRequestEntityTooLarge, "SIZE_INVALID")
	if !strings.Contains(got.body, "4 MiB") {
		t.Errorf("the limit is not named: %s", got.body)
	}
	// Without a length the size is not known beforehand.
	c.do(http.MethodPut, repo+"/manifests/1.0.0", io.MultiReader(bytes.NewReader(big)), "Content-Type: "+ocispec.MediaTypeImageManifest).
		want(t, http.StatusRequestEntityTooLarge, "SIZE_INVALID")
	deep := []byte(`{"schemaVersion":2,"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`)
	c.push("1.0.0", deep).want(t, http.StatusBadRequest, "MANIFEST_INVALID")
	c.push("1.0.0", []byte("{")).want(t, http.StatusBadRequest, "MANIFEST_INVALID")
	c.push("1.0.0", registrytest.Image(nil, "missing")).want(t, http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN")
	c.do(http.MethodGet, repo+"/manifests/1.0.0", nil).want(t, http.StatusNotFound, "MANIFEST_UNKNOWN")

	large := strings.Repeat("x", 1<<20+1)
	c.do(http.MethodPost, repo+"/blobs/uploads/?digest="+sum(large), strings.NewReader(large)).want(t, http.StatusRequestEntityTooLarge, "SIZE_INVALID")
}

// A client that sends everything before it listens must still hear why.
func TestAManifestTooLargeIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	c := serve(t, ocihttp.Options{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	const size = registry.MaxManifestSize + 4<<20
	_, err = fmt.Fprintf(conn, "PUT %s/manifests/1.0.0 HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		repo, ocispec.MediaTypeImageManifest, size, strings.Repeat(" ", size))
	if err != nil {
		t.Fatalf("sending: %v", err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("listening afterwards: %v", err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d, want 413", resp.StatusCode)
	}
}

func TestChunkedUpload(t *testing.T) {
	t.Parallel()
	c := serve(t, ocihttp.Options{})
	location := c.do(http.MethodPost, repo+"/blobs/uploads/", nil).want(t, http.StatusAccepted, "").header(t, "Range", "0-0").Header.Get("Location")
	c.do(http.MethodPatch, location, strings.NewReader("first "), "Content-Range: 0-5").want(t, http.StatusAccepted, "").header(t, "Range", "0-5")
	c.do(http.MethodPatch, location, strings.NewReader("first "), "Content-Range: 0-5").want(t, http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID").
		header(t, "Range", "0-5").header(t, "Location", location)
	c.do(http.MethodPatch, location, strings.NewReader("x"), "Content-Range: 6-9").want(t, http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID")
	c.do(http.MethodPatch, location, strings.NewReader("x"), "Content-Range: banana").want(t, http.StatusBadRequest, "BLOB_UPLOAD_INVALID")
	c.do(http.MethodGet, location, nil).want(t, http.StatusNoContent, "").header(t, "Range", "0-5")
	c.do(http.MethodPut, location, strings.NewReader("second")).want(t, http.StatusBadRequest, "DIGEST_INVALID")
	d := sum("first second")
	c.do(http.MethodPut, location+"?digest="+d, strings.NewReader("second"), "Content-Range: bytes 6-11/*").want(t, http.StatusCreated, "").
		header(t, "Location", repo+"/blobs/"+d)
	c.do(http.MethodGet, location, nil).want(t, http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN")

	location = c.do(http.MethodPost, repo+"/blobs/uploads/", nil).Header.Get("Location")
	c.do(http.MethodGet, strings.Replace(location, "acme", "other", 1), nil).want(t, http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN")
	c.do(http.MethodDelete, location, nil).want(t, http.StatusNoContent, "")
	c.do(http.MethodDelete, location, nil).want(t, http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN")
	c.do(http.MethodPost, repo+"/blobs/uploads/?digest="+d, strings.NewReader("wrong")).want(t, http.StatusBadRequest, "DIGEST_INVALID")
}

func TestReferrersList(t *testing.T) {
	t.Parallel()
	c := serve(t, ocihttp.Options{PageSize: 2})
	c.blob("{}")
	subject := sum("the subject")
	for i := range 3 {
		body := registrytest.Image(func(m *ocispec.Manifest) {
			m.Subject = &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.Digest(subject), Size: 1}
			m.Annotations = map[string]string{"i": fmt.Sprint(i)}
		})
		c.push(sum(string(body)), body).want(t, http.StatusCreated, "").header(t, "OCI-Subject", subject)
	}
	seen := map[digest.Digest]bool{}
	pages := 0
	for path := repo + "/referrers/" + subject + "?artifactType=application/vnd.example.artifact"; path != ""; pages++ {
		got := c.do(http.MethodGet, path, nil).want(t, http.StatusOK, "").
			header(t, "Content-Type", ocispec.MediaTypeImageIndex).header(t, "OCI-Filters-Applied", "artifactType")
		var index ocispec.Index
		if err := json.Unmarshal([]byte(got.body), &index); err != nil {
			t.Fatal(err)
		}
		for _, d := range index.Manifests {
			if d.ArtifactType != "application/vnd.example.artifact" || d.Annotations["i"] == "" {
				t.Errorf("descriptor %+v", d)
			}
			seen[d.Digest] = true
		}
		path = nextPage(got)
	}
	if len(seen) != 3 || pages != 2 {
		t.Errorf("%d referrers on %d pages", len(seen), pages)
	}
	none := c.do(http.MethodGet, repo+"/referrers/"+sum("x")+"?artifactType=a", nil).want(t, http.StatusOK, "")
	if !strings.Contains(none.body, `"manifests":[]`) {
		t.Errorf("none: %s", none.body)
	}
}

// Annotations have no bound of their own; answers do.
func TestReferrersAnswerIsBounded(t *testing.T) {
	t.Parallel()
	c := serve(t, ocihttp.Options{})
	c.blob("{}")
	subject := sum("the subject")
	for i := range 3 {
		body := registrytest.Image(func(m *ocispec.Manifest) {
			m.Subject = &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.Digest(subject), Size: 1}
			m.Annotations = map[string]string{"i": fmt.Sprint(i), "filler": strings.Repeat("<", 600_000)}
		})
		c.push(sum(string(body)), body).want(t, http.StatusCreated, "")
	}
	pages := 0
	for path := repo + "/referrers/" + subject; path != ""; pages++ {
		got := c.do(http.MethodGet, path, nil).want(t, http.StatusOK, "")
		if len(got.body) > 4<<20 {
			t.Errorf("an answer of %d bytes", len(got.body))
		}
		path = nextPage(got)
	}
	if pages != 3 {
		t.Errorf("%d pages", pages)
	}
}

// The largest manifests are all annotations. One request must not make the
// server read a thousand of them to answer with one.
func TestReferrersAreReadAFewAtATime(t *testing.T) {
	t.Parallel()
	s := &countingStore{Store: newStore(t, blobs.Options{})}
	registrytest.Put(t, s, "acme/privacy", "{}")
	subject := digest.Digest(sum("the subject"))
	const all = 40
	for i := range all {
		registrytest.PushImage(t, s, "acme/privacy", registrytest.Image(func(m *ocispec.Manifest) {
			m.Subject = &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: subject, Size: 1}
			m.Annotations = map[string]string{"i": fmt.Sprint(i)}
		}), nil)
	}
	server := httptest.NewServer(ocihttp.New(ocihttp.Single(s), ocihttp.Options{}))
	t.Cleanup(server.Close)
	c := &client{t: t, url: server.URL, store: s}
	got := c.do(http.MethodGet, repo+"/referrers/"+string(subject), nil).want(t, http.StatusOK, "").header(t, "Link", "")
	var index ocispec.Index
	if err := json.Unmarshal([]byte(got.body), &index); err != nil || len(index.Manifests) != all {
		t.Errorf("%d referrers, %v", len(index.Manifests), err)
	}
	if most := s.most.Load(); most == 0 || most > 20 {
		t.Errorf("%d at a time", most)
	}
}

// countingStore remembers how many referrers it was asked for at once.
type countingStore struct {
	registry.Store
	most atomic.Int64
}

func (s *countingStore) Referrers(ctx context.Context, repo registry.Name, subject mesh.Digest, artifactType string, after mesh.Digest, limit int) ([]registry.ManifestInfo, error) {
	s.most.Store(max(s.most.Load(), int64(limit)))
	return s.Store.Referrers(ctx, repo, subject, artifactType, after, limit)
}

// nextPage returns the link to the next page, "" at the end.
func nextPage(a answer) string {
	link, ok := strings.CutSuffix(a.Header.Get("Link"), `>; rel="next"`)
	if !ok {
		return ""
	}
	return strings.TrimPrefix(link, "<")
}

func TestListsInPages(t *testing.T) {
	t.Parallel()
	c := serve(t, ocihttp.Options{PageSize: 3})
	c.blob("{}")
	body := registrytest.Image(nil)
	for _, tag := range []string{"e", "d", "c", "b", "a"} {
		c.push(tag, body).want(t, http.StatusCreated, "")
	}
	var tags []string
	for path := repo + "/tags/list?n=2"; path != ""; {
		got := c.do(http.MethodGet, path, nil).want(t, http.StatusOK, "")
		var list struct{ Tags []string }
		if err := json.Unmarshal([]byte(got.body), &list); err != nil {
			t.Fatal(err)
		}
		tags = append(tags, list.Tags...)
		path = nextPage(got)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d", "e"}, tags); diff != "" {
		t.Error(diff)
	}
	for query, want := range map[string]string{
		"?n=0":          `{"name":"acme/privacy","tags":[]}`,
		"?n=99":         `{"name":"acme/privacy","tags":["a","b","c"]}`, // no more than we give
		"?last=c":       `{"name":"acme/privacy","tags":["d","e"]}`,
		"?last=zzz&n=1": `{"name":"acme/privacy","tags":[]}`,
	} {
		if got := c.do(http.MethodGet, repo+"/tags/list"+query, nil); got.body != want {
			t.Errorf("%s: %s", query, got.body)
		}
	}
	if got := c.do(http.MethodGet, "/v2/_catalog?n=1", nil); got.body != `{"repositories":["acme/privacy"]}` || nextPage(got) != "" {
		t.Errorf("catalog: %s", got.body)
	}
}

func TestOnPush(t *testing.T) {
	t.Parallel()
	var events []string
	c := serve(t, ocihttp.Options{OnPush: func(_ context.Context, e *registry.Event) {
		events = append(events, fmt.Sprintf("%s %v", e.Kind, e.Tags))
	}})
	c.blob("{}")
	body := registrytest.Image(nil)
	c.push("1.0.0", body).want(t, http.StatusCreated, "")
	c.push("1.0.0", body).want(t, http.StatusCreated, "")
	c.push("1.0.0", registrytest.Image(nil, "missing")).want(t, http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN")
	c.push("stable", body).want(t, http.StatusCreated, "")
	c.do(http.MethodDelete, repo+"/manifests/"+sum(string(body)), nil).want(t, http.StatusAccepted, "")
	want := []string{"manifest.pushed [1.0.0]", "tag.moved [stable]", "manifest.deleted [1.0.0 stable]"}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestInternalErrorsAreNotShown(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	handler := ocihttp.New(func(*http.Request) (registry.Store, error) {
		return nil, errors.New("password of the database is hunter2")
	}, ocihttp.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	w := httptest.NewRecorder()
	w.Header().Set("X-Request-Id", "req_1")
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, repo+"/tags/list", nil))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "hunter2") || !strings.Contains(w.Body.String(), "UNKNOWN") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "hunter2") || !strings.Contains(log.String(), "req_1") {
		t.Errorf("log: %s", &log)
	}
}

func TestBusyStoreSaysWhen(t *testing.T) {
	t.Parallel()
	for code, want := range map[mesh.Code]string{mesh.CodeUnavailable: "UNAVAILABLE", mesh.CodeRateLimited: "TOOMANYREQUESTS"} {
		c := serve(t, ocihttp.Options{Authorize: func(*http.Request, registry.Name, ocihttp.Access) error {
			return mesh.Errorf(code, "not now")
		}})
		c.do(http.MethodGet, "/v2/", nil).want(t, code.HTTPStatus(), want).header(t, "Retry-After", "1")
	}
}
